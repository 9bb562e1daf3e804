{{- /* What every pod has that is not its containers: who it is and where it may run. Given: root, values, user. */}}
{{- define "chart.podCommon" -}}
serviceAccountName: {{ include "chart.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* How pods are replaced. Given: a strategy, which may have what its type does not take, from the defaults. */}}
{{- define "chart.strategy" -}}
{{- toYaml (eq .type "Recreate" | ternary (omit . "rollingUpdate") .) }}
{{- end }}

{{- define "chart.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* Given: root, component, values. */}}
{{- define "chart.spread" -}}
topologySpreadConstraints:
{{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
{{- else }}
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "chart.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end }}

{{- /* The annotations that make new pods of new settings and passwords. Given: root, values. */}}
{{- define "chart.appAnnotations" -}}
checksum/settings: {{ include "chart.settings" .root | sha256sum }}
{{- with include "chart.redisPasswordChecksum" .root }}
checksum/redis-password: {{ . }}
{{- end }}
{{- with .values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The environment that the API and the workers have in common, beside the settings. */}}
{{- define "chart.appEnv" -}}
{{- if include "chart.redisSecret" . }}
- {name: REDIS_PASSWORD_FILE, value: /run/redis-password/password}
{{- end }}
{{- if .Values.otel.enabled }}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: service.namespace={{ .Values.otel.namespace }},k8s.namespace.name={{ .Release.Namespace }},k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME)
{{- with .Values.otel.headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $.Values.otel.headersKey }}}}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The container of the API, a worker or a test. Given: root, values, command, and env that it alone has. */}}
{{- define "chart.appContainer" -}}
image: {{ include "chart.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command: {{ toJson .command }}
envFrom:
  - configMapRef: {name: {{ include "chart.fullname" .root }}-settings}
  {{- with .root.Values.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  {{- range $name, $value := .env }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
  {{- with include "chart.appEnv" .root | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
securityContext:
  {{- include "chart.containerSecurity" . | nindent 2 }}
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- if include "chart.redisSecret" .root }}
  - {name: redis-password, mountPath: /run/redis-password, readOnly: true}
  {{- end }}
  {{- if and (not .root.Values.redis.enabled) .root.Values.redis.external.caSecret }}
  - {name: redis-ca, mountPath: /run/redis-ca, readOnly: true}
  {{- end }}
  {{- with .root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "chart.appVolumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- with include "chart.redisSecret" . }}
- name: redis-password
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: {{ include "chart.redisSecretKey" $ }}, path: password}]
{{- end }}
{{- if and (not .Values.redis.enabled) .Values.redis.external.caSecret }}
- name: redis-ca
  secret:
    secretName: {{ .Values.redis.external.caSecret }}
    items: [{key: {{ .Values.redis.external.caKey }}, path: ca.crt}]
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
