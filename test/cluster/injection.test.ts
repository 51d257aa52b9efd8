// Injection on a real node, in each of its three modes one after another: which pods get a sidecar and work with it, which are
// left alone, and what happens while nobody can inject.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  apply,
  type Counts,
  countsOf,
  type Manifest,
  namespace,
  podSpec,
  podsOf,
  restricted,
  rolledOut,
  traffic,
} from './support/applications.ts'
import { installationForTests } from './support/installation.ts'
import { eventually } from './support/patience.ts'
import { OPERATOR_NAMESPACE, provideApp } from './support/product.ts'
import { eventsOf, KEY, KEYS, operatorMetrics, provider, route, secret, statusOf } from './support/resources.ts'

const AI = 'injection-ai'
/** Enforces Pod Security `restricted`, as those do that name nothing else. */
const SHOP = 'injection-shop'
const EARLY = 'injection-early'
const HOST = 'injection-host'
const MINUTES = 60_000
const ASKS = { 'outrigger.dev/inject': 'true' }

const installation = installationForTests({
  values: { 'injection.mode': 'Off' },
  namespaces: [AI, SHOP, EARLY, HOST],
})
let sdks: string

interface RawPod {
  metadata: { name: string; uid?: string; creationTimestamp?: string; annotations?: Record<string, string> }
  spec: { initContainers?: { name: string }[]; containers: { name: string; env?: { name: string; value: string }[] }[] }
  status: { phase: string; initContainerStatuses?: { name: string; state: { terminated?: { exitCode: number } } }[] }
}

/** Asks for a sidecar unless other labels are given. */
function pod(name: string, spec: object, labels: Readonly<Record<string, string>> = ASKS): Manifest {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: SHOP, labels }, spec }
}

function job(name: string, container: object, rest: object = {}): Manifest {
  const template = { metadata: { labels: ASKS }, spec: podSpec(container, { restartPolicy: 'Never', ...rest }) }
  const spec = { backoffLimit: 0, template }
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: SHOP }, spec }
}

/** apps/traffic.ts, until it has got one answer. */
function once(fields: object = {}): object {
  return { name: 'app', image: installation().images.traffic, args: ['--once'], ...fields }
}

/** A program that nobody asks anything. */
function idle(port: number): object {
  return { name: 'app', image: installation().images.outrigger, args: ['mock', '--listen', `0.0.0.0:${port}`] }
}

/** As the API server would store it. */
async function tried(manifest: Manifest): Promise<RawPod> {
  const line = ['create', '--dry-run=server', '--filename=-', '--output=json']
  return JSON.parse(await installation().cluster.kubectl(line, { input: JSON.stringify(manifest) })) as RawPod
}

async function injects(): Promise<boolean> {
  const { spec } = await tried(pod('tried', podSpec(once())))
  return spec.initContainers?.[0]?.name === 'outrigger'
}

function plainPod(): Manifest {
  return pod('plain', podSpec(once()), { app: 'plain' })
}

/** Of a pod that asks for nothing: all that is stored of it but what differs from pod to pod. */
async function plain(): Promise<string> {
  const { metadata, ...rest } = await tried(plainPod())
  const { uid: _, creationTimestamp: __, ...fixed } = metadata
  return JSON.stringify({ metadata: fixed, ...rest })
}

/** The pod of a Job that has completed by itself, and the last line that it wrote. */
async function completed(name: string): Promise<{ pod: RawPod; line: string }> {
  const { kubectl, read } = installation()
  await kubectl('wait', `job/${name}`, '--for=condition=Complete', '--namespace', SHOP, '--timeout=180s')
  const { items } = await read<{ items: [RawPod] }>(
    ...['get', 'pods', '--namespace', SHOP, '--selector', `batch.kubernetes.io/job-name=${name}`],
  )
  const log = await kubectl('logs', items[0].metadata.name, '--namespace', SHOP, '--container', 'app')
  return { pod: items[0], line: log.trim().split('\n').at(-1) ?? '' }
}

function expectCompletedWithSidecar({ status }: RawPod): void {
  expect(status.phase).toBe('Succeeded')
  const sidecar = status.initContainerStatuses?.find(({ name }) => name === 'outrigger')
  expect(sidecar?.state.terminated?.exitCode).toBe(0)
}

