// What is used of limits and budgets, with the whole operator: from what sidecars say to statuses and events, against an API server,
// kubelets and sidecars in this process, in virtual time.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { type LimitShares, parseLimitShares, SHARES_ANNOTATION } from '../../contract/limit-shares.ts'
import type { LLMProviderStatus } from '../../operator/api/llm-provider.ts'
import type { LLMRoute, LLMRouteBudget, LLMRouteLimit, LLMRouteStatus } from '../../operator/api/llm-route.ts'
import { type StartedReplica, secret } from './cluster-in-process.ts'
import { applyAll, cluster, find, KEY, openCluster, provider, route } from './shop-in-process.ts'

const LIMITS_PAGE = readFileSync(path.join(import.meta.dirname, '../../docs/limits.md'), 'utf8')
const USD = 1_000_000_000_000
const ROW = { maxKeys: 1000, mode: 'Enforce' } as const
const RPM: LLMRouteLimit = { ...ROW, name: 'rpm', what: 'Requests', limit: 600, window: '10m', per: ['Workload'] }
const TPM: LLMRouteLimit = { ...ROW, name: 'tpm', what: 'Tokens', limit: 1_000_000, window: '10m' }
const MONTH: LLMRouteBudget = {
  ...{ ...ROW, name: 'month', amount: '500', window: 'Month', timeZone: 'Europe/Berlin' },
  ...{ warnAtPercent: [80, 95], onExhausted: 'Reject' },
}
const [RPM_ID, TPM_ID] = ['route:shop/chat/all/rpm', 'provider:ai/openai/tpm']
const MONTH_ID = 'route:shop/chat//month'

function limitedRoute(budget = MONTH): LLMRoute {
  const it = route('shop/chat', 'ai/openai', undefined, { limits: [RPM] })
  it.spec.budgets = [budget]
  return it
}

/** Two pods in namespace shop, one in another; the route's limit is per workload, and each of these pods is one. */
async function open(): Promise<StartedReplica> {
  openCluster()
  applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai', { limits: [TPM] }), limitedRoute())
  const replica = cluster().replica('one')
  for (const name of ['a', 'b']) cluster().node.run('shop', name)
  cluster().node.run('other', 'c')
  await cluster().advance(20_000)
  return replica
}

/** Settled use of pods, `namespace/name` each. */
function use(id: string, used: Record<string, number>): void {
  for (const [pod, amount] of Object.entries(used)) {
    const [namespace = '', name = ''] = pod.split('/')
    cluster().node.sidecar(namespace, name)?.counts.set(id, { used: amount, wanted: amount })
  }
}

/** As a pod of namespace shop is told. */
function passedBy(name: string): LimitShares['passed'] {
  const parsed = parseLimitShares(find('Pod', `shop/${name}`)?.metadata.annotations?.[SHARES_ANNOTATION] ?? '')
  return 'shares' in parsed ? parsed.shares?.passed : undefined
}

function routeStatus(): LLMRouteStatus {
  return (find('LLMRoute', 'shop/chat')?.status ?? {}) as LLMRouteStatus
}

function budgetPercent(): number | undefined {
  return routeStatus().budgets?.[0]?.percent
}

function statusWrites(): number {
  return cluster().writes.filter((write) => write.endsWith('llmroutes/chat/status')).length
}

/** `Warning BudgetWarning: …` of the route, in the order of their names. */
function budgetEvents(): string[] {
  const events = cluster().store.list('/apis/events.k8s.io/v1/events')
  return events.filter(({ reason }) => String(reason).startsWith('Budget')).map(({ type, note }) => `${type}: ${note}`)
}

test('a status shows what all pods use together, and of a limit per workload the fullest, as docs/limits.md has it', async () => {
  await open()
  use(RPM_ID, { 'shop/a': 450, 'shop/b': 30 })
  use(MONTH_ID, { 'shop/a': 300 * USD, 'shop/b': 62.52 * USD })
  use(TPM_ID, { 'shop/a': 100_000, 'other/c': 20_000 })
  await cluster().advance(65_000)
  const { limits, budgets } = routeStatus()
  const asKubectl = { sortMapEntries: true, indentSeq: false, schema: 'yaml-1.1' } as const
  const example = stringify({ status: { limits, budgets } }, asKubectl)
  expect(LIMITS_PAGE).toContain(`\n\`\`\`yaml\n${example}\`\`\`\n`)
  expect((find('LLMProvider', 'ai/openai')?.status as LLMProviderStatus | undefined)?.limits).toEqual([
    { name: 'tpm', what: 'Tokens', limit: '1000000', used: '120000', percent: 12, window: '10m' },
  ])
})

