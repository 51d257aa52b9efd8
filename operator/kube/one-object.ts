// Requests about one object whose name is known: read, create, replace, patch, watch. For what is read now and then and by its name
// (the lease, the webhook's Secret and configuration); a reflector is for what is followed in numbers.
import { FIELD_MANAGER } from '../../contract/names.ts'
import { answerStatus } from './answer-status.ts'
import type { KubeClient, KubeRequest, WatchEvent } from './client.ts'
import { pathOf, type Resource } from './resource.ts'

export interface RequestLimits {
  timeoutMs: number
  signal?: AbortSignal
}

/** All reject with the client's error, but `read`, which gives undefined for 404. */
export interface OneObject<Content> {
  /** `namespace/name`, or the name: for messages. */
  readonly place: string
  read(limits: RequestLimits): Promise<Content | undefined>
  create(content: Content, limits: RequestLimits): Promise<Content>
  /** With the resourceVersion that the content carries. */
  replace(content: Content, limits: RequestLimits): Promise<Content>
  /** Operations as in RFC 6902. */
  patch(operations: readonly unknown[], limits: RequestLimits): Promise<Content>
  /** What happens to it after `resourceVersion`; without one, what there is comes first. */
  watch(resourceVersion: string | undefined, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void>
}

export function oneObject<Content>(
  client: KubeClient,
  resource: Resource,
  { namespace, name }: { namespace?: string; name: string },
): OneObject<Content> {
  const collection = pathOf(resource, { namespace })
  const path = pathOf(resource, { namespace, name })
  const query = { fieldManager: FIELD_MANAGER }
  const send = (request: KubeRequest, { timeoutMs, signal }: RequestLimits): Promise<Content> =>
    client.request<Content>({ ...request, timeoutMs }, signal)
  return {
    place: namespace === undefined ? name : `${namespace}/${name}`,
    async read(limits) {
      try {
        return await send({ method: 'GET', path }, limits)
      } catch (error) {
        if (answerStatus(error) !== 404) throw error
        return undefined
      }
    },
    create: (body, limits) => send({ method: 'POST', path: collection, query, body }, limits),
    replace: (body, limits) => send({ method: 'PUT', path, query, body }, limits),
    patch: (body, limits) =>
      send({ method: 'PATCH', path, query, body, contentType: 'application/json-patch+json' }, limits),
    watch(resourceVersion, onEvent, signal) {
      const since: Record<string, string> = resourceVersion === undefined ? {} : { resourceVersion }
      const filter = { fieldSelector: `metadata.name=${name}`, ...since }
      return client.watch({ method: 'GET', path: collection, query: filter }, onEvent, signal)
    },
  }
}
