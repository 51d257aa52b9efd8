// A cluster in one process and in virtual time: an API server, a node with its sidecars, and replicas of the operator, as many
// as a test wants. Nothing here asserts.
import type { LLMProvider } from '../../operator/api/llm-provider.ts'
import type { LLMRoute } from '../../operator/api/llm-route.ts'
import { type KubeClient, KubeError } from '../../operator/kube/client.ts'
import { createOperatorMetrics, type OperatorMetrics } from '../../operator/metrics.ts'
import { type Replica, startReplica } from '../../operator/replica.ts'
import { createFakeClient } from '../support/fake-apiserver-client.ts'
import { createFakeCore, type FakeCore } from '../support/fake-apiserver-core.ts'
import type { FaultRates } from '../support/fake-apiserver-faults.ts'
import type { FakeRequest } from '../support/fake-apiserver-request.ts'
import { type Body, type FakeObject, type FakeStore, type Place, StatusError } from '../support/fake-apiserver-store.ts'
import { createFakeNode, type FakeNode, IMAGE } from '../support/fake-node.ts'
import { type Random, seeded } from '../support/random.ts'
import { type RecordedLog, recordedLog } from '../support/recorded-log.ts'
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts'

export interface ClusterOptions {
  seed?: number
  faults?: FaultRates
  staleReads?: number
  eventDelayMs?: number
}

export interface StartedReplica {
  readonly replica: Replica
  readonly log: RecordedLog
  readonly metrics: OperatorMetrics
  /** As when its process is killed: it says and hears nothing any more. */
  kill(): void
  stop(): Promise<void>
}

export interface ReplicaChange {
  namespaces?: string[]
  nudgePodsMax?: number
  storeSecret?: { name: string; key: string }
  /** Stands between it and the API server. */
  between?(client: KubeClient): KubeClient
}

export interface ClusterInProcess {
  readonly clock: VirtualClock
  readonly core: FakeCore
  readonly store: FakeStore
  readonly node: FakeNode
  readonly random: Random
  /** Writes of anybody but tests, in their order: `PATCH shop/pods/web`. */
  readonly writes: string[]
  replica(name: string, change?: ReplicaChange): StartedReplica
  advance(ms: number): Promise<void>
  /** Stops all; gives the number of timers that are left. */
  close(): Promise<number>
}

/** In the past of nobody: certificates and leases compare it. */
const EPOCH_MS = Date.parse('2026-11-21T10:00:00Z')

export function createClusterInProcess(options: ClusterOptions = {}): ClusterInProcess {
  const { seed = 1, faults, staleReads, eventDelayMs = 5 } = options
  const random = seeded(seed)
  const clock = createVirtualClock()
  const { startTimer, now: uptime } = clock
  const now = (): number => EPOCH_MS + uptime()
  const core = createFakeCore({ random, startTimer, now, eventDelayMs, ...(faults && { faults }) })
  const writes = recordWrites(core)
  const { store } = core
  refuseStrayStatuses(store)
  const node = createFakeNode({ store, random, startTimer, ...(staleReads !== undefined && { staleReads }) })
  const started: StartedReplica[] = []

  function replica(
    name: string,
    { namespaces = [], nudgePodsMax = 1000, storeSecret, between }: ReplicaChange = {},
  ): StartedReplica {
    const log = recordedLog()
    const direct = createFakeClient({ core, startTimer, now })
    const line = createLine(between?.(direct) ?? direct)
    const metrics = createOperatorMetrics('1', {
      leads: () => own.isLeader(),
      queued: () => own.queued,
      watchSilentMs: () => own.watchSilentMs,
      certificateExpiresAtMs: () => undefined,
    })
    const own = startReplica({
      ...{ client: line.client, log, metrics, random, asker: node, sidecarImage: IMAGE, onLeading: () => {} },
      settings: {
        ...{ namespace: 'outrigger', podName: name, watchNamespaces: namespaces },
        ...{ storeSecret, nudgeRate: 100, nudgePodsMax },
      },
      clock: { now, uptime, startTimer },
    })
    const it = {
      ...{ replica: own, log, metrics, kill: line.cut },
      async stop() {
        line.bury()
        await finished(own.stop(), clock)
        direct.close()
      },
    }
    started.push(it)
    return it
  }

  return {
    ...{ clock, core, store, node, random, writes, replica },
    advance: (ms) => clock.advance(ms),
    async close() {
      core.faults.set({})
      for (const each of started) await each.stop()
      node.close()
      await clock.advance(60_000)
      return clock.pending
    },
  }
}

/** Virtual time passes until it is done. */
export async function finished<T>(promise: Promise<T>, clock: VirtualClock): Promise<T> {
  let done = false
  void promise.finally(() => {
    done = true
  })
  for (let ms = 0; !done && ms < 120_000; ms += 100) await clock.advance(100)
  if (!done) throw new Error('it did not end within two minutes')
  return promise
}

