// A limit that the pods of a Deployment count in Redis, on a real cluster, while more is asked than it allows: with the store, while
// it hangs and one more pod comes, and after it has begun anew with nothing. What must hold: no span of the window's length holds more
// than the limit, be it the store that counts or each pod by its part of it; most of the limit is used; pods stay ready; and what
// happened can be read where people look for it. At the end `outrigger usage` is held to what the provider has sold.
//
// What was admitted is what the provider received, which runs in this process: support/admissions.ts says how a span is counted. What
// is admitted in the moments in which the sidecars find out that the store is away, or back, is told and not judged.
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Ledger } from '../../mock/ledger.ts'
import { describeWithRedis } from '../sidecar/store/with-redis.ts'
import { apply, load, namespace, rolledOut } from './support/applications.ts'
import { installationForTests } from './support/installation.ts'
import { Load } from './support/load.ts'
import { eventually } from './support/patience.ts'
import { provideApp } from './support/product.ts'
import { KEY, KEYS, provider, route, secret, verdictOf } from './support/resources.ts'
import { adminPage, type LogLine, metric, SidecarLog } from './support/sidecars.ts'
import { searchFor } from './support/spellings.ts'
import { endStore, STORE_PASSWORD, STORE_URL, signalStore, startStore } from './support/store.ts'

const SHOP = 'store-shop'
const APP = 'shop'
const ROUTE = { kind: 'LLMRoute', namespace: SHOP, name: APP } as const
const MINUTES = 60_000
const OUTRIGGER = path.join(import.meta.dirname, '../../dist/outrigger.cjs')

const LIMIT = 300
const RAISED = 450
const WINDOW_MS = 10_000
/** Of a limit; a machine that is busy costs some of it. */
const USED_PART = 0.8
/** Two and a half times the limit. */
const PER_SECOND = (2.5 * LIMIT * 1_000) / WINDOW_MS
/** A store that is this slow has failed. The default is for machines that are less busy. */
const VALUES = { 'store.url': STORE_URL, 'store.timeout': '500ms' }
const PRICE = { inputPerMillion: '0.25', outputPerMillion: '2' }

const installation = installationForTests({ namespaces: [SHOP], values: VALUES })
let shop: Load
const logs = new Map<string, SidecarLog>()

async function setLimit(limit: number): Promise<void> {
  const rpm = { name: 'rpm', what: 'Requests', limit, window: `${WINDOW_MS / 1_000}s`, per: ['Workload'] }
  const rule = { workloads: { app: APP }, backends: [{ provider: { name: 'mock' } }], limits: [rpm] }
  await apply(installation().cluster, route(SHOP, APP, rule))
}

/** They are ready, and their logs are followed from now on. */
async function scale(replicas: number): Promise<void> {
  const { cluster, kubectl } = installation()
  await kubectl('scale', `deployment/${APP}`, '--namespace', SHOP, `--replicas=${replicas}`)
  await eventually(`${replicas} pods are ready`, () => shop.live.length === replicas)
  for (const { name } of shop.live) if (!logs.has(name)) logs.set(name, new SidecarLog(cluster, SHOP, name))
}

/** Of all windows since then, none holds more than the limit, and one of those from now on most of it. */
async function expectUsedAndKept(limit: number, fromMs: number): Promise<void> {
  const nowMs = Date.now()
  const look = (sinceMs: number): number => shop.admissions.mostWithin(WINDOW_MS, sinceMs)
  const isUsed = (): boolean => {
    shop.collect()
    return Date.now() - nowMs >= 1.5 * WINDOW_MS && look(nowMs) >= USED_PART * limit
  }
  await eventually(`most of ${limit} is used within a window`, isUsed, { everyMs: 1_000 })
  const most = look(fromMs)
  tell({ admitted: shop.admissions.size, most, mostEver: look(0), judgedS: (Date.now() - fromMs) / 1_000 })
  expect(most).toBeLessThanOrEqual(limit)
}

async function everySidecarSaysOfTheStore(up: 0 | 1): Promise<void> {
  await eventually(`outrigger_store_up is ${up} everywhere`, async () => {
    const said = await Promise.all(shop.live.map((pod) => metric(pod, 'outrigger_store_up')))
    return said.every((value) => value === up)
  })
}

