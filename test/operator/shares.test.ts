// Limits that pods share, with the whole operator: from an LLMRoute to the annotations of pods, against an API server, kubelets and
// sidecars in this process, in virtual time.
import { describe, expect, test } from '@jest/globals'
import { parseLimitShares, SHARES_ANNOTATION } from '../../contract/limit-shares.ts'
import { INJECT_LABEL } from '../../contract/names.ts'
import type { LLMRouteLimit } from '../../operator/api/llm-route.ts'
import { parsePrometheusText } from '../support/prometheus-text.ts'
import type { StartedReplica } from './cluster-in-process.ts'
import { placeOf, secret } from './cluster-in-process.ts'
import { applyAll, cluster, find, KEY, openCluster, provider, remove, route } from './shop-in-process.ts'

const ID = 'route:shop/chat/all/rpm'
const RPM: LLMRouteLimit[] = [
  { name: 'rpm', what: 'Requests', limit: 600, window: '1m', per: ['Namespace'], maxKeys: 1000, mode: 'Enforce' },
]

function openLimited(limits = RPM): StartedReplica {
  openCluster()
  applyAll(
    secret('ai/keys', { 'api-key': KEY }),
    provider('ai/openai'),
    route('shop/chat', 'ai/openai', undefined, { limits }),
  )
  return cluster().replica('one')
}

function annotationOf(name: string): string | undefined {
  return find('Pod', `shop/${name}`)?.metadata.annotations?.[SHARES_ANNOTATION]
}

/** Granted by the annotations, by pod. */
function granted(...names: string[]): number[] {
  return names.map((name) => {
    const parsed = parseLimitShares(annotationOf(name) ?? '')
    if ('problems' in parsed) throw new Error(parsed.problems.join('; '))
    return parsed.shares?.shares[ID] ?? 0
  })
}

function inForce(...names: string[]): number[] {
  return names.map((name) => cluster().node.sidecar('shop', name)?.shares[ID] ?? 0)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0)
}

/** The sum of what is in force never passes the limit, looked at again and again. */
async function advanceWithin(ms: number, limit: number, ...names: string[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await cluster().advance(50)
    const shares = inForce(...names)
    expect({ shares, within: sum(shares) <= limit }).toEqual({ shares, within: true })
  }
}

function writesOf(pattern: RegExp): string[] {
  return cluster().writes.filter((write) => pattern.test(write))
}

test('a limit is divided among the pods that count it, and every share is in force', async () => {
  openLimited()
  for (const name of ['a', 'b', 'c']) cluster().node.run('shop', name)
  await advanceWithin(15_000, 600, 'a', 'b', 'c')
  expect(sum(inForce('a', 'b', 'c'))).toBeGreaterThanOrEqual(540)
  expect(Math.min(...inForce('a', 'b', 'c'))).toBeGreaterThanOrEqual(100)
  expect(granted('a', 'b', 'c')).toEqual(inForce('a', 'b', 'c'))
})

test.each<[name: string, limits: LLMRouteLimit[], asked: number]>([
  ['where there are no limits nobody is asked', [], 0],
  [
    'where no limit is shared sidecars are asked now and then, for statuses',
    RPM.map((limit): LLMRouteLimit => ({ ...limit, per: ['Pod'] })),
    6,
  ],
])('%s, and nothing is written', async (_name, limits, timesMax) => {
  openLimited(limits)
  const asked: string[] = []
  const { askLimits } = cluster().node
  cluster().node.askLimits = (admin) => {
    asked.push(admin)
    return askLimits(admin)
  }
  cluster().node.run('shop', 'a')
  await cluster().advance(60_000)
  expect(asked.length).toBeLessThanOrEqual(timesMax)
  expect(asked.length > 0).toBe(timesMax > 0)
  expect(annotationOf('a')).toBeUndefined()
  expect(find('ConfigMap', 'shop/outrigger-limits')).toBeUndefined()
})

test('that a count is granted from is remembered before the first grant', async () => {
  openLimited()
  cluster().node.run('shop', 'a')
  await cluster().advance(10_000)
  const order = writesOf(/outrigger-limits|PATCH shop\/pods\/a/)
  expect(order[0]).toMatch(/shop\/configmaps\/outrigger-limits/)
  expect(find('ConfigMap', 'shop/outrigger-limits')?.data).toEqual({
    limits: `{"${ID} shop":{"type":"Held","most":600}}`,
  })
})

