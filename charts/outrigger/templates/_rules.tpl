{{- /*
What the operator may do where it watches: rules of a ClusterRole, or of a Role in each of watchNamespaces. They are as
narrow as RBAC allows, and each says why it is there.
*/}}
{{- define "outrigger.rules" -}}
# Providers and routes are what it compiles.
- apiGroups: [outrigger.dev]
  resources: [llmproviders, llmroutes]
  verbs: [list, watch]
# Conditions and counts go to the status; what people wrote is never changed.
- apiGroups: [outrigger.dev]
  resources: [llmproviders/status, llmroutes/status]
  verbs: [patch]
# Labelled pods are counted and asked which revision they run, and what they use of shared limits. A patch of an annotation makes
# the kubelet deliver a new configuration, or shares of limits, at once.
{{- if include "outrigger.fenced" . }} Every other change is refused by ValidatingAdmissionPolicy {{ include "outrigger.fullname" . }}-fence.
{{- else }} RBAC cannot limit it to that.
{{- end }}
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
# Keys and certificates that providers refer to. It lists and watches metadata only, and gets what a provider names; but
# RBAC knows neither: whoever may list the metadata may list the values.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
# The credentials of a namespace's sidecars. They are written by server-side apply only, whose path holds the name, so that
# `create` can be restricted too.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [outrigger-credentials]
  verbs: [create, patch, delete]
# The configuration of a namespace's sidecars; the numbered ones are there when it is too large for one.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames:
  - outrigger-config
  {{- range $number := until 7 }}
  - outrigger-config-{{ add $number 1 }}
  {{- end }}
  verbs: [create, patch, delete]
# What is used up of shared limits when no pod is left to tell; bounded, and written rarely.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [outrigger-limits]
  verbs: [get, create, patch, delete]
# It notices when one of the configuration's was changed or deleted by somebody else; metadata only.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch]
# Events on providers and routes.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- /* Not empty where the API server has ValidatingAdmissionPolicies. */}}
{{- define "outrigger.fenced" -}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}true{{ end -}}
{{- end -}}