test('of a limit per pod a status shows the fullest pod, also where no pods share anything', async () => {
  openCluster()
  const own: LLMRouteLimit = { ...RPM, name: 'own', limit: 60, per: ['Pod'] }
  applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'))
  applyAll(route('shop/chat', 'ai/openai', undefined, { limits: [own] }))
  cluster().replica('one')
  for (const name of ['a', 'b']) cluster().node.run('shop', name)
  await cluster().advance(30_000)
  use('route:shop/chat/all/own', { 'shop/a': 12, 'shop/b': 45 })
  await cluster().advance(80_000)
  const entry = { name: 'own', rule: 'all', what: 'Requests', limit: '60', window: '10m' }
  expect(routeStatus().limits).toEqual([{ ...entry, used: '45', percent: 75 }])
  cluster().node.remove('shop', 'b')
  await cluster().advance(80_000)
  expect(routeStatus().limits).toEqual([{ ...entry, used: '12', percent: 20 }])
})

test('each pod is told which mark of a budget all together have passed, and until when', async () => {
  await open()
  use(MONTH_ID, { 'shop/a': 390 * USD, 'shop/b': 9 * USD })
  await cluster().advance(20_000)
  expect([passedBy('a'), passedBy('b')]).toEqual([undefined, undefined])
  use(MONTH_ID, { 'shop/b': 10 * USD })
  await cluster().advance(20_000)
  const mark = { percent: 80, untilMs: Date.parse('2026-11-30T23:00:00Z') }
  expect([passedBy('a'), passedBy('b')]).toEqual([{ [MONTH_ID]: mark }, { [MONTH_ID]: mark }])
  // Whoever comes later hears it with its first share.
  cluster().node.run('shop', 'd')
  await cluster().advance(20_000)
  expect(passedBy('d')).toEqual({ [MONTH_ID]: mark })
  applyAll(limitedRoute({ ...MONTH, amount: '5000' }))
  await cluster().advance(90_000)
  expect([passedBy('a'), passedBy('b'), passedBy('d')]).toEqual([undefined, undefined, undefined])
})

test('a status is written once a minute at most, however fast the use changes, and nothing else of it changes', async () => {
  await open()
  const before = routeStatus()
  const writes = statusWrites()
  for (let count = 1; count <= 300; count++) {
    use(RPM_ID, { 'shop/a': (count * 97) % 600 })
    await cluster().advance(1_000)
  }
  expect(statusWrites() - writes).toBeGreaterThanOrEqual(3)
  expect(statusWrites() - writes).toBeLessThanOrEqual(5)
  expect({ ...routeStatus(), limits: [] }).toEqual({ ...before, limits: [] })
})

test('a status is not written while use stays within five percent', async () => {
  await open()
  use(RPM_ID, { 'shop/a': 300 })
  await cluster().advance(65_000)
  const writes = statusWrites()
  for (let count = 0; count < 29; count++) {
    use(RPM_ID, { 'shop/a': 300 + count })
    await cluster().advance(10_000)
  }
  expect(statusWrites()).toBe(writes)
})

test('an event tells when a budget passes a percentage, and when it is used up, each once', async () => {
  await open()
  use(MONTH_ID, { 'shop/a': 390 * USD })
  await cluster().advance(65_000)
  expect(budgetEvents()).toEqual([])
  use(MONTH_ID, { 'shop/b': 20 * USD })
  await cluster().advance(10_000)
  const warning =
    'Warning: Budget month: 410 of 500 USD are spent (82 %), past 80 %; it begins anew at 2026-11-30T23:00:00Z'
  expect(budgetEvents()).toEqual([warning])
  // Reservations come back and are taken again.
  for (const spent of [0, 20, 0, 20]) {
    use(MONTH_ID, { 'shop/b': spent * USD })
    await cluster().advance(65_000)
  }
  expect(budgetEvents()).toEqual([warning])
  use(MONTH_ID, { 'shop/b': 110 * USD })
  await cluster().advance(20_000)
  expect(budgetEvents().toSorted()).toEqual([
    warning,
    'Warning: Budget month: 500 of 500 USD are spent (100 %): requests are answered with 429 until there is room again; it begins anew at 2026-11-30T23:00:00Z',
  ])
})

test('another operator shows what stands there until all sidecars have said what they use, and warns no second time', async () => {
  const first = await open()
  use(MONTH_ID, { 'shop/a': 410 * USD })
  await cluster().advance(65_000)
  expect(budgetEvents()).toHaveLength(1)
  await first.stop()
  const seen = new Set<number | undefined>()
  const unsubscribe = cluster().store.subscribe(({ collection }) => {
    if (collection.endsWith('/llmroutes')) seen.add(budgetPercent())
  })
  cluster().replica('two')
  // So that the status is written anew.
  cluster().node.run('shop', 'd')
  await cluster().advance(120_000)
  unsubscribe()
  expect([...seen]).toEqual([82])
  expect(budgetEvents()).toHaveLength(1)
})

test('what a pod that is gone may have used is shown', async () => {
  await open()
  use(MONTH_ID, { 'shop/a': 100 * USD })
  await cluster().advance(65_000)
  expect(budgetPercent()).toBe(20)
  cluster().node.remove('shop', 'a')
  await cluster().advance(90_000)
  expect(budgetPercent()).toBeGreaterThanOrEqual(20)
})
