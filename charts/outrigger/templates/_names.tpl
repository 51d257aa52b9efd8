{{- /*
Names and labels that several templates share. `outrigger.fullname` is the release's name, with the chart's in it; 45
characters leave room for the longest suffix.
*/}}

{{- define "outrigger.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "outrigger.selectorLabels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "outrigger.labels" -}}
{{ include "outrigger.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "outrigger.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "outrigger.fullname" .) -}}
{{- end -}}

{{- /* Secret with the webhook's certificate. */}}
{{- define "outrigger.certificateSecretName" -}}
{{- .Values.certificates.secretName | default (printf "%s-webhook-tls" (include "outrigger.fullname" .)) -}}
{{- end -}}

{{- /* In: an `image` value and the chart's version. A digest wins over a tag. */}}
{{- define "outrigger.imageReference" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (.image.tag | default .appVersion) -}}
{{- end -}}
{{- end -}}

{{- define "outrigger.image" -}}
{{- include "outrigger.imageReference" (dict "image" .Values.image "appVersion" .Chart.AppVersion) -}}
{{- end -}}
