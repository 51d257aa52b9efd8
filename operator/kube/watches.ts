// All that the operator watches, each kind in one store per namespace that it may see (or one for the whole cluster), and what
// is kept of each object: managedFields and what nobody reads would be most of the memory.
import { INJECT_LABEL, MANAGED_BY, MANAGED_BY_LABEL } from '../../contract/names.ts'
import type { Log } from '../../process/log.ts'
import type { LLMProvider } from '../api/llm-provider.ts'
import type { LLMRoute } from '../api/llm-route.ts'
import type { ObjectMeta } from '../api/object-meta.ts'
import type { NamespaceLabels } from '../resolve/snapshot.ts'
import { type RawPod, type SidecarPod, sidecarPodOf } from '../rollout/pod.ts'
import type { KubeClient } from './client.ts'
import type { Clock } from './clock.ts'
import type { Change, KubeObject } from './object-store.ts'
import { type Reflector, startReflector } from './reflector.ts'
import { CONFIG_MAPS, LLM_PROVIDERS, LLM_ROUTES, NAMESPACES, PODS, type Resource, SECRETS } from './resource.ts'

/** By `namespace/name`, or by name where a kind has no namespace. */
export interface Watched<Stored> {
  /** What was seen last of all namespaces that are watched. */
  all(): Stored[]
  get(key: string): Stored | undefined
}

export interface Watches {
  readonly providers: Watched<SeenProvider>
  readonly routes: Watched<SeenRoute>
  readonly namespaces: Watched<SeenNamespace>
  /** Pods that ask for a sidecar. */
  readonly pods: Watched<SidecarPod>
  /** Every Secret's version: values are read elsewhere, and only those that are referenced. */
  readonly secretVersions: Watched<Version>
  /** Those of the ConfigMaps and Secrets that the operator wrote. */
  readonly configMapVersions: Watched<Version>
  /** Resolves when all of it was listed once. */
  readonly synced: Promise<void>
  /** Milliseconds since the API server last said anything to the watch that has waited longest. */
  silentMs(): number
  close(): void
}

/** Says how new its status is. */
export type SeenProvider = LLMProvider & { metadata: { resourceVersion: string } }
export type SeenRoute = LLMRoute & { metadata: { resourceVersion: string } }

export interface SeenNamespace extends NamespaceLabels {
  /** Nothing can be created there any more. */
  readonly isTerminating: boolean
}

export interface Version {
  readonly namespace: string
  readonly name: string
  readonly version: string
  /** Labelled as the operator's own. */
  readonly isOwn: boolean
}

/** What to do when an object comes, goes or is different. Called once per change, in the order of each object's changes. */
export interface WatchHandlers {
  provider(change: Change<SeenProvider>): void
  route(change: Change<SeenRoute>): void
  namespace(change: Change<SeenNamespace>): void
  pod(change: Change<SidecarPod>): void
  secret(change: Change<Version>): void
  configMap(change: Change<Version>): void
}

export interface WatchesOptions {
  client: KubeClient
  /** Empty: the whole cluster. */
  namespaces: readonly string[]
  on: WatchHandlers
  clock: Clock
  random(): number
  log: Log
}

interface Kind<Stored> {
  resource: Resource
  content: 'Whole' | 'Metadata'
  labelSelector?: string
  keep(object: KubeObject): Stored
  onChange(change: Change<Stored>): void
}

export function startWatches({ client, namespaces, on, clock, random, log }: WatchesOptions): Watches {
  const reflectors: Reflector<unknown>[] = []
  const common = { client, random, log, now: clock.uptime, startTimer: clock.startTimer }
  const watch = <Stored>(kind: Kind<Stored>): Watched<Stored> => {
    const scoped = kind.resource.scope === 'Cluster' || namespaces.length === 0 ? [undefined] : namespaces
    const started = scoped.map((namespace) =>
      startReflector({ ...common, ...kind, ...(namespace !== undefined && { namespace }) }),
    )
    reflectors.push(...started)
    return {
      all: () => started.flatMap(({ objects }) => [...objects.values()]),
      get: (key) => started.map(({ objects }) => objects.get(key)).find((found) => found !== undefined),
    }
  }
  const providers = watch({ resource: LLM_PROVIDERS, content: 'Whole', keep: providerOf, onChange: on.provider })
  const routes = watch({ resource: LLM_ROUTES, content: 'Whole', keep: routeOf, onChange: on.route })
  const pods = watch({
    ...{ resource: PODS, content: 'Whole', labelSelector: `${INJECT_LABEL}=true` },
    ...{ keep: (object: KubeObject) => sidecarPodOf(object as RawPod), onChange: on.pod },
  })
  const secretVersions = watch({ resource: SECRETS, content: 'Metadata', keep: versionOf, onChange: on.secret })
  const configMapVersions = watch({
    ...{ resource: CONFIG_MAPS, content: 'Metadata', labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}` },
    ...{ keep: versionOf, onChange: on.configMap },
  })
  // A Role cannot give the right to read Namespaces: there, only their names are known.
  const watched = watchNamespaces()
  return {
    ...{ providers, routes, pods, secretVersions, configMapVersions, namespaces: watched },
    synced: Promise.all(reflectors.map(({ synced }) => synced)).then(() => {}),
    silentMs: () => Math.max(...reflectors.map((reflector) => reflector.silentMs())),
    close() {
      for (const reflector of reflectors) reflector.close()
    },
  }

  function watchNamespaces(): Watched<SeenNamespace> {
    if (namespaces.length === 0)
      return watch({ resource: NAMESPACES, content: 'Metadata', keep: namespaceOf, onChange: on.namespace })
    const known = new Map(
      namespaces.map((name) => [name, { name, labels: { [NAME_LABEL]: name }, isTerminating: false }]),
    )
    return { all: () => [...known.values()], get: (key) => known.get(key) }
  }
}

/** Every namespace has it: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name */
const NAME_LABEL = 'kubernetes.io/metadata.name'

function providerOf(object: KubeObject): SeenProvider {
  const { spec, status } = specified<LLMProvider>(object)
  const { apiVersion, kind } = LLM_PROVIDERS
  return { apiVersion, kind, metadata: metaOf(object), spec, status } as SeenProvider
}

function routeOf(object: KubeObject): SeenRoute {
  const { spec, status } = specified<LLMRoute>(object)
  const { apiVersion, kind } = LLM_ROUTES
  return { apiVersion, kind, metadata: metaOf(object), spec, status } as SeenRoute
}

/** Admission sees to the rest; but one that came past it must not end all others. */
function specified<Kind extends LLMProvider | LLMRoute>(object: KubeObject): Kind {
  if (typeof object.spec !== 'object' || object.spec === null) throw new Error('it has no spec')
  return object as unknown as Kind
}

function metaOf({ metadata }: KubeObject): ObjectMeta & { resourceVersion: string } {
  const { name, namespace = '', uid, generation, creationTimestamp, resourceVersion } = metadata
  return {
    ...{ name, namespace, uid, resourceVersion },
    ...(generation !== undefined && { generation }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
  }
}

function namespaceOf({ metadata: { name, labels = {}, deletionTimestamp } }: KubeObject): SeenNamespace {
  return { name, labels, isTerminating: deletionTimestamp !== undefined }
}

function versionOf({ metadata: { name, namespace = '', resourceVersion, labels } }: KubeObject): Version {
  return { namespace, name, version: resourceVersion, isOwn: labels?.[MANAGED_BY_LABEL] === MANAGED_BY }
}
