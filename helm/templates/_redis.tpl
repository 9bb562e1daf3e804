{{- define "chart.redisAddress" -}}
{{- if .Values.redis.enabled }}
{{- printf "%s-redis:6379" (include "chart.fullname" .) }}
{{- else }}
{{- printf "%s:%d" .Values.redis.external.host (int .Values.redis.external.port) }}
{{- end }}
{{- end }}

{{- /* The same for who is in another namespace. */}}
{{- define "chart.redisAddressForAll" -}}
{{- if .Values.redis.enabled }}
{{- printf "%s-redis.%s:6379" (include "chart.fullname" .) .Release.Namespace }}
{{- else }}
{{- include "chart.redisAddress" . }}
{{- end }}
{{- end }}

{{- /* What KEDA needs of secrets to ask the broker, as its secretTargetRef; nothing where it needs none. */}}
{{- define "chart.redisAuthentication" -}}
{{- with include "chart.redisSecret" . }}
- {parameter: password, name: {{ . }}, key: {{ include "chart.redisSecretKey" $ }}}
{{- end }}
{{- if and (not .Values.redis.enabled) .Values.redis.external.caSecret }}
- {parameter: ca, name: {{ .Values.redis.external.caSecret }}, key: {{ .Values.redis.external.caKey }}}
{{- end }}
{{- end }}

{{- /* The broker's URL, without the password. */}}
{{- define "chart.redisUrl" -}}
{{- if .Values.redis.enabled }}
{{- printf "redis://%s/0" (include "chart.redisAddress" .) }}
{{- else }}
{{- with .Values.redis.external }}
{{- $user := .username | empty | ternary "" (printf "%s@" (urlquery .username)) }}
{{- $ca := .caSecret | empty | ternary "" "?ssl_ca_certs=/run/redis-ca/ca.crt" }}
{{- printf "%s://%s%s/%d%s" (ternary "rediss" "redis" .tls) $user (include "chart.redisAddress" $) (int .db) $ca }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The secret with the broker's password, and its key; nothing where none is sent. */}}
{{- define "chart.redisSecret" -}}
{{- if .Values.redis.enabled }}
{{- .Values.redis.existingSecret | default (printf "%s-redis" (include "chart.fullname" .)) }}
{{- else }}
{{- .Values.redis.external.existingSecret }}
{{- end }}
{{- end }}
{{- define "chart.redisSecretKey" -}}
{{- if .Values.redis.enabled }}
{{- .Values.redis.existingSecret | empty | ternary "password" .Values.redis.secretKey }}
{{- else }}
{{- .Values.redis.external.secretKey }}
{{- end }}
{{- end }}

{{- /* The password that the chart has made up: that of the cluster, else a new one, the same wherever it is asked for. */}}
{{- define "chart.redisPassword" -}}
{{- if not (hasKey .Values.redis "madeUp") }}
{{- $secret := lookup "v1" "Secret" .Release.Namespace (include "chart.redisSecret" .) }}
{{- $kept := dig "data" "password" "" ($secret | default dict) | b64dec }}
{{- $_ := set .Values.redis "madeUp" ($kept | default (randAlphaNum 40)) }}
{{- end }}
{{- .Values.redis.madeUp }}
{{- end }}

{{- /* Changes with the password. Of a secret that is not the chart's it has the version: a hash would tell of the password. */}}
{{- define "chart.redisPasswordChecksum" -}}
{{- if and .Values.redis.enabled (not .Values.redis.existingSecret) }}
{{- include "chart.redisPassword" . | sha256sum }}
{{- else if include "chart.redisSecret" . }}
{{- $secret := lookup "v1" "Secret" .Release.Namespace (include "chart.redisSecret" .) | default dict }}
{{- printf "%s/%s@%s" (include "chart.redisSecret" .) (include "chart.redisSecretKey" .) (dig "metadata" "resourceVersion" "" $secret) | sha256sum }}
{{- end }}
{{- end }}
