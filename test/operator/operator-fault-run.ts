// One seeded run of the whole operator: people, pods and replicas do what they like while the API server does what it can;
// then all is well, and what is there in the end is judged by what should come out of what was written.
import type { LLMProvider } from '../../operator/api/llm-provider.ts'
import type { LLMRoute } from '../../operator/api/llm-route.ts'
import { type Compiled, compile } from '../../operator/compile/compile.ts'
import { resolve } from '../../operator/resolve/resolve.ts'
import type { Snapshot } from '../../operator/resolve/snapshot.ts'
import { addCounts, countSidecars, type PodRollout } from '../../operator/rollout/count.ts'
import { fingerprintOf, objectKey, sameFor } from '../../operator/rollout/fingerprint.ts'
import { type RawPod, sidecarPodOf } from '../../operator/rollout/pod.ts'
import { statusesOf } from '../../operator/status/statuses.ts'
import { type Body, type FakeObject, type FakeStore, StatusError } from '../support/fake-apiserver-store.ts'
import { filesOf, IMAGE, publishedDocument } from '../support/fake-node.ts'
import { below, pick, type Random } from '../support/random.ts'
import { llmProvider, llmRoute, ruleTo } from '../support/resources.ts'
import {
  apply,
  type ClusterInProcess,
  createClusterInProcess,
  namespace,
  placeOf,
  type StartedReplica,
  secret,
} from './cluster-in-process.ts'
import { randomRates } from './kube/fault-run.ts'

const NAMESPACES = ['ai', 'shop']
const PROVIDERS = ['ai/openai', 'ai/other', 'shop/own']
const ROUTES = ['shop/a', 'shop/b', 'ai/c']
const SECRETS = ['ai/keys', 'ai/more', 'shop/keys']
const PODS = ['shop/web-1', 'shop/web-2', 'shop/job', 'ai/batch']
const KEY = 'sk-canary-'

const ACTIONS_MAX = 40
const REQUESTS_MAX = 40_000
const HEAL_MS = 20 * 60_000
const HEAL_STEP_MS = 20_000
const QUIET_MS = 10 * 60_000

/** Empty when all is as it should be. */
export async function runOperatorWithFaults(seed: number): Promise<string[]> {
  const run = startRun(seed)
  const { cluster, random } = run
  for (let actions = 10 + below(random, ACTIONS_MAX); actions > 0; actions--) {
    act(run)
    await cluster.advance(random() ** 4 * pick(random, [0, 100, 3_000, 60_000]))
  }
  run.endFaults()
  const problems = await heal(run)
  const quiet = await staysQuiet(run)
  const told = keysTold(run)
  const timers = await cluster.close()
  return [...problems, ...quiet, ...told, ...run.overrun(), ...(timers === 0 ? [] : [`${timers} timers are left`])]
}

interface Run {
  cluster: ClusterInProcess
  random: Random
  replicas: StartedReplica[]
  endFaults(): void
  overrun(): string[]
}

function startRun(seed: number): Run {
  // Never 0: what is delivered while something is being delivered would come before it.
  const eventDelayMs = [1, 5, 1_000][seed % 3] ?? 1
  const cluster = createClusterInProcess({ seed, staleReads: (seed % 3) * 0.3, eventDelayMs })
  const { random, core } = cluster
  for (const name of NAMESPACES) apply(core.store, namespace(name))
  for (let actions = 10; actions > 0; actions--) attempt(() => pick(random, RESOURCE_ACTIONS)(cluster, random))
  core.faults.set(randomRates(random))
  const overrun = limitRequests(cluster)
  const replicas = ['one', 'two'].map((name) => cluster.replica(name))
  return { cluster, random, replicas, overrun, endFaults: () => endFaults(cluster) }
}

function endFaults({ core, node, replica }: ClusterInProcess): void {
  core.faults.set({})
  for (const sidecar of node.sidecars()) sidecar.unreachable = false
  replica('last')
}

/** Who asks without a pause would never let virtual time pass: at the limit, nothing is answered any more. */
function limitRequests({ core }: ClusterInProcess): () => string[] {
  const serve = core.serve.bind(core)
  let count = 0
  core.serve = (request, reply) => (++count > REQUESTS_MAX ? () => {} : serve(request, reply))
  return () => (count > REQUESTS_MAX ? ['requests without end'] : [])
}

type Action = (cluster: ClusterInProcess, random: Random) => void

const applyProvider: Action = ({ store }, random) => {
  const id = pick(random, PROVIDERS)
  const names = SECRETS.filter((secretId) => secretId.startsWith(`${id.split('/')[0]}/`)).map(
    (s) => s.split('/')[1] ?? '',
  )
  const selector = { matchLabels: { ai: 'allowed' } }
  apply(
    store,
    llmProvider(id, {
      credentials: [{ name: 'primary', secretRef: { name: pick(random, names), key: 'api-key' }, weight: 1 }],
      models: Array.from({ length: 1 + below(random, 3) }, (_, i) => ({ name: `model-${i}` })),
      access: { namespaces: pick(random, [{ from: 'All' }, { from: 'Same' }, { from: 'Selector', selector }]) },
    }),
  )
}

