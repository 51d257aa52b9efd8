// A limit that the pods of a Deployment share, without a store, on a real cluster: the Deployment is scaled from one pod to five and to
// two, one pod is asked everything, a sidecar is killed, and all the while more is asked than the limit allows. What must hold: no
// span of the window's length holds more than the limit, whatever happens; most of the limit is used again soon after each
// change; and nobody is answered anything else than 200 or 429.
//
// What was admitted is what the provider received, which runs in this process: support/admissions.ts says how a span is counted.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { apply, load, namespace } from './support/applications.ts'
import { installationForTests } from './support/installation.ts'
import { Load, type LoadedPod, type Spread } from './support/load.ts'
import { eventually } from './support/patience.ts'
import { signalSidecar } from './support/pod-processes.ts'
import { provideApp } from './support/product.ts'
import { KEY, KEYS, operatorMetrics, provider, secret, verdictOf } from './support/resources.ts'

const SHOP = 'limits-shop'
const APP = 'shop'
const MINUTES = 60_000

const LIMIT = 300
const WINDOW_MS = 10_000
/** Far more than is asked here. */
const DAY_LIMIT = 1_000_000
const DAY = `route:${SHOP}/${APP}/all/day`
/** Of the limit; shares that move among pods cost some of it, and so does a machine that is busy. */
const USED_MIN = 0.6 * LIMIT
/** Two and a half times the limit. */
const PER_SECOND = (2.5 * LIMIT * 1_000) / WINDOW_MS

const EVENLY: Spread = (_, count) => PER_SECOND / count
/** The second one has come after there was a limit to share. */
const ONE_SIDED: Spread = (index) => (index === 1 ? PER_SECOND : 0)

const installation = installationForTests({ namespaces: [SHOP] })
let shop: Load
let killed: LoadedPod | undefined

beforeAll(async () => {
  const { cluster, provider: mock } = installation()
  const image = await provideApp(cluster, 'load')
  const limits = [
    { name: 'rpm', what: 'Requests', limit: LIMIT, window: `${WINDOW_MS / 1_000}s`, per: ['Workload'] },
    { name: 'day', what: 'Requests', limit: DAY_LIMIT, window: '1d', per: ['Workload'] },
  ]
  const rules = [{ name: 'all', backends: [{ provider: { name: 'mock' } }], limits }]
  const route = { apiVersion: 'outrigger.dev/v1alpha1', kind: 'LLMRoute', metadata: { name: APP, namespace: SHOP } }
  await apply(cluster, namespace(SHOP), secret(SHOP, KEYS, { [KEY]: 'sk-mock-words-1' }))
  await apply(cluster, provider(SHOP, 'mock', `${mock.url}/v1`), {
    ...route,
    spec: { workloads: { matchLabels: { app: APP } }, rules },
  })
  const accepted = () => verdictOf(installation(), { kind: 'LLMRoute', namespace: SHOP, name: APP }, 'Accepted')
  await eventually('the route is accepted', async () => (await accepted()) === 'True Accepted')
  const deployed = () => apply(cluster, load(APP, SHOP, image)).then(() => true)
  await eventually('the webhook admits pods', deployed)
  shop = new Load(installation(), SHOP, APP)
  shop.start()
}, 10 * MINUTES)

afterAll(() => shop?.close())

afterEach(() => {
  shop.collect()
  const most = shop.admissions.mostWithin(WINDOW_MS)
  tell({ admitted: shop.admissions.size, most })
  expect(most).toBeLessThanOrEqual(LIMIT)
})

/** How many admitted requests the last window holds, as of now. */
function inLastWindow(): number {
  shop.collect()
  return shop.admissions.mostWithin(WINDOW_MS, Date.now() - WINDOW_MS)
}

/** Most of the limit is used in a window that begins after this moment, and again in the one after that. */
async function usesMostOfTheLimit(): Promise<void> {
  const fromMs = Date.now()
  const isOver = (sinceMs: number): boolean => Date.now() - sinceMs >= WINDOW_MS
  const first = await eventually('most of the limit is used', () => {
    const used = inLastWindow()
    return isOver(fromMs) && used >= USED_MIN && used
  })
  const settledMs = Date.now()
  await eventually('a window later', () => isOver(settledMs))
  const second = inLastWindow()
  tell({ settledS: (settledMs - fromMs) / 1_000, first, second })
  expect(second).toBeGreaterThanOrEqual(USED_MIN)
}

