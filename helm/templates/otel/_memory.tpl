{{- /* 80 % of a container's limit of memory, as Go reads it; "off" where there is no limit. Given: resources. */}}
{{- define "chart.goMemoryLimit" -}}
{{- $limit := dig "limits" "memory" "" . | toString }}
{{- $number := regexFind "^[0-9]+" $limit | int }}
{{- if hasSuffix "Gi" $limit }}
{{- printf "%dMiB" (div (mul $number 1024 8) 10) }}
{{- else if hasSuffix "Mi" $limit }}
{{- printf "%dMiB" (div (mul $number 8) 10) }}
{{- else }}
{{- "off" }}
{{- end }}
{{- end }}