const applyRoute: Action = ({ store }, random) => {
  const route = llmRoute(pick(random, ROUTES), [
    { ...ruleTo(pick(random, [...PROVIDERS, 'ai/nobody'])), timeouts: { firstByte: `${1 + below(random, 99)}s` } },
  ])
  if (random() < 0.5) route.spec.workloads = { matchLabels: { app: pick(random, ['web', 'job']) } }
  apply(store, route)
}

const applySecret: Action = ({ store }, random) => {
  const key = pick(random, ['api-key', 'api-key', 'api-key', 'other'])
  apply(store, secret(pick(random, SECRETS), { [key]: `${KEY}${below(random, 1e9)}` }))
}

const removeResource: Action = ({ store }, random) => {
  const [kind, ids] = pick(random, [
    ['LLMProvider', PROVIDERS],
    ['LLMRoute', ROUTES],
    ['Secret', SECRETS],
  ] as const)
  store.delete(placeOf(kind, pick(random, ids)))
}

const recreateProvider: Action = (cluster, random) => {
  cluster.store.delete(placeOf('LLMProvider', pick(random, PROVIDERS)))
  applyProvider(cluster, random)
}

const labelNamespace: Action = ({ store }, random) => {
  apply(store, namespace(pick(random, NAMESPACES), random() < 0.5 ? { ai: 'allowed' } : {}))
}

const RESOURCE_ACTIONS: readonly Action[] = [
  ...[applyProvider, applyProvider, applyRoute, applyRoute, applySecret, applySecret],
  ...[removeResource, recreateProvider, labelNamespace],
]

const runPod: Action = ({ node }, random) => {
  const [ns = '', name = ''] = pick(random, PODS).split('/')
  const without = random() < 0.1 ? { without: 'Sidecar' as const } : {}
  node.run(ns, name, { labels: { app: pick(random, ['web', 'job']) }, ...without })
}

const removePod: Action = ({ node }, random) => {
  const [ns = '', name = ''] = pick(random, PODS).split('/')
  node.remove(ns, name, pick(random, ['Graceful', 'Forced']))
}

const restartSidecar: Action = ({ node }, random) => {
  const [ns = '', name = ''] = pick(random, PODS).split('/')
  node.restart(ns, name)
}

const relabelPod: Action = ({ store }, random) => {
  const found = store.get(placeOf('Pod', pick(random, PODS)))
  const labels = { ...found.metadata.labels, app: pick(random, ['web', 'job']) }
  apply(store, { ...found, metadata: { ...found.metadata, labels } } as unknown as Body)
}

const hideSidecar: Action = ({ node }, random) => {
  const sidecars = node.sidecars()
  if (sidecars.length > 0) pick(random, sidecars).unreachable = random() < 0.5
}

const damage: Action = ({ store }, random) => {
  const kind = pick(random, ['ConfigMap', 'Secret'])
  const place = placeOf(kind, `${pick(random, NAMESPACES)}/outrigger-${kind === 'Secret' ? 'credentials' : 'config'}`)
  const found = store.get(place)
  if (random() < 0.4) store.delete(place)
  // A key is taken away, and put back by nobody but the operator.
  else store.update(place, { ...found, data: {} }, 'Main')
}

const compact: Action = ({ store }) => store.compact()

const ACTIONS: readonly Action[] = [
  ...RESOURCE_ACTIONS,
  ...RESOURCE_ACTIONS,
  ...[runPod, runPod, runPod, runPod, removePod, removePod, restartSidecar, relabelPod],
  ...[hideSidecar, damage, damage, compact],
]

function act({ cluster, random, replicas }: Run): void {
  if (random() < 0.05) return replaceReplica(cluster, random, replicas)
  attempt(() => pick(random, ACTIONS)(cluster, random))
}

function attempt(action: () => void): void {
  try {
    action()
  } catch (error) {
    // There, or not there: something else then.
    if (!(error instanceof StatusError)) throw error
  }
}

function replaceReplica(cluster: ClusterInProcess, random: Random, replicas: StartedReplica[]): void {
  const index = below(random, replicas.length)
  if (random() < 0.5) replicas[index]?.kill()
  else void replicas[index]?.stop()
  replicas[index] = cluster.replica(`replica-${cluster.clock.now()}-${below(random, 1e6)}`)
}

async function heal({ cluster }: Run): Promise<string[]> {
  let problems = ['not looked at']
  for (let waited = 0; waited < HEAL_MS && problems.length > 0; waited += HEAL_STEP_MS) {
    await cluster.advance(HEAL_STEP_MS)
    problems = judge(cluster)
  }
  return problems
}

/** Nothing is written any more, and what was right stays right. */
async function staysQuiet({ cluster }: Run): Promise<string[]> {
  // What was decided just now may still be written.
  await cluster.advance(120_000)
  const before = cluster.writes.length
  await cluster.advance(QUIET_MS)
  const written = cluster.writes.slice(before).filter((write) => !write.includes('leases'))
  return [...judge(cluster), ...written.map((write) => `written without need: ${write}`)]
}

