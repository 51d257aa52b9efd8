{{- /*
What both ways of injection share: the webhook, and the policy in which the API server injects by itself.
*/}}

{{- /*
The sidecar's image as a JSON object {repository, tag, digest, pullPolicy}. It is the operator's, as both are one image; a
field of injection.image that is set replaces the operator's, and tag and digest are replaced together.
*/}}
{{- define "outrigger.injection.imageFields" -}}
{{- $own := .Values.injection.image -}}
{{- $version := ternary $own .Values.image (or (ne $own.tag "") (ne $own.digest "")) -}}
{{- dict
  "repository" ($own.repository | default .Values.image.repository)
  "tag" ($version.tag | default .Chart.AppVersion)
  "digest" $version.digest
  "pullPolicy" ($own.pullPolicy | default .Values.image.pullPolicy)
| toJson -}}
{{- end -}}

{{- define "outrigger.injection.image" -}}
{{- $image := include "outrigger.injection.imageFields" . | fromJson -}}
{{- include "outrigger.imageReference" (dict "image" $image "appVersion" .Chart.AppVersion) -}}
{{- end -}}

{{- /* What sidecars are told of the store: its URL, or the file that the operator brings it in. Empty: there is none. */}}
{{- define "outrigger.injection.store" -}}
{{- if .Values.store.existingSecret.name -}}
file:/etc/outrigger/store-url
{{- else -}}
{{- .Values.store.url -}}
{{- end -}}
{{- end -}}

{{- /* The settings that the operator reads, as JSON. Environment variables are in the order of their names. */}}
{{- define "outrigger.injection.settings" -}}
{{- $image := include "outrigger.injection.imageFields" . | fromJson -}}
{{- $injection := .Values.injection -}}
{{- $variables := merge (dict
  "OUTRIGGER_LOG_LEVEL" $injection.logLevel
  "OUTRIGGER_DRAIN_TIMEOUT" $injection.drainTimeout
  "OUTRIGGER_BODY_TOTAL_MAX" $injection.bodyTotalMax
  "OUTRIGGER_ANSWERS_MAX" $injection.answersMax
) $injection.env -}}
{{- with include "outrigger.injection.store" . -}}
{{- $variables = merge (dict
  "OUTRIGGER_STORE" .
  "OUTRIGGER_STORE_TIMEOUT" $.Values.store.timeout
  "OUTRIGGER_ON_STORE_FAILURE" $.Values.store.onFailure
) $variables -}}
{{- end -}}
{{- $env := list -}}
{{- range $name, $value := $variables -}}
{{- $env = append $env (dict "name" $name "value" (toString $value)) -}}
{{- end -}}
{{- dict
  "version" $image.tag
  "image" (include "outrigger.injection.image" .)
  "imagePullPolicy" $image.pullPolicy
  "resources" $injection.resources
  "env" $env
| toPrettyJson -}}
{{- end -}}

{{- /*
Namespaces in which pods are injected, as a label selector. Never kube-system, so that a broken operator cannot hold up
the cluster's own pods; never the operator's namespace, because its pods must start while no webhook answers.
*/}}
{{- define "outrigger.injection.namespaceSelector" -}}
matchExpressions:
- key: kubernetes.io/metadata.name
  operator: NotIn
  values: {{ concat (list "kube-system" .Release.Namespace) .Values.injection.excludedNamespaces | uniq | toJson }}
{{- with .Values.watchNamespaces }}
- key: kubernetes.io/metadata.name
  operator: In
  values: {{ . | toJson }}
{{- end }}
{{- end -}}
