{{- /*
Parts that the injecting policy and the one that refuses share, in CEL. Lines may be joined: they are in folded YAML.
*/}}

{{- define "outrigger.policy.matchConstraints" -}}
resourceRules:
- apiGroups: [""]
  apiVersions: [v1]
  operations: [CREATE]
  resources: [pods]
  scope: Namespaced
objectSelector:
  matchLabels:
    outrigger.dev/inject: "true"
namespaceSelector:
  {{- include "outrigger.injection.namespaceSelector" . | nindent 2 }}
{{- end -}}

{{- define "outrigger.policy.notOnHostNetwork" -}}
!object.spec.?hostNetwork.orValue(false)
{{- end -}}

{{- define "outrigger.policy.notOnWindows" -}}
object.spec.?os.?name.orValue('') != 'windows'
&& object.spec.?nodeSelector[?'kubernetes.io/os'].orValue('') != 'windows'
{{- end -}}

{{- /* A pod that says that it was injected may have a sidecar and its volume. */}}
{{- define "outrigger.policy.namesAreFree" -}}
!object.spec.containers.exists(c, c.name == 'outrigger')
&& (object.metadata.?annotations[?'outrigger.dev/injected'].hasValue()
|| !object.spec.?initContainers.orValue([]).exists(c, c.name == 'outrigger')
&& !object.spec.?volumes.orValue([]).exists(v, v.name == 'outrigger'))
{{- end -}}

{{- define "outrigger.policy.portsAreFree" -}}
!{{ include "outrigger.policy.allContainers" . }}.exists(c, {{ include "outrigger.policy.takesPort" . }})
{{- end -}}

{{- define "outrigger.policy.takesPort" -}}
c.name != 'outrigger' && c.?ports.orValue([]).exists(p, p.containerPort in [8787, 8788] && p.?protocol.orValue('TCP') == 'TCP')
{{- end -}}

{{- /* dyn, because the type checker takes the elements of the two lists for different types. */}}
{{- define "outrigger.policy.allContainers" -}}
(dyn(object.spec.?initContainers.orValue([])) + dyn(object.spec.containers))
{{- end -}}