/** No key is anywhere but in Secrets, and nothing of what the stores hold was lost on an error. */
function keysTold({ cluster, replicas }: Run): string[] {
  const elsewhere = cluster.store.since(0).filter(({ collection }) => !collection.endsWith('/secrets'))
  const lines = replicas.flatMap(({ log }) => log.lines)
  const texts = [
    ...elsewhere.map(({ object }) => JSON.stringify(object)),
    ...lines.map(({ message, fields }) => `${message} ${JSON.stringify(fields)} ${String(fields.error)}`),
  ]
  const lost = lines.filter(
    ({ message }) => /could not be (handed on|read)$/.test(message) && message.includes('change'),
  )
  return [
    ...texts.filter((text) => text.includes(KEY)).map((text) => `a key is told: ${text.slice(0, 100)}`),
    ...lost.map(({ message, fields }) => `${message}: ${fields.error}`),
  ]
}

function judge(cluster: ClusterInProcess): string[] {
  const { store } = cluster
  const snapshot = snapshotOf(store)
  const compiled = new Map(NAMESPACES.map((ns) => [ns, compile(resolve(snapshot, ns))]))
  return NAMESPACES.flatMap((ns) => {
    const own = compiled.get(ns) as Compiled
    return [
      ...publication(cluster, ns, own),
      ...followers(cluster, ns, own),
      ...statuses(cluster, { snapshot, compiled }, ns),
    ]
  })
}

function snapshotOf(store: FakeStore): Snapshot {
  const list = (kind: string): FakeObject[] => store.list(placeOf(kind, 'x').collection)
  return {
    providers: list('LLMProvider') as unknown as LLMProvider[],
    routes: list('LLMRoute') as unknown as LLMRoute[],
    namespaces: list('Namespace').map(({ metadata }) => ({ name: metadata.name, labels: metadata.labels ?? {} })),
    secrets: list('Secret').map(({ metadata, type, data }) => ({
      ...{ namespace: metadata.namespace ?? '', name: metadata.name, version: metadata.resourceVersion },
      ...{ type: String(type), keys: Object.keys(data as object) },
    })),
  }
}

function podsOf(store: FakeStore, ns: string): RawPod[] {
  return store.list(placeOf('Pod', 'x').collection, ns) as unknown as RawPod[]
}

function publication({ store }: ClusterInProcess, ns: string, { config, credentials }: Compiled): string[] {
  const published = publishedDocument(store, ns)
  const files = filesOf(store, ns)
  if (podsOf(store, ns).length === 0) return files.size === 0 ? [] : [`${ns} has no pods, and ${[...files.keys()]}`]
  if (published !== JSON.stringify(config)) return [`${ns}: what is published is not what its resources say`]
  return credentials.flatMap(({ file, secret: { namespace: from, name, key } }) => {
    const data = store.find(placeOf('Secret', `${from}/${name}`))?.data as Record<string, string> | undefined
    return files.get(file)?.toString('base64') === data?.[key] ? [] : [`${ns}: ${file} is not the key`]
  })
}

function followers({ store, node }: ClusterInProcess, ns: string, { config }: Compiled): string[] {
  return podsOf(store, ns).flatMap(({ metadata: { name, labels = {} } }) => {
    const sidecar = node.sidecar(ns, name)
    if (sidecar === undefined) return []
    const { current } = sidecar.configuration
    const running = current?.complete ? fingerprintOf(current.runtime.config) : undefined
    return sameFor(labels, running, fingerprintOf(config)) ? [] : [`${ns}/${name} runs something else`]
  })
}

interface Truth {
  snapshot: Snapshot
  compiled: ReadonlyMap<string, Compiled>
}

function statuses({ store, node }: ClusterInProcess, { snapshot, compiled }: Truth, ns: string): string[] {
  const counts = [...compiled].map(([name, { config }]) => {
    const pods = podsOf(store, name).map((raw): PodRollout => {
      const pod = sidecarPodOf(raw)
      const { current } = node.sidecar(name, pod.name)?.configuration ?? {}
      const running = current && fingerprintOf(current.runtime.config)
      return { pod, report: { kind: 'Runs', running } }
    })
    return countSidecars({ wanted: fingerprintOf(config), pods }, IMAGE)
  })
  const updates = statusesOf({
    namespace: ns,
    snapshot,
    problems: compiled.get(ns)?.problems ?? [],
    warnings: compiled.get(ns)?.warnings ?? [],
    sidecarsOf: (object) =>
      counts.map((each) => each.get(objectKey(object))).reduce(addCounts, addCounts()) ?? addCounts(),
    usesOf: () => undefined,
    now: '2026-11-21T12:00:00Z',
  })
  return updates.map(({ object, status }) => {
    const { kind, metadata } = object
    return `${kind} ${ns}/${metadata.name}: is ${JSON.stringify(object.status)}, should be ${JSON.stringify(status)}`
  })
}
