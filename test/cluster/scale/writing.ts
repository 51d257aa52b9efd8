// Writes of the measurement itself, many at a time. In: objects. Out: nothing, or the first error.
import type { KubeClient } from '../../../operator/kube/client.ts'
import {
  CONFIG_MAPS,
  LLM_PROVIDERS,
  LLM_ROUTES,
  NAMESPACES,
  PODS,
  pathOf,
  type Resource,
  SECRETS,
} from '../../../operator/kube/resource.ts'

const AT_ONCE = 16
const TIMEOUT_MS = 60_000
const RESOURCES: readonly Resource[] = [CONFIG_MAPS, LLM_PROVIDERS, LLM_ROUTES, NAMESPACES, PODS, SECRETS]

interface KubernetesObject {
  kind: string
  metadata: { name: string; namespace?: string }
}

/** `DryRun`: admission is asked, nothing is stored. */
export async function createAll(client: KubeClient, objects: readonly object[], how?: 'DryRun'): Promise<void> {
  await inParallel(objects as readonly KubernetesObject[], async (object) => {
    const resource = RESOURCES.find(({ kind }) => kind === object.kind)
    if (resource === undefined) throw new Error(`no resource for ${object.kind}`)
    const path = pathOf(resource, { namespace: object.metadata.namespace })
    const query = how === 'DryRun' ? { dryRun: 'All' } : {}
    await client.request({ method: 'POST', path, query, body: object, timeoutMs: TIMEOUT_MS })
  })
}

export interface Target {
  resource: Resource
  namespace: string
  name: string
  subresource?: string
}

/** The object's generation then. */
export async function mergePatch(client: KubeClient, target: Target, body: object): Promise<number> {
  const { resource, ...place } = target
  const contentType = 'application/merge-patch+json'
  const { metadata } = await client.request<{ metadata: { generation?: number } }>({
    ...{ method: 'PATCH', path: pathOf(resource, place), contentType, body, timeoutMs: TIMEOUT_MS },
  })
  return metadata.generation ?? 0
}

export async function remove(client: KubeClient, { resource, ...place }: Target): Promise<void> {
  await client.request({ method: 'DELETE', path: pathOf(resource, place), timeoutMs: TIMEOUT_MS })
}

export async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const iterator = items.values()
  const worker = async (): Promise<void> => {
    for (const item of iterator) await act(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}
