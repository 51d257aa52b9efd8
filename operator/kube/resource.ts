// The kinds that the operator reads or writes, and where the API server has them.
//
// A row per kind. Paths are made here only, so that a name can never change which path a request goes to. Asking the API
// server (discovery) was rejected: the operator is built for these versions, and one that is missing must be an error that
// names it, not a kind that silently is not watched.

/** One kind of one API version. */
export interface Resource {
  /** `/api/v1` or `/apis/GROUP/VERSION`. */
  readonly apiPath: string
  /** The word in the path, e.g. `configmaps`. */
  readonly plural: string
  /** `v1` or `GROUP/VERSION`. */
  readonly apiVersion: string
  readonly kind: string
  readonly scope: 'Namespaced' | 'Cluster'
}

export const PODS = core('pods', 'Pod')
export const SECRETS = core('secrets', 'Secret')
export const CONFIG_MAPS = core('configmaps', 'ConfigMap')
export const NAMESPACES: Resource = { ...core('namespaces', 'Namespace'), scope: 'Cluster' }
/** The events API of 1.19 and later; `v1` events are the same objects with older field names. */
export const EVENTS = grouped('events.k8s.io/v1', 'events', 'Event')
export const LEASES = grouped('coordination.k8s.io/v1', 'leases', 'Lease')
export const LLM_PROVIDERS = grouped('outrigger.dev/v1alpha1', 'llmproviders', 'LLMProvider')
export const LLM_ROUTES = grouped('outrigger.dev/v1alpha1', 'llmroutes', 'LLMRoute')
export const MUTATING_WEBHOOK_CONFIGURATIONS: Resource = {
  ...grouped('admissionregistration.k8s.io/v1', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration'),
  scope: 'Cluster',
}

export interface ResourcePlace {
  /** Absent: all namespaces (lists and watches), or a kind that has none. */
  readonly namespace?: string | undefined
  /** Absent: the collection. */
  readonly name?: string | undefined
  /** E.g. `status`. */
  readonly subresource?: string | undefined
}

/** The path of an object or a collection, escaped. */
export function pathOf(resource: Resource, place: ResourcePlace = {}): string {
  const namespaced = resource.scope === 'Namespaced' && place.namespace !== undefined
  const parts = [
    ...(namespaced ? ['namespaces', place.namespace ?? ''] : []),
    resource.plural,
    ...(place.name === undefined ? [] : [place.name]),
    ...(place.subresource === undefined ? [] : [place.subresource]),
  ]
  return `${resource.apiPath}/${parts.map(encodeURIComponent).join('/')}`
}

function core(plural: string, kind: string): Resource {
  return { apiPath: '/api/v1', plural, apiVersion: 'v1', kind, scope: 'Namespaced' }
}

function grouped(apiVersion: string, plural: string, kind: string): Resource {
  return { apiPath: `/apis/${apiVersion}`, plural, apiVersion, kind, scope: 'Namespaced' }
}