/** What the application of a running pod counts, once it was answered. */
async function answered(name: string): Promise<Counts> {
  const { kubectl } = installation()
  return await eventually(`${name} is answered`, async () => {
    const ip = await kubectl('get', 'pod', name, '--namespace', SHOP, '--output', 'jsonpath={.status.podIP}')
    const counts = await countsOf({ name, ip })
    return counts.answered > 0 && counts
  })
}

beforeAll(async () => {
  const { cluster, provider: mock } = installation()
  sdks = await provideApp(cluster, 'sdks')
  const privileged = { 'pod-security.kubernetes.io/enforce': 'privileged' }
  await apply(cluster, namespace(AI), namespace(SHOP), namespace(EARLY), namespace(HOST, privileged))
  const open = { access: { namespaces: { from: 'All' } } }
  const only = (name: string): object => ({ models: [{ name }], ...open })
  await apply(
    cluster,
    secret(AI, KEYS, { [KEY]: 'sk-injection' }),
    provider(AI, 'openai', `${mock.url}/v1`, open),
    provider(AI, 'gold', `${mock.url}/v1`, only('gold')),
    provider(AI, 'anthropic', '', {
      ...{ type: 'Anthropic', openAI: undefined, anthropic: { baseURL: mock.url } },
      ...only('claude'),
    }),
    provider(AI, 'gemini', '', { type: 'Gemini', openAI: undefined, gemini: { baseURL: mock.url }, ...only('gemini') }),
    route(EARLY, 'early', { backends: [{ provider: { name: 'openai', namespace: AI } }] }),
  )
}, 10 * MINUTES)

let untouched: string

describe('while nothing injects', () => {
  test('a pod that asks for a sidecar runs without one', async () => {
    const { cluster, kubectl } = installation()
    const early = pod('early', podSpec(idle(8080)))
    await apply(cluster, { ...early, metadata: { ...early.metadata, namespace: EARLY } })
    await kubectl('wait', 'pod/early', '--for=condition=Ready', '--namespace', EARLY, '--timeout=120s')
    untouched = await plain()
    expect(untouched).not.toMatch(/outrigger\.dev|OPENAI|initContainers/)
  })
})

describe('while the API server injects by a policy', () => {
  beforeAll(async () => {
    await installation().release.apply({ 'injection.mode': 'Policy' })
    await eventually('it injects', injects)
  }, 5 * MINUTES)

  test('a Job asks, is answered, and completes by itself', async () => {
    await apply(installation().cluster, job('by-policy', once()))
    const { pod: ended, line } = await completed('by-policy')
    expectCompletedWithSidecar(ended)
    expect(JSON.parse(line)).toMatchObject({ answered: 1 })
  })

  test('a pod that does not ask is stored as it is without Outrigger', async () => {
    expect(await plain()).toBe(untouched)
  })
})

