{{- /*
Mistakes that values.schema.json cannot see, or cannot say in words. Included by the Deployment, so that every command checks them.
*/}}
{{- define "outrigger.checks" -}}
{{- if and (eq .Values.certificates.mode "Secret") (not .Values.certificates.secretName) -}}
{{- fail "certificates.secretName: certificates.mode Secret needs the name of a Secret with tls.crt, tls.key and ca.crt" -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.name: name the ServiceAccount that is there, or leave serviceAccount.create true" -}}
{{- end -}}
{{- if and (eq .Values.injection.mode "Policy") (semverCompare "<1.36.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "injection.mode: Policy needs Kubernetes 1.36 or later, for MutatingAdmissionPolicy; this is %s" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if and .Values.store.url .Values.store.existingSecret.name -}}
{{- fail (printf "store.existingSecret.name: store.url is set too; keep one, and put the URL into Secret %s if it holds a password" .Values.store.existingSecret.name) -}}
{{- end -}}
{{- $values := dict
  "OUTRIGGER_LOG_LEVEL" "injection.logLevel"
  "OUTRIGGER_DRAIN_TIMEOUT" "injection.drainTimeout"
  "OUTRIGGER_BODY_TOTAL_MAX" "injection.bodyTotalMax"
  "OUTRIGGER_ANSWERS_MAX" "injection.answersMax"
  "OUTRIGGER_STORE" "store.existingSecret or store.url"
  "OUTRIGGER_STORE_TIMEOUT" "store.timeout"
  "OUTRIGGER_ON_STORE_FAILURE" "store.onFailure"
-}}
{{- $fixed := list "OUTRIGGER_LISTEN" "OUTRIGGER_ADMIN" "OUTRIGGER_CONFIG_DIR" "OUTRIGGER_LABELS" "OUTRIGGER_LIMIT_SHARES" "OUTRIGGER_POD" "OUTRIGGER_WORKLOAD" -}}
{{- range $name, $_ := .Values.injection.env -}}
{{- with get $values $name -}}
{{- fail (printf "injection.env.%s: set %s instead" $name .) -}}
{{- end -}}
{{- if has $name $fixed -}}
{{- fail (printf "injection.env.%s: injection sets this variable itself" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