async function everyLogTells(fields: { msg: string; [field: string]: string }): Promise<void> {
  const isIt = (line: LogLine): boolean => Object.entries(fields).every(([name, value]) => line[name] === value)
  await eventually(`every log tells: ${fields.msg}`, () => {
    return [...logs.values()].every(({ application }) => application.some(isIt))
  })
}

/** Of each sidecar, what it would count without the store. */
async function shares(): Promise<number[]> {
  const pages = await Promise.all(shop.live.map((pod) => adminPage(pod, '/limits')))
  return pages.map((text) => (JSON.parse(text) as { limits: { share: number }[] }).limits[0]?.share ?? 0)
}

interface RawPod {
  metadata: { name: string }
  status: {
    conditions: { type: string; status: string; lastTransitionTime: string }[]
    initContainerStatuses: { restartCount: number }[]
  }
}

/** By pod: whether it is ready, since when, and how often its sidecar was started again. */
async function readiness(): Promise<Record<string, object>> {
  const { items } = await installation().read<{ items: RawPod[] }>('get', 'pods', '--namespace', SHOP)
  const told = items.map(({ metadata: { name }, status }): [string, object] => {
    const { status: ready, lastTransitionTime } = status.conditions.find(({ type }) => type === 'Ready') ?? {}
    const [sidecar] = status.initContainerStatuses
    return [name, { ready, lastTransitionTime, restarts: sidecar?.restartCount }]
  })
  return Object.fromEntries(told)
}

/** Of all rows; a day may have ended meanwhile. */
function soldIn({ rows }: Ledger) {
  const sum = (name: 'requests' | 'inputTokens' | 'outputTokens'): number =>
    rows.reduce((total, { whole }) => total + whole[name], 0)
  return { attempts: sum('requests'), inputTokens: sum('inputTokens'), outputTokens: sum('outputTokens') }
}

function tell(figures: object): void {
  process.stdout.write(`${expect.getState().currentTestName}: ${JSON.stringify(figures)}\n`)
}