/** Returns when it began. */
async function scale(replicas: number): Promise<number> {
  const scaledMs = Date.now()
  await installation().kubectl('scale', `deployment/${APP}`, '--namespace', SHOP, `--replicas=${replicas}`)
  await eventually(`${replicas} pods stay, and are ready`, () => shop.live.length === replicas)
  return scaledMs
}

async function everyPodHasAShare(): Promise<void> {
  await eventually('every pod has a share', () => shop.live.every(({ shareMs }) => shareMs !== undefined))
  const asked = () => shop.live.every(({ readyWithShares }) => readyWithShares !== undefined)
  await eventually('every pod was asked', asked)
}

function tell(figures: object): void {
  process.stdout.write(`${expect.getState().currentTestName}: ${JSON.stringify(figures)}\n`)
}

describe('a limit of 300 requests in 10 s that a workload shares is never passed, and used', () => {
  test('by one pod', async () => {
    shop.spread = EVENLY
    await eventually('the pod is ready', () => shop.live.length === 1)
    await usesMostOfTheLimit()
  })

  test('by five, each of which is ready with its share', async () => {
    const scaledMs = await scale(5)
    await everyPodHasAShare()
    const seconds = (atMs = Number.NaN): number => (atMs - scaledMs) / 1_000
    const newcomers = shop.live.slice(1)
    tell({
      readyS: newcomers.map(({ readyMs }) => seconds(readyMs)),
      shareS: newcomers.map(({ shareMs }) => seconds(shareMs)),
    })
    expect(shop.live.map(({ readyWithShares }) => readyWithShares)).toEqual([true, true, true, true, true])
    await usesMostOfTheLimit()
  })

  test('by five of which one is asked everything', async () => {
    shop.spread = ONE_SIDED
    await usesMostOfTheLimit()
  })

  test('by five when a sidecar is killed', async () => {
    killed = shop.live[1]
    signalSidecar('SIGKILL', killed?.name ?? '')
    shop.spread = EVENLY
    await usesMostOfTheLimit()
  })

  test('by two', async () => {
    await scale(2)
    await usesMostOfTheLimit()
  })

  test('and all that was asked was answered, or refused for it', async () => {
    shop.spread = () => 0
    await eventually('three pods are gone', () => gonePods().length === 3)
    const lost = () => shop.admissions.size - (shop.outcomes().get('200') ?? 0)
    // Those that the killed sidecar had sent on.
    await eventually('all answers are counted', () => lost() <= (killed?.counts.ECONNRESET ?? 0))
    await shop.close()
    tell({ asked: Object.fromEntries(shop.outcomes()), lost: lost() })
    const others = [...shop.pods.values()].map(({ name, counts }) => {
      return Object.keys(counts).filter((outcome) => !isExpected(name, outcome))
    })
    expect(others).toEqual([[], [], [], [], []])
  })
})

test('pods that are replaced leave of a limit for a day what they have used, and not their shares', async () => {
  // The killed sidecar's share counts until tomorrow.
  const before = await departed()
  const old = await podNames()
  await installation().kubectl('rollout', 'restart', `deployment/${APP}`, '--namespace', SHOP)
  await eventually('all pods are new', async () => {
    const names = await podNames()
    return names.length === 2 && names.every((name) => !old.includes(name))
  })
  const after = await eventually('metrics tell of those that are gone', async () => {
    const amount = await departed()
    return amount > before && amount
  })
  tell({ before, after })
  expect(after - before).toBeLessThanOrEqual(shop.admissions.size)
})

/** Of the limit for a day; the operator's metrics are half a minute old at most. */
async function departed(): Promise<number> {
  const line = `outrigger_operator_limit_shares{limit="${DAY}",state="departed"} `
  const told = (await operatorMetrics(installation())).split('\n').find((each) => each.startsWith(line))
  return Number(told?.slice(line.length) ?? Number.NaN)
}

async function podNames(): Promise<string[]> {
  const which = ['--namespace', SHOP, '--selector', `app=${APP}`]
  const { items } = await installation().read<{ items: { metadata: { name: string } }[] }>('get', 'pods', ...which)
  return items.map(({ metadata }) => metadata.name)
}

function gonePods(): LoadedPod[] {
  return [...shop.pods.values()].filter(({ state }) => state === 'Gone')
}

/** While there is no sidecar, nobody takes connections. */
function isExpected(pod: string, outcome: string): boolean {
  if (outcome === '200' || outcome === '429 limit_reached') return true
  return pod === killed?.name && ['ECONNREFUSED', 'ECONNRESET'].includes(outcome)
}
