// Requests as the fake API server reads them: paths, selectors, and the two forms in which objects are sent.
import { type FakeObject, type Place, StatusError } from './fake-apiserver-store.ts'

export interface FakeRequest {
  method: string
  /** Without the query. */
  path: string
  query: URLSearchParams
  contentType: string
  accept: string
  body: unknown
}

export interface Target extends Omit<Place, 'name'> {
  /** Absent: the collection. */
  name: string | undefined
  subresource: string | undefined
}

const SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize'])

/** `/api/v1/namespaces/a/pods/b/status` and the like; undefined for what is no path of the API. */
export function parseTarget(path: string): Target | undefined {
  const match = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\/(.+)$/.exec(path)
  if (match === null) return undefined
  const [, apiPath = '', rest = ''] = match
  const parts = rest.split('/').map(decodeURIComponent)
  const inNamespace = parts[0] === 'namespaces' && parts.length > 2 && !SUBRESOURCES.has(parts[2] ?? '')
  const [plural = '', name, subresource] = inNamespace ? parts.slice(2) : parts
  return { collection: `${apiPath}/${plural}`, namespace: inNamespace ? parts[1] : undefined, name, subresource }
}

export type Filter = (object: FakeObject) => boolean

/** Of labelSelector and fieldSelector (name and namespace only). */
export function filterOf(query: URLSearchParams, namespace: string | undefined): Filter {
  const labels = requirementsOf(query.get('labelSelector') ?? '').map(labelRequirement)
  const fields = requirementsOf(query.get('fieldSelector') ?? '').map(fieldRequirement)
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    [...labels, ...fields].every((matches) => matches(object))
}

function requirementsOf(selector: string): string[] {
  return selector.split(/,(?![^(]*\))/).filter((text) => text !== '')
}

function labelRequirement(text: string): Filter {
  const set = /^(\S+)\s+(in|notin)\s+\((.*)\)$/.exec(text)
  if (set !== null) {
    const [, key = '', operator, values = ''] = set
    const listed = values.split(',').map((value) => value.trim())
    return ({ metadata: { labels = {} } }) => listed.includes(labels[key] ?? '\0') === (operator === 'in')
  }
  const equality = /^([^!=]+)(=|==|!=)([^=]*)$/.exec(text)
  if (equality !== null) {
    const [, key = '', operator, value] = equality
    return ({ metadata: { labels = {} } }) => (labels[key] === value) === (operator !== '!=')
  }
  if (text.startsWith('!')) return ({ metadata: { labels = {} } }) => !(text.slice(1) in labels)
  return ({ metadata: { labels = {} } }) => text in labels
}

function fieldRequirement(text: string): Filter {
  const [field, value] = text.split('=')
  if (field === 'metadata.name') return ({ metadata }) => metadata.name === value
  if (field === 'metadata.namespace') return ({ metadata }) => metadata.namespace === value
  throw new StatusError(400, 'BadRequest', `field selector ${text} is not supported by the fake`)
}

export function wantsMetadata(accept: string): boolean {
  return accept.includes('as=PartialObjectMetadata')
}

export function metadataOf({ metadata }: FakeObject): FakeObject {
  return { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata }
}

/** RFC 7396. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergePatch(result[key], value)
  }
  return result
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
