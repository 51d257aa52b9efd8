// What people would see of the routes and providers: whether their statuses say that every sidecar has followed. In: the cluster, as
// admin. Out: the last word on each object, and when the last one came.
import type { LLMProvider } from '../../../operator/api/llm-provider.ts'
import type { LLMRoute } from '../../../operator/api/llm-route.ts'
import type { KubeClient } from '../../../operator/kube/client.ts'
import { type KubeObject, type Reflector, startReflector } from '../../../operator/kube/reflector.ts'
import { LLM_PROVIDERS, LLM_ROUTES, type Resource } from '../../../operator/kube/resource.ts'
import { recordedLog } from '../../support/recorded-log.ts'
import { NAMESPACES, PER_NAMESPACE, PODS, PROVIDER_NAMESPACE, PROVIDER_OF_ALL, PROVIDERS } from './objects.ts'

export interface Statuses {
  readonly synced: Promise<unknown>
  /** Every object's status is of its newest generation, and counts every sidecar that it concerns as current. */
  settled(): boolean
  /** The same of one provider, by name, when it is of this generation or a newer one. */
  providerSettled(name: string, generation: number): boolean
  routeSettled(key: string, generation: number): boolean
  /** When a status was different last, as performance.now() says it. */
  readonly changedMs: number
  close(): void
}

interface Seen {
  generation: number
  upToDate: boolean
  total: number
}

export function startStatuses(client: KubeClient): Statuses {
  let changedMs = 0
  const watch = (resource: Resource): Reflector<Seen> =>
    startReflector({
      ...{ client, resource, content: 'Whole' as const, keep: seenOf },
      onChange: () => {
        changedMs = performance.now()
      },
      log: recordedLog(),
      random: Math.random,
      now: () => performance.now(),
    })
  const routes = watch(LLM_ROUTES)
  const providers = watch(LLM_PROVIDERS)
  const providerSettled = (name: string, generation: number): boolean =>
    isSettled(providers.objects.get(`${PROVIDER_NAMESPACE}/${name}`), name === PROVIDER_OF_ALL ? PODS : 0, generation)
  return {
    synced: Promise.all([routes.synced, providers.synced]),
    settled: () =>
      routes.objects.size === NAMESPACES * PER_NAMESPACE &&
      providers.objects.size === PROVIDERS &&
      [...routes.objects.values()].every((route) => isSettled(route, 1, 0)) &&
      [...providers.objects.values()].every((provider) => isSettled(provider, 0, 0)) &&
      providerSettled(PROVIDER_OF_ALL, 0),
    providerSettled,
    routeSettled: (key, generation) => isSettled(routes.objects.get(key), 1, generation),
    get changedMs() {
      return changedMs
    },
    close() {
      routes.close()
      providers.close()
    },
  }
}

function isSettled(seen: Seen | undefined, totalMin: number, generation: number): boolean {
  return seen?.upToDate === true && seen.total >= totalMin && seen.generation >= generation
}

function seenOf(object: KubeObject): Seen {
  const { metadata, status } = object as unknown as LLMRoute | LLMProvider
  const programmed = status?.conditions?.find(({ type }) => type === 'Programmed')
  const { total = 0, current = 0 } = status?.sidecars ?? {}
  const ofGeneration = status?.observedGeneration === metadata.generation
  const { generation = 0 } = metadata
  return { generation, upToDate: ofGeneration && programmed?.status === 'True' && current === total, total }
}
