{{- define "portcullis.name" -}}
{{ .Values.fullnameOverride | default (.Values.nameOverride | default .Release.Name) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "portcullis.selectorLabels" -}}
app: portcullis
app.kubernetes.io/name: portcullis
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "portcullis.labels" -}}
{{ include "portcullis.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "portcullis.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (ternary (include "portcullis.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "portcullis.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* The Secret with the certificate, for the two sources that are Secrets. */}}
{{- define "portcullis.tlsSecret" -}}
{{ ternary .Values.tls.secretName (printf "%s-tls" (include "portcullis.name" .)) (eq .Values.tls.source "secret") }}
{{- end }}

{{/* What Portcullis reads: `config`, and what the chart itself decides. */}}
{{- define "portcullis.config" -}}
{{- $own := dict
  "policies" (list "/etc/portcullis/policies")
  "listen" (printf "0.0.0.0:%v" .Values.ports.grpc)
  "health" (printf "0.0.0.0:%v" .Values.ports.health)
  "drainSeconds" .Values.drainSeconds }}
{{- if ne .Values.tls.source "none" }}
{{- $_ := set $own "tls" (dict
  "certFile" "/etc/portcullis/tls/tls.crt"
  "keyFile" "/etc/portcullis/tls/tls.key"
  "clientCaFile" "/etc/portcullis/tls/ca.crt"
  "allowedClients" .Values.tls.allowedClients) }}
{{- end }}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $own) }}
{{- end }}