test.each([
  ['as it was', 600],
  ['larger', 100_000],
])('a limit that is taken away and comes back %s can be used at once', async (_name, limit) => {
  const hourly = RPM.map((rpm): LLMRouteLimit => ({ ...rpm, window: '1h' }))
  openLimited(hourly)
  for (const name of ['a', 'b']) cluster().node.run('shop', name)
  await cluster().advance(15_000)
  applyAll(route('shop/chat', 'ai/openai', undefined, { limits: [] }))
  await cluster().advance(120_000)
  applyAll(route('shop/chat', 'ai/openai', undefined, { limits: hourly.map((each) => ({ ...each, limit })) }))
  await cluster().advance(10_000)
  expect(sum(inForce('a', 'b'))).toBe(limit)
})

test('a newcomer has its share before its application is ready, and the others have given it first', async () => {
  openLimited()
  for (const name of ['a', 'b']) cluster().node.run('shop', name)
  await cluster().advance(15_000)
  cluster().node.run('shop', 'c')
  await advanceWithin(6_000, 600, 'a', 'b', 'c')
  expect(inForce('c')[0]).toBeGreaterThanOrEqual(100)
})

test('what one pod does not need moves to one that wants more, and back', async () => {
  openLimited()
  for (const name of ['a', 'b']) cluster().node.run('shop', name)
  await cluster().advance(15_000)
  const counts = (name: string) => cluster().node.sidecar('shop', name)?.counts
  counts('a')?.set(ID, { used: 300, wanted: 6_000 })
  await advanceWithin(15_000, 600, 'a', 'b')
  expect(inForce('a')[0]).toBeGreaterThanOrEqual(582)
  // All of it is used: it comes back as it leaves the window.
  counts('a')?.set(ID, { used: 590, wanted: 600 })
  counts('b')?.set(ID, { used: 3, wanted: 900 })
  await advanceWithin(15_000, 600, 'a', 'b')
  expect(inForce('b')[0]).toBeLessThan(15)
  counts('a')?.set(ID, { used: 100, wanted: 100 })
  await advanceWithin(15_000, 600, 'a', 'b')
  expect(inForce('b')[0]).toBeGreaterThanOrEqual(450)
})

test('what a pod that is gone may have used comes back when it has left the window', async () => {
  openLimited()
  for (const name of ['a', 'b']) cluster().node.run('shop', name)
  await cluster().advance(15_000)
  const [ofA = 0] = inForce('a')
  cluster().node.remove('shop', 'a', 'Forced')
  cluster().node.sidecar('shop', 'b')?.counts.set(ID, { used: 0, wanted: 600 })
  await cluster().advance(50_000)
  expect(inForce('b')[0]).toBeLessThanOrEqual(600 - ofA)
  await cluster().advance(25_000)
  expect(inForce('b')[0]).toBeGreaterThanOrEqual(582)
})

test('a pod that ends with notice leaves only what it has used', async () => {
  openLimited()
  for (const name of ['a', 'b']) cluster().node.run('shop', name)
  await cluster().advance(15_000)
  cluster().node.sidecar('shop', 'a')?.counts.set(ID, { used: 10, wanted: 10 })
  cluster().node.sidecar('shop', 'b')?.counts.set(ID, { used: 0, wanted: 600 })
  await cluster().advance(3_000)
  cluster().node.remove('shop', 'a')
  await cluster().advance(10_000)
  expect(inForce('b')[0]).toBeGreaterThanOrEqual(570)
})

test('a pod that comes when nothing is left of the last one is granted all of it', async () => {
  openLimited([{ ...RPM[0], window: '10s' } as (typeof RPM)[number]])
  cluster().node.run('shop', 'a')
  await cluster().advance(32_000)
  cluster().node.remove('shop', 'a', 'Forced')
  // Past the window, and before the ledger is written for no other reason.
  await cluster().advance(20_000)
  cluster().node.run('shop', 'b')
  await cluster().advance(5_000)
  expect(inForce('b')).toEqual([600])
})

