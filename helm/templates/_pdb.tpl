{{- /* A PodDisruptionBudget, where there can be several pods. Given: root, component, values. */}}
{{- define "chart.pdb" -}}
{{- if and .values.podDisruptionBudget.enabled (include "chart.several" .values) }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "chart.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .values.podDisruptionBudget.maxUnavailable }}
  # A pod that takes no jobs must not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "chart.selector" . | nindent 6 }}
{{- end }}
{{- end }}