describe('while the webhook injects', () => {
  let askedWithItsOwnKey: Promise<unknown>

  beforeAll(async () => {
    const { cluster, images, provider: mock, release, kubectl } = installation()
    await release.apply()
    await eventually('it injects', injects)
    await kubectl('delete', 'job', 'by-policy', '--namespace', SHOP)
    // From now on, because the mock remembers no more than the last requests.
    askedWithItsOwnKey = mock.waitFor(({ rawHeaders }) => rawHeaders.includes('Bearer sk-own')).catch(() => undefined)
    const own = [
      { name: 'OPENAI_BASE_URL', value: `${mock.url}/v1` },
      { name: 'OPENAI_API_KEY', value: 'sk-own' },
    ]
    const container = { name: 'app', image: images.traffic }
    const every = job('every', once())
    const asking = { name: 'app', image: sdks, args: ['anthropic:claude', 'gemini:gemini', 'openai:chat'] }
    await apply(
      cluster,
      { ...every, ...{ kind: 'CronJob', spec: { schedule: '* * * * *', jobTemplate: { spec: every.spec } } } },
      job('once', once()),
      job('own', once({ env: own })),
      job('sdks', asking),
      job('prepared', once(), { initContainers: [restricted({ ...asking, name: 'prepare' })] }),
      traffic('deployment', SHOP, images),
      statefulSet('stateful', container),
      pod('bare', podSpec(container), { ...ASKS, tier: 'silver' }),
      onHost(),
    )
  }, 5 * MINUTES)

  test('a Job asks, is answered, and completes by itself', async () => {
    const { pod: ended, line } = await completed('once')
    expectCompletedWithSidecar(ended)
    expect(ended.metadata.annotations).toHaveProperty(['outrigger.dev/injected'])
    expect(JSON.parse(line)).toMatchObject({ answered: 1, providers: { [`${AI}/openai`]: 1 } })
  })

  test.each(['anthropic:claude', 'gemini:gemini', 'openai:chat'])('an official SDK is answered: %s', async (target) => {
    const { pod: ended, line } = await completed('sdks')
    expectCompletedWithSidecar(ended)
    expect(JSON.parse(line)).toHaveProperty(['answers', target], expect.stringMatching(/moon/))
  })

  test('init containers of the application are answered, too', async () => {
    const { pod: ended } = await completed('prepared')
    expectCompletedWithSidecar(ended)
    expect(ended.spec.initContainers?.map(({ name }) => name)).toEqual(['outrigger', 'prepare'])
    const log = await installation().kubectl(
      ...['logs', ended.metadata.name, '--namespace', SHOP, '--container', 'prepare'],
    )
    expect(Object.keys((JSON.parse(log) as { answers: object }).answers)).toHaveLength(3)
  })

  test('an application that sets its own base URL and key keeps them', async () => {
    const { pod: ended, line } = await completed('own')
    expectCompletedWithSidecar(ended)
    expect(JSON.parse(line)).toMatchObject({ answered: 1, providers: { none: 1 } })
    expect(await askedWithItsOwnKey).toBeDefined()
    const names = ended.spec.containers[0]?.env?.map(({ name }) => name) ?? []
    expect(names.filter((name) => name.startsWith('OPENAI_'))).toEqual(['OPENAI_BASE_URL', 'OPENAI_API_KEY'])
  })

  test.each(['Deployment', 'StatefulSet', 'Pod'])('a %s runs where Pod Security is restricted', async (kind) => {
    const { cluster } = installation()
    if (kind === 'Deployment') await rolledOut(cluster, SHOP, 'deployment')
    const [first] = kind === 'Deployment' ? await podsOf(cluster, SHOP, 'deployment') : []
    const { providers } = await answered(first?.name ?? { StatefulSet: 'stateful-0' }[kind] ?? 'bare')
    expect(Object.keys(providers)).toEqual([`${AI}/openai`])
  })

  test('a pod that does not ask is stored as it is without Outrigger', async () => {
    expect(await plain()).toBe(untouched)
  })

  test('a pod on the host’s network is passed over', async () => {
    const { kubectl, read } = installation()
    await kubectl('wait', 'pod/on-host', '--for=condition=Ready', '--namespace', HOST, '--timeout=120s')
    const { metadata, spec } = await read<RawPod>('get', 'pod', 'on-host', '--namespace', HOST)
    expect(spec.initContainers).toBeUndefined()
    expect(spec.containers[0]?.env).toBeUndefined()
    expect(Object.keys(metadata.annotations ?? {})).not.toContain('outrigger.dev/injected')
  })

  test('a pod from the time before is told, counted and reported as one that lacks its sidecar', async () => {
    const early = { kind: 'LLMRoute', namespace: EARLY, name: 'early' } as const
    await eventually('its route counts it', async () => {
      const { sidecars } = await statusOf(installation(), early)
      return sidecars?.missing === 1 && sidecars.total === 0
    })
    const event = await eventually('it is told', async () => {
      const events = await eventsOf(installation(), { kind: 'Pod', namespace: EARLY, name: 'early' })
      return events.find(({ reason }) => reason === 'SidecarMissing')
    })
    expect(event).toMatchObject({ type: 'Warning', note: expect.stringMatching(/create the pod again/) })
    await eventually('a metric says so', async () => {
      const line = `outrigger_operator_sidecars{namespace="${EARLY}",state="missing"} 1`
      return (await operatorMetrics(installation())).split('\n').includes(line)
    })
  })

  test('a running pod follows its labels from one route to another', async () => {
    const { cluster, kubectl } = installation()
    const before = await answered('bare')
    const to = (tier: string, name: string, model: string) =>
      route(SHOP, tier, { workloads: { tier }, backends: [{ provider: { name, namespace: AI }, model }] })
    await apply(cluster, to('silver', 'openai', 'chat'), to('gold', 'gold', 'gold'))
    await eventually('a route decides for it', () => countedBy('silver'))
    await kubectl('label', 'pod', 'bare', '--namespace', SHOP, '--overwrite', 'tier=gold')
    const after = await eventually('the other route decides for it', async () => {
      const counts = await answered('bare')
      return `${AI}/gold` in counts.providers && counts
    })
    expect({ failed: after.failed, errors: after.errors }).toEqual({ failed: before.failed, errors: before.errors })
    await eventually('the status follows', async () => (await countedBy('gold')) && !(await countedBy('silver')))
    await kubectl('delete', 'llmroute', '--all', '--namespace', SHOP)
  })
})