describe('another operator', () => {
  test('goes on from the annotations, and writes none anew', async () => {
    const first = openLimited()
    for (const name of ['a', 'b']) cluster().node.run('shop', name)
    await cluster().advance(15_000)
    const before = granted('a', 'b')
    expect(sum(before)).toBeGreaterThanOrEqual(540)
    await first.stop()
    const writes = writesOf(/PATCH shop\/pods/).length
    cluster().replica('two')
    await advanceWithin(60_000, 600, 'a', 'b')
    expect({ granted: granted('a', 'b'), writes: writesOf(/PATCH shop\/pods/).length }).toEqual({
      granted: before,
      writes,
    })
  })

  test('remembers what was used by pods that were gone before it came', async () => {
    const first = openLimited([{ ...RPM[0], window: '10m' } as (typeof RPM)[number]])
    cluster().node.run('shop', 'a')
    await cluster().advance(15_000)
    cluster().node.remove('shop', 'a', 'Forced')
    await cluster().advance(40_000)
    expect(JSON.stringify(find('ConfigMap', 'shop/outrigger-limits')?.data)).toContain('Left')
    await first.stop()
    cluster().replica('two')
    cluster().node.run('shop', 'b')
    await cluster().advance(60_000)
    expect(inForce('b')).toEqual([0])
    await cluster().advance(600_000)
    expect(inForce('b')).toEqual([600])
  })
})

test('another process of a pod is granted shares of its own, and what the first may have used counts', async () => {
  openLimited()
  for (const name of ['a', 'b']) cluster().node.run('shop', name)
  await cluster().advance(15_000)
  cluster().node.restart('shop', 'a')
  const inherited = inForce('a')[0] ?? 0
  cluster().node.sidecar('shop', 'a')?.counts.set(ID, { used: inherited, wanted: 600 })
  await advanceWithin(10_000, 600, 'a', 'b')
  const parsed = parseLimitShares(annotationOf('a') ?? '')
  expect(parsed).toMatchObject({ shares: { instance: expect.stringMatching(/^process-/) } })
  expect(inForce('a')[0]).toBeGreaterThan(inherited)
})

test('a pod that changes in the moment of the write is written again', async () => {
  openLimited()
  cluster().node.run('shop', 'a')
  await cluster().advance(800)
  const { store } = cluster()
  for (let count = 0; count < 100; count++) {
    const pod = store.find(placeOf('Pod', 'shop/a'))
    if (pod !== undefined) {
      const metadata = { ...pod.metadata, labels: { [INJECT_LABEL]: 'true', count: String(count) } }
      store.update(placeOf('Pod', 'shop/a'), { ...pod, metadata }, 'Main')
    }
    await cluster().advance(20)
  }
  await cluster().advance(10_000)
  expect(inForce('a')).toEqual([600])
})

test('many sidecars are asked no more than fifty times a second', async () => {
  openLimited()
  const askedAtMs: number[] = []
  const { askLimits } = cluster().node
  cluster().node.askLimits = (admin) => {
    askedAtMs.push(cluster().clock.now())
    return askLimits(admin)
  }
  for (let count = 0; count < 200; count++) cluster().node.run('shop', `pod-${count}`)
  await cluster().advance(60_000)
  const perSecond = Map.groupBy(askedAtMs, (ms) => Math.floor(ms / 1_000))
  expect(Math.max(...[...perSecond.values()].map(({ length }) => length))).toBeLessThanOrEqual(52)
  // All of them have their shares: an even one is 3.
  const names = Array.from({ length: 200 }, (_, count) => `pod-${count}`)
  expect(inForce(...names).filter((share) => share === 0)).toEqual([])
})

test('a sidecar that cannot be asked keeps what it has, and the others share the rest', async () => {
  openLimited()
  for (const name of ['a', 'b']) cluster().node.run('shop', name)
  await cluster().advance(15_000)
  const silent = cluster().node.sidecar('shop', 'a')
  if (silent !== undefined) silent.unreachable = true
  const [ofA = 0] = inForce('a')
  await cluster().advance(15_000)
  cluster().node.sidecar('shop', 'b')?.counts.set(ID, { used: 0, wanted: 600 })
  await advanceWithin(60_000, 600, 'a', 'b')
  expect(inForce('a', 'b')).toEqual([ofA, 600 - ofA])
})

test('metrics tell of each limit, and no more of one that is gone', async () => {
  const { metrics } = openLimited()
  cluster().node.run('shop', 'a')
  await cluster().advance(60_000)
  const told = async () => parsePrometheusText(await metrics.registry.metrics()).get('outrigger_operator_limit_shares')
  expect((await told())?.samples.map(({ labels, value }) => [labels.limit, labels.state, value])).toEqual([
    [ID, 'granted', 600],
    [ID, 'departed', 0],
  ])
  remove('LLMRoute', 'shop/chat')
  await cluster().advance(60_000)
  expect((await told())?.samples ?? []).toEqual([])
})
