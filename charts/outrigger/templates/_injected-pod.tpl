{{- /*
What injection adds to a pod, for the policy: the same as operator/inject/, which a test on a cluster compares. Here it is
YAML; the policy wants CEL, so there is a function that turns one into the other. The policy itself adds OUTRIGGER_WORKLOAD, which
depends on the pod, behind OUTRIGGER_POD.
*/}}

{{- define "outrigger.injectedPod.container" -}}
{{- $settings := include "outrigger.injection.settings" . | fromJson -}}
name: outrigger
image: {{ $settings.image | toJson }}
imagePullPolicy: {{ $settings.imagePullPolicy }}
args: [sidecar]
restartPolicy: Always
env:
- {name: OUTRIGGER_ADMIN, value: "[::]:8788"}
- {name: OUTRIGGER_LIMIT_SHARES, value: assigned}
- {name: OUTRIGGER_POD, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}
{{- range $settings.env }}
- {{ toJson . }}
{{- end }}
ports: [{containerPort: 8788, protocol: TCP}]
startupProbe: {httpGet: {path: /startupz, port: 8788}, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 120}
livenessProbe: {httpGet: {path: /livez, port: 8788}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3}
readinessProbe: {httpGet: {path: /readyz, port: 8788}, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 3}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts: [{name: outrigger, mountPath: /etc/outrigger, readOnly: true}]
{{- end -}}

{{- /* Quantities are texts here: YAML makes numbers of some. */}}
{{- define "outrigger.injectedPod.resources" -}}
{{- $resources := dict -}}
{{- range $part, $quantities := (include "outrigger.injection.settings" . | fromJson).resources -}}
{{- $texts := dict -}}
{{- range $name, $quantity := $quantities -}}
{{- $whole := and (kindIs "float64" $quantity) (eq (floor $quantity) $quantity) -}}
{{- $_ := set $texts $name (toString (ternary (int64 $quantity) $quantity $whole)) -}}
{{- end -}}
{{- $_ := set $resources $part $texts -}}
{{- end -}}
{{- toJson $resources -}}
{{- end -}}

{{- define "outrigger.injectedPod.volume" -}}
name: outrigger
projected:
  defaultMode: 292 # 0444
  sources:
  - configMap: {name: outrigger-config, optional: true}
  {{- range $number := until 7 }}
  - configMap: {name: outrigger-config-{{ add $number 1 }}, optional: true}
  {{- end }}
  - secret: {name: outrigger-credentials, optional: true}
  - downwardAPI:
      items:
      - {path: labels, fieldRef: {apiVersion: v1, fieldPath: metadata.labels}}
      - {path: limit-shares, fieldRef: {apiVersion: v1, fieldPath: "metadata.annotations['outrigger.dev/limit-shares']"}}
{{- end -}}

{{- /*
A value as a CEL literal. All members are dyn: maps and lists of CEL hold values of one type, and Kubernetes' do not. Object
literals (`Object.spec…{}`) were rejected: a list of them makes the API server panic (1.36.2). Numbers are whole ones.
*/}}
{{- define "outrigger.cel" -}}
{{- if kindIs "map" . -}}
{
{{- $first := true -}}
{{- range $name, $value := . -}}
{{- if not $first }}, {{ end -}}
{{- $first = false -}}
{{- toJson $name }}: dyn({{ include "outrigger.cel" $value }})
{{- end -}}
}
{{- else if kindIs "slice" . -}}
[
{{- range $index, $value := . -}}
{{- if $index }}, {{ end -}}
dyn({{ include "outrigger.cel" $value }})
{{- end -}}
]
{{- else if kindIs "float64" . -}}
{{ int64 . }}
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end -}}
