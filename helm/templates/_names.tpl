{{- /* What the names of all objects begin with: the release's name, so that they can be guessed. */}}
{{- define "chart.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* What selects the pods of a component. Given: root, component. */}}
{{- define "chart.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* The labels of an object. Given: root, component. */}}
{{- define "chart.labels" -}}
{{ include "chart.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The labels of a pod: nothing that changes with the chart alone, since that would make new pods. Given: root, component. */}}
{{- define "chart.podLabels" -}}
{{ include "chart.selector" . }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* An object's metadata. Given: root, component, and name where it is not the component's. */}}
{{- define "chart.metadata" -}}
name: {{ .name | default (printf "%s-%s" (include "chart.fullname" .root) .component) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "chart.labels" . | nindent 2 }}
{{- end }}

{{- define "chart.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "chart.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "chart.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Whether there are a collector and a Jaeger of the chart's own: "true", or nothing. */}}
{{- define "chart.ownCollector" -}}
{{- if and .Values.otel.enabled (not .Values.otel.endpoint) }}true{{ end }}
{{- end }}
{{- define "chart.ownJaeger" -}}
{{- if and (include "chart.ownCollector" .) .Values.otel.jaeger.enabled }}true{{ end }}
{{- end }}

{{- define "chart.otelEndpoint" -}}
{{- if .Values.otel.endpoint }}
{{- .Values.otel.endpoint }}
{{- else }}
{{- printf "http://%s-otel-collector:%s" (include "chart.fullname" .) (eq .Values.otel.protocol "grpc" | ternary "4317" "4318") }}
{{- end }}
{{- end }}