describeWithRedis('a limit of 300 requests in 10 s that pods count in Redis', () => {
  beforeAll(async () => {
    const { cluster, provider: mock } = installation()
    await startStore(cluster)
    const image = await provideApp(cluster, 'load')
    await apply(cluster, namespace(SHOP), secret(SHOP, KEYS, { [KEY]: 'sk-mock-words-1' }))
    await apply(cluster, provider(SHOP, 'mock', `${mock.url}/v1`, { models: [{ name: 'chat', price: PRICE }] }))
    await setLimit(LIMIT)
    const accepted = () => verdictOf(installation(), ROUTE, 'Accepted')
    await eventually('the route is accepted', async () => (await accepted()) === 'True Accepted')
    const deployed = () => apply(cluster, load(APP, SHOP, image)).then(() => true)
    await eventually('the webhook admits pods', deployed)
    await rolledOut(cluster, SHOP, APP)
    shop = new Load(installation(), SHOP, APP)
    shop.spread = (_, count) => PER_SECOND / count
    shop.start()
    await scale(1)
  }, 10 * MINUTES)

  afterAll(async () => {
    await shop?.close()
    for (const log of logs.values()) await log.close()
    await endStore(installation().cluster)
  })

  test('is used, and never passed, by one pod that becomes three', async () => {
    const startedMs = Date.now()
    await scale(3)
    await everySidecarSaysOfTheStore(1)
    await expectUsedAndKept(LIMIT, startedMs)
  })

  test('is shown by each sidecar as all have used it, with its store, whose password is nowhere', async () => {
    await everySidecarSaysOfTheStore(1)
    const holdsPassword = searchFor([STORE_PASSWORD])
    for (const pod of shop.live) {
      const { store, limits } = JSON.parse(await adminPage(pod, '/status')) as { store: object; limits: object[] }
      expect(store).toMatchObject({ state: 'Up', store: 'Standalone 10.243.0.1:6379', sidecars: 3 })
      expect(limits).toMatchObject([{ id: `route:${SHOP}/${APP}/all/rpm`, capacity: LIMIT }])
      expect(JSON.parse(await adminPage(pod, '/health'))).toMatchObject({ status: 'ok' })
      const pages = ['/status', '/health/detailed', '/config', '/limits', '/metrics', '/metrics.json']
      const told = await Promise.all(pages.map((page) => adminPage(pod, page)))
      const logged = JSON.stringify(logs.get(pod.name)?.application)
      expect([...told, logged].map((text) => holdsPassword(text))).not.toContain(true)
    }
  })

  test('is kept by parts while the store hangs, also when a pod comes then, and pods stay ready', async () => {
    const before = await readiness()
    await signalStore(installation().cluster, 'SIGSTOP')
    const stoppedMs = Date.now()
    await everySidecarSaysOfTheStore(0)
    tell({ noticedS: (Date.now() - stoppedMs) / 1_000, shares: await shares() })
    await everyLogTells({ level: 'warn', msg: 'the store of limits has failed', onFailure: 'LocalShare' })
    for (const pod of shop.live) {
      const degraded = [expect.stringContaining('the store of limits is away: ')]
      expect(JSON.parse(await adminPage(pod, '/health'))).toMatchObject({ status: 'degraded', ready: true, degraded })
    }
    await scale(4)
    await eventually('the newcomer has its share', () => shop.live.every(({ shareMs }) => shareMs !== undefined))
    tell({ sharedS: (Date.now() - stoppedMs) / 1_000, shares: await shares() })
    await expectUsedAndKept(LIMIT, stoppedMs + WINDOW_MS)
    expect(await readiness()).toMatchObject(before)
  })

  test('is counted together again, and raised, by a store that has lost everything', async () => {
    const { cluster } = installation()
    await endStore(cluster)
    await startStore(cluster)
    await everySidecarSaysOfTheStore(1)
    await everyLogTells({ level: 'info', msg: 'the store of limits is back' })
    const backMs = Date.now()
    await setLimit(RAISED)
    await expectUsedAndKept(RAISED, backMs)
  })

  test('is shown by the LLMRoute with what all pods have used of it', async () => {
    const limit = { name: 'rpm', rule: 'all', what: 'Requests', limit: String(RAISED), window: '10s' }
    const used = await eventually('its status shows most of it as used', async () => {
      const { status } = await installation().read<{ status: { limits: { used: string }[] } }>(
        ...['get', 'llmroute', APP, '--namespace', SHOP],
      )
      expect(status.limits).toMatchObject([limit])
      const [{ used } = { used: '0' }] = status.limits
      return Number(used) >= USED_PART * LIMIT && used
    })
    tell({ used })
    expect(Number(used)).toBeLessThanOrEqual(RAISED)
  })

  test('is all that refused, and `outrigger usage` tells to the token what the provider has sold', async () => {
    const { cluster, provider: mock } = installation()
    shop.spread = () => 0
    const asked = () => [...shop.outcomes().values()].reduce((sum, count) => sum + count, 0)
    const flags = ['--namespace', SHOP, '--output', 'json', '--kubeconfig', cluster.place.kubeconfig]
    const { sidecars, missing, total } = await eventually('all that was asked has ended and is counted', async () => {
      const usage = JSON.parse(await cluster.inCluster(process.execPath, [OUTRIGGER, 'usage', ...flags]))
      return usage.total.requests === asked() && mock.ledger().open === 0 && usage
    })
    const outcomes = Object.fromEntries(shop.outcomes())
    const sold = soldIn(mock.ledger())
    tell({ outcomes, total })
    const refused = outcomes['429 limit_reached'] ?? 0
    expect(outcomes).toEqual({ 200: sold.attempts, '429 limit_reached': refused })
    const requests = sold.attempts + refused
    expect({ sidecars, missing, total }).toMatchObject({
      ...{ sidecars: 4, missing: [] },
      total: { ...sold, requests, refused, failedAttempts: 0, estimatedTokens: 0, unpriced: 0 },
    })
    const usd = (sold.inputTokens * 0.25 + sold.outputTokens * 2) / 1_000_000
    expect(Number(total.costUsd)).toBeCloseTo(usd, 12)
  })
})