describe('while the webhook is away', () => {
  beforeAll(async () => {
    const { cluster, images, kubectl } = installation()
    await kubectl('scale', 'deployment', 'outrigger', '--namespace', OPERATOR_NAMESPACE, '--replicas=0')
    await kubectl('delete', 'pods', '--all', '--namespace', OPERATOR_NAMESPACE, '--grace-period=0', '--force')
    await eventually('nobody injects', () => injects().then(() => false, isRefusal))
    await apply(cluster, traffic('waits', SHOP, images))
  }, 5 * MINUTES)

  afterAll(async () => {
    await installation().kubectl('delete', 'pod', '--namespace', 'kube-system', '--selector', 'app=injection-test')
  })

  test('a pod that asks is refused, and its ReplicaSet says why', async () => {
    await expect(injects()).rejects.toThrow('failed calling webhook "inject.outrigger.dev"')
    await eventually('the ReplicaSet says why', async () => {
      const message = '{.items[*].status.conditions[?(@.type=="ReplicaFailure")].message}'
      const at = ['--namespace', SHOP, '--selector', 'app=waits', '--output', `jsonpath=${message}`]
      return /inject\.outrigger\.dev/.test(await installation().kubectl('get', 'replicasets', ...at))
    })
    expect(await podsOf(installation().cluster, SHOP, 'waits')).toEqual([])
  })

  test('a pod that does not ask is stored as ever', async () => {
    expect(await plain()).toBe(untouched)
  })

  test.each([
    ['asks', ASKS],
    ['does-not-ask', {}],
  ])('a pod of the cluster itself runs: %s', async (name, labels) => {
    const { cluster, kubectl } = installation()
    const system = pod(`injection-${name}`, podSpec(idle(8080)), { ...labels, app: 'injection-test' })
    await apply(cluster, { ...system, metadata: { ...system.metadata, namespace: 'kube-system' } })
    const at = ['--namespace', 'kube-system', '--timeout=120s']
    await kubectl('wait', `pod/injection-${name}`, '--for=condition=Ready', ...at)
  })

  test('what was refused runs with a sidecar when the webhook is back', async () => {
    const { cluster, kubectl } = installation()
    await kubectl('scale', 'deployment', 'outrigger', '--namespace', OPERATOR_NAMESPACE, '--replicas=2')
    await rolledOut(cluster, OPERATOR_NAMESPACE, 'outrigger')
    await rolledOut(cluster, SHOP, 'waits')
    const [first] = await podsOf(cluster, SHOP, 'waits')
    const { providers } = await answered(first?.name ?? '')
    expect(Object.keys(providers)).toEqual([`${AI}/openai`])
  })
})

test('a CronJob’s Job completes by itself', async () => {
  const { kubectl, read } = installation()
  const ended = await eventually('one has', async () => {
    const { items } = await read<{ items: CronJobsJob[] }>('get', 'jobs', '--namespace', SHOP)
    return items.find(({ metadata, status }) => metadata.name.startsWith('every-') && status.succeeded === 1)
  })
  expectCompletedWithSidecar((await completed(ended.metadata.name)).pod)
  await kubectl('delete', 'cronjob', 'every', '--namespace', SHOP)
})

interface CronJobsJob {
  metadata: { name: string }
  status: { succeeded?: number }
}

function statefulSet(name: string, container: object): Manifest {
  const template = { metadata: { labels: { ...ASKS, app: name } }, spec: podSpec(container) }
  return {
    ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name, namespace: SHOP } },
    spec: { serviceName: name, replicas: 1, selector: { matchLabels: { app: name } }, template },
  }
}

function onHost(): Manifest {
  const manifest = pod('on-host', podSpec(idle(18_789), { hostNetwork: true }))
  return { ...manifest, metadata: { ...manifest.metadata, namespace: HOST } }
}

/** Whether the route concerns one sidecar, which runs it. */
async function countedBy(name: string): Promise<boolean> {
  const { sidecars } = await statusOf(installation(), { kind: 'LLMRoute', namespace: SHOP, name })
  return sidecars?.total === 1 && sidecars.current === 1
}

function isRefusal(error: unknown): boolean {
  return /failed calling webhook/.test(String(error))
}
