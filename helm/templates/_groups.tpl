{{- /* The worker groups that are there, each merged over workerDefaults, as a map in YAML. */}}
{{- define "chart.groups" -}}
{{- $groups := dict }}
{{- range $name, $values := .Values.workers }}
{{- $group := mergeOverwrite (deepCopy $.Values.workerDefaults) (deepCopy ($values | default dict)) }}
{{- if $group.enabled }}
{{- include "chart.checkGroup" (dict "name" $name "group" $group "root" $) }}
{{- $_ := set $groups $name $group }}
{{- end }}
{{- end }}
{{- toYaml $groups }}
{{- end }}

{{- /* Refuse what the schema can't see, since it sees no merged values. Given: name, group, root. */}}
{{- define "chart.checkGroup" -}}
{{- $path := printf "workers.%s" .name }}
{{- if not .group.queues }}
{{- fail (printf "%s.queues is empty: name the queues that the group works on, or set %s.enabled to false" $path $path) }}
{{- end }}
{{- include "chart.checkAutoscaling" (dict "path" $path "values" .group) }}
{{- $name := printf "%s-worker-%s" (include "chart.fullname" .root) .name }}
{{- if gt (len $name) 63 }}
{{- fail (printf "%s: the name %s has %d characters, and 63 at most are possible: take a shorter one, or set fullnameOverride" $path $name (len $name)) }}
{{- end }}
{{- end }}

{{- /* Given: path, values (of a worker group or the API). */}}
{{- define "chart.checkAutoscaling" -}}
{{- with .values.autoscaling }}
{{- if ne .type "none" }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "%s.autoscaling.minReplicas is %d, but should be %d at most, which is maxReplicas" $.path (int .minReplicas) (int .maxReplicas)) }}
{{- end }}
{{- end }}
{{- if and (eq .type "hpa") (not (dig "requests" "cpu" "" $.values.resources)) }}
{{- fail (printf "%s.resources.requests.cpu is not set, but %s.autoscaling.type is hpa, which scales by percent of it" $.path $.path) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Whether there can be several pods: "true", or nothing. Given: the values of a group or the API. */}}
{{- define "chart.several" -}}
{{- if eq .autoscaling.type "none" }}
{{- if gt (int .replicas) 1 }}true{{ end }}
{{- else }}
{{- if gt (int .autoscaling.maxReplicas) 1 }}true{{ end }}
{{- end }}
{{- end }}

{{- /* What ending takes beyond the jobs' grace, in seconds; compose.yaml has the same. */}}
{{- define "chart.workerGrace" -}}
{{- add (int .graceSeconds) 15 }}
{{- end }}
{{- define "chart.apiGrace" -}}
{{- add (int .preStopSeconds) (int .graceSeconds) 5 }}
{{- end }}
