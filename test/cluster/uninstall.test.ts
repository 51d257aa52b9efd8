// The chart is taken away and comes back, under traffic: nothing that it leaves holds up a pod, what runs goes on, and the next
// installation takes over what the last one left. The first installation injects by policy and the second by webhook, so that
// both ways are seen to go without a trace.
import { beforeAll, expect, test } from '@jest/globals'
import {
  apply,
  countsOfAll,
  type Manifest,
  moreAnswers,
  namespace,
  type PodAddress,
  podSpec,
  podsOf,
  rolledOut,
  traffic,
} from './support/applications.ts'
import { installationForTests } from './support/installation.ts'
import { eventually } from './support/patience.ts'
import { KEY, KEYS, provider, route, secret, statusOf, verdictOf } from './support/resources.ts'

const SHOP = 'uninstall-shop'
const MINUTES = 60_000
const ROUTE = { kind: 'LLMRoute', namespace: SHOP, name: 'chat' } as const
const ASKS = { 'outrigger.dev/inject': 'true' }

const installation = installationForTests({ values: { 'injection.mode': 'Policy' }, namespaces: [SHOP] })
let pods: PodAddress[] = []

/** Everything answers by this model, which the sidecars are told to ask for. */
function chat(model: string): Manifest {
  return route(SHOP, ROUTE.name, { workloads: { app: 'shop' }, backends: [{ provider: { name: 'openai' }, model }] })
}

beforeAll(async () => {
  const { cluster, images, provider: mock } = installation()
  await apply(cluster, namespace(SHOP))
  const models = ['first', 'second'].map((name) => ({ name }))
  await apply(
    cluster,
    secret(SHOP, KEYS, { [KEY]: 'sk-uninstall' }),
    provider(SHOP, 'openai', `${mock.url}/v1`, { models }),
    chat('first'),
  )
  await eventually('the policy injects', () => injects())
  await apply(cluster, traffic('shop', SHOP, images, 2))
  await rolledOut(cluster, SHOP, 'shop')
  pods = await podsOf(cluster, SHOP, 'shop')
}, 10 * MINUTES)

interface RawPod {
  metadata: { name: string; uid: string; labels: object }
  spec: { initContainers?: { name: string }[] }
  status: {
    initContainerStatuses?: { restartCount: number; containerID: string }[]
    containerStatuses: { restartCount: number; containerID: string }[]
  }
}

function asking(name: string): Manifest {
  const container = { name: 'app', image: installation().images.outrigger, args: ['mock', '--listen', '0.0.0.0:8080'] }
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: SHOP, labels: ASKS }, spec: podSpec(container) }
}

async function injects(): Promise<boolean> {
  const line = ['create', '--dry-run=server', '--filename=-', '--output=json']
  const text = await installation().cluster.kubectl(line, { input: JSON.stringify(asking('tried')) })
  return (JSON.parse(text) as RawPod).spec.initContainers?.[0]?.name === 'outrigger'
}

/** What would differ if anybody had touched the pods or their containers. */
async function identities(): Promise<object[]> {
  const { items } = await installation().read<{ items: RawPod[] }>(
    ...['get', 'pods', '--namespace', SHOP, '--selector', 'app=shop'],
  )
  return items.map(({ metadata: { name, uid, labels }, spec, status }) => {
    const containers = [...(status.initContainerStatuses ?? []), ...status.containerStatuses]
    return { name, uid, labels, spec, containers: containers.map(({ containerID }) => containerID) }
  })
}

/** Runs the change while the application asks; not one of its questions may fail, then nor in the time after it. */
async function underTraffic(change: () => Promise<void>): Promise<void> {
  const before = await moreAnswers(pods, 5)
  await change()
  const after = await moreAnswers(pods, 50)
  expect({ failed: after.failed - before.failed, errors: after.errors }).toEqual({ failed: 0, errors: before.errors })
}

/** Names of what stands between somebody and the API server. */
async function inTheWay(): Promise<string[]> {
  const kinds = ['validating', 'mutating'].flatMap((kind) => [
    `${kind}webhookconfigurations`,
    `${kind}admissionpolicies`,
    `${kind}admissionpolicybindings`,
  ])
  const names = await installation().kubectl('get', kinds.join(','), '--output', 'name')
  return names.split('\n').filter((name) => name.includes('outrigger'))
}

async function answeredByModel(model: string): Promise<boolean> {
  const before = await countsOfAll(pods)
  const after = await moreAnswers(pods, 10)
  return (after.models[model] ?? 0) - (before.models[model] ?? 0) >= after.answered - before.answered
}

const isProgrammed = async (): Promise<boolean> =>
  (await verdictOf(installation(), ROUTE, 'Programmed')) === 'True Programmed' &&
  (await statusOf(installation(), ROUTE)).sidecars?.current === 2

let before: object[]

test('running pods go on without a failed question while it is uninstalled', async () => {
  await eventually('the route is programmed', isProgrammed)
  expect(await inTheWay()).not.toEqual([])
  before = await identities()
  await underTraffic(() => installation().release.uninstall())
  expect(await answeredByModel('first')).toBe(true)
})

test('no webhook and no policy is left', async () => {
  expect(await inTheWay()).toEqual([])
})

test('what people wrote is left, and what sidecars read', async () => {
  const { kubectl } = installation()
  const left = ['llmroute/chat', 'llmprovider/openai', 'configmap/outrigger-config', 'secret/outrigger-credentials']
  for (const each of left) await kubectl('get', each, '--namespace', SHOP)
})

test('a pod that asks for a sidecar is created, without one', async () => {
  const { cluster, kubectl } = installation()
  await eventually('nothing injects', async () => !(await injects()))
  await apply(cluster, asking('meanwhile'))
  await kubectl('wait', 'pod/meanwhile', '--for=condition=Ready', '--namespace', SHOP, '--timeout=120s')
})

test('a change waits for the next installation, which brings it to the pods without touching them', async () => {
  const { cluster, release } = installation()
  await underTraffic(async () => {
    await apply(cluster, chat('second'))
    expect(await answeredByModel('first')).toBe(true)
    await release.apply()
    await eventually('the change is there', () => answeredByModel('second'))
    await eventually('the status says so', async () => {
      const { observedGeneration } = await statusOf(installation(), ROUTE)
      return observedGeneration === 2 && (await isProgrammed())
    })
  })
  expect(await identities()).toEqual(before)
})

test('the next installation injects, and tells of the pod that has no sidecar', async () => {
  await eventually('it injects', injects)
  const openai = { kind: 'LLMProvider', namespace: SHOP, name: 'openai' } as const
  await eventually('the pod is missed', async () => (await statusOf(installation(), openai)).sidecars?.missing === 1)
})

test('it leaves no webhook either', async () => {
  expect(await inTheWay()).toContain('mutatingwebhookconfiguration.admissionregistration.k8s.io/outrigger-injection')
  await underTraffic(() => installation().release.uninstall())
  expect(await inTheWay()).toEqual([])
})
