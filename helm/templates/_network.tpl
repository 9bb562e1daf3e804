{{- /* A NetworkPolicy's head, which closes everything to and from the pods of a component. Given: root, component. */}}
{{- define "chart.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "chart.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "chart.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end }}

{{- /* A peer: the pods of a component. Given: root, component. */}}
{{- define "chart.peer" -}}
- podSelector:
    matchLabels:
      {{- include "chart.selector" . | nindent 6 }}
{{- end }}

{{- /* A rule for DNS. */}}
{{- define "chart.dnsRule" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}

{{- /* The peers that the API and the workers are, as the chart's Redis and collector see them. Given: root. */}}
{{- define "chart.appPeers" -}}
{{- include "chart.peer" (dict "root" .root "component" "api") }}
{{- range $name, $_ := include "chart.groups" .root | fromYaml }}
{{ include "chart.peer" (dict "root" $.root "component" (printf "worker-%s" $name)) }}
{{- end }}
{{- end }}

{{- /* What the API and the workers may reach. */}}
{{- define "chart.appEgress" -}}
{{- include "chart.dnsRule" . }}
{{- if .Values.redis.enabled }}
- to:
    {{- include "chart.peer" (dict "root" . "component" "redis") | nindent 4 }}
  ports: [{port: 6379}]
{{- else }}
- ports: [{port: {{ .Values.redis.external.port }}}]
  {{- with .Values.networkPolicy.redisTo }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- if include "chart.ownCollector" . }}
- to:
    {{- include "chart.peer" (dict "root" . "component" "otel-collector") | nindent 4 }}
  ports: [{port: 4317}, {port: 4318}]
{{- else if .Values.otel.enabled }}
{{- $host := (urlParse .Values.otel.endpoint).host }}
- ports: [{port: {{ regexFind ":[0-9]+$" $host | trimPrefix ":" | default (hasPrefix "https" .Values.otel.endpoint | ternary "443" "80") }}}]
  {{- with .Values.networkPolicy.otelTo }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
