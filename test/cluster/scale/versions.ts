// What a change has touched. In: two looks at the cluster. Out: the objects whose resourceVersion differs, so that also a write that
// nobody meant is seen. Leases and events are left out: they are written all the time.
import type { KubeClient } from '../../../operator/kube/client.ts'
import {
  CONFIG_MAPS,
  LLM_PROVIDERS,
  LLM_ROUTES,
  PODS,
  pathOf,
  type Resource,
  SECRETS,
} from '../../../operator/kube/resource.ts'

/** resourceVersion by `Kind namespace/name`. */
export type Versions = ReadonlyMap<string, string>

const LOOKED_AT: readonly Resource[] = [PODS, CONFIG_MAPS, SECRETS, LLM_PROVIDERS, LLM_ROUTES]
const SHOWN_MAX = 5
const AS_METADATA = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'

export async function lookAtVersions(client: KubeClient): Promise<Versions> {
  const lists = await Promise.all(LOOKED_AT.map((resource) => versionsOf(client, resource)))
  return new Map(lists.flat())
}

/** Sorted. */
export function touched(before: Versions, after: Versions): string[] {
  const keys = new Set([...before.keys(), ...after.keys()])
  return [...keys].filter((key) => before.get(key) !== after.get(key)).sort()
}

/** For people: the first few. */
export function someOf(keys: readonly string[]): string {
  const others = keys.length - SHOWN_MAX
  return `${keys.slice(0, SHOWN_MAX).join(', ')}${others > 0 ? ` and ${others} more` : ''}`
}

async function versionsOf(client: KubeClient, resource: Resource): Promise<[string, string][]> {
  const { items } = await client.request<{
    items: { metadata: { namespace: string; name: string; resourceVersion: string } }[]
  }>({ method: 'GET', path: pathOf(resource), accept: AS_METADATA, timeoutMs: 60_000 })
  return items.map(({ metadata: { namespace, name, resourceVersion } }) => [
    `${resource.kind} ${namespace}/${name}`,
    resourceVersion,
  ])
}