function recordWrites(core: FakeCore): string[] {
  const writes: string[] = []
  const serve = core.serve.bind(core)
  core.serve = (request, reply) => {
    if (request.method !== 'GET') writes.push(described(request))
    return serve(request, reply)
  }
  return writes
}

/** What the fake API server leaves out: there is no status of what is not there, nor of another object of that name. */
function refuseStrayStatuses(store: FakeStore): void {
  const { create, update } = store
  store.create = (place, body) => {
    if (body.status !== undefined && body.spec === undefined) throw new StatusError(404, 'NotFound', 'not found')
    return create(place, body)
  }
  store.update = (place, body, part) => {
    const { uid } = store.get(place).metadata
    if (body.metadata?.uid !== undefined && body.metadata.uid !== uid)
      throw new StatusError(409, 'Conflict', 'another uid')
    return update(place, body, part)
  }
}

function described({ method, path }: FakeRequest): string {
  return `${method} ${path.replace(/^\/(api|apis\/[^/]+)\/v1[a-z0-9]*\/(namespaces\/)?/, '')}`
}

interface Line {
  client: KubeClient
  /** From now on nobody answers. */
  cut(): void
  /** What waits for an answer gets none, for good. */
  bury(): void
}

function createLine(client: KubeClient): Line {
  const waiting: ((error: Error) => void)[] = []
  let state: 'Whole' | 'Cut' | 'Buried' = 'Whole'
  const dead = (): KubeError => new KubeError('the process is dead', { status: 0, reason: 'Aborted' })
  const silence = (): Promise<never> =>
    state === 'Buried' ? Promise.reject(dead()) : new Promise((_resolve, reject) => waiting.push(reject))
  const unlessDead = async <T>(answer: Promise<T>): Promise<T> => {
    const outcome = await answer.then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error
      },
    )
    return state === 'Whole' ? outcome() : silence()
  }
  return {
    client: {
      request: <Answer>(...args: Parameters<KubeClient['request']>) =>
        state === 'Whole' ? unlessDead(client.request(...args) as Promise<Answer>) : silence(),
      watch: (request, onEvent, signal) =>
        state === 'Whole'
          ? unlessDead(client.watch(request, (event) => state !== 'Whole' || onEvent(event), signal))
          : silence(),
      close: () => client.close(),
    },
    cut() {
      state = 'Cut'
    },
    bury() {
      if (state === 'Cut') state = 'Buried'
      for (const reject of waiting.splice(0)) reject(dead())
    },
  }
}

const GROUP = '/apis/outrigger.dev/v1alpha1'
const COLLECTIONS: Readonly<Record<string, string>> = {
  LLMProvider: `${GROUP}/llmproviders`,
  LLMRoute: `${GROUP}/llmroutes`,
  Secret: '/api/v1/secrets',
  ConfigMap: '/api/v1/configmaps',
  Namespace: '/api/v1/namespaces',
  Pod: '/api/v1/pods',
}

/** `id` is `namespace/name`, or a name. */
export function placeOf(kind: string, id: string): Place {
  const [name = '', namespace] = id.split('/').reverse()
  return { collection: COLLECTIONS[kind] ?? '', namespace, name }
}

/** Creates or replaces it, as a user would. */
export function apply(store: FakeStore, object: LLMProvider | LLMRoute | Body): FakeObject {
  const { metadata, kind } = object as unknown as FakeObject
  const place = { ...placeOf(kind, metadata.name), namespace: metadata.namespace }
  const body = object as unknown as Body
  return store.find(place) === undefined ? store.create(place, body) : store.update(place, body, 'Main')
}

export function namespace(name: string, labels: Record<string, string> = {}): Body {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name, ...labels } },
  }
}

/** `id` is `namespace/name`. */
export function secret(id: string, values: Record<string, string>, type = 'Opaque'): Body {
  const [ns = '', name = ''] = id.split('/')
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  )
  return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: ns, name }, type, data }
}

/** `True Programmed`, or undefined where there is none. */
export function conditionOf(store: FakeStore, kind: string, id: string, type: string): string | undefined {
  const found = statusOf(store, kind, id)?.conditions?.find((condition) => condition.type === type)
  return found && `${found.status} ${found.reason}`
}

export interface SeenStatus {
  observedGeneration?: number
  conditions?: { type: string; status: string; reason: string; message: string }[]
  sidecars?: Record<string, number | string>
}

export function statusOf(store: FakeStore, kind: string, id: string): SeenStatus | undefined {
  return store.find(placeOf(kind, id))?.status as SeenStatus | undefined
}
