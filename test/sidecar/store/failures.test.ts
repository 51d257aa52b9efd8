// A store that is slow, gone, full or someone else's replica: nobody waits longer than the deadline, the declared policy is what happens,
// and what was taken meanwhile is in the store when it is back, once.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Counter, Shortage, Ticket } from '../../../sidecar/limits/counter.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import type { OnStoreFailure } from '../../../sidecar/store/failure-policy.ts'
import type { StoreChange } from '../../../sidecar/store/store-gate.ts'
import type { StoreSource } from '../../../sidecar/store/store-source.ts'
import { type RedisServer, startRedis } from './redis.ts'
import {
  ask,
  budgetRow,
  closeAll,
  countersOf,
  eventually,
  isAdmitted,
  limitRow,
  now,
  openSources,
  sleep,
} from './sources.ts'
import { FORGOTTEN_SCRIPTS, TROUBLES } from './troubles.ts'
import { describeWithRedis } from './with-redis.ts'

const LIMIT = 1000
const SHARE = 30
const ASKED = 100
const TIMEOUT_MS = 20
/** Far above what is promised, since this machine may do other things; far below what a connection's own time limits are. */
const WAIT_MAX_MS = TIMEOUT_MS + 500

let redis: RedisServer
const opened: StoreSource[] = []
let changes: StoreChange[] = []

beforeEach(async () => {
  redis = await startRedis()
  changes = []
})
afterEach(async () => {
  redis.signal('SIGCONT')
  await closeAll(opened.splice(0))
  await redis.stop()
})

async function open(onFailure: OnStoreFailure, timeoutMs = TIMEOUT_MS): Promise<[StoreSource, Counter]> {
  const shareOf = () => SHARE
  const onState = (change: StoreChange) => void changes.push(change)
  const [source] = await openSources(redis.url, 1, { onFailure, shareOf, onState, timeoutMs })
  if (source === undefined) throw new Error('no source')
  opened.push(source)
  const [counter] = countersOf([source], limitRow({ what: 'Requests', limit: LIMIT, windowMs: 60_000 }))
  if (counter === undefined) throw new Error('no counter')
  return [source, counter]
}

async function askMany(
  counter: Counter,
): Promise<{ admitted: number; answers: (Ticket | Shortage)[]; longestMs: number }> {
  const answers: (Ticket | Shortage)[] = []
  let longestMs = 0
  for (let i = 0; i < ASKED; i++) {
    const beganMs = now()
    answers.push(await ask(counter, 1))
    longestMs = Math.max(longestMs, now() - beganMs)
  }
  return { admitted: answers.filter(isAdmitted).length, answers, longestMs }
}

async function sumInStore(): Promise<number> {
  const [key] = await redis.client.keys('*:Requests:60000ms')
  return key === undefined ? 0 : Number(await redis.client.hget(key, 'sum'))
}

/** The most and the least that may be admitted; leases of before may still be spent. */
const EXPECTED: Readonly<Record<OnStoreFailure, [least: number, most: number]>> = {
  Allow: [ASKED, ASKED],
  // One was taken before, and counts in the share.
  LocalShare: [SHARE - 1, SHARE + 4],
  Deny: [0, 5],
}

describeWithRedis.each(TROUBLES)('a store that $name', ({ begin, end, forgets = false }) => {
  test.each(['LocalShare', 'Allow', 'Deny'] as const)('holds nobody up, and %s decides', async (policy) => {
    const [source, counter] = await open(policy)
    await redis.client.connect()
    // A busy machine may miss the deadline even now.
    await eventually(async () => source.report().state === 'Up' && isAdmitted(await ask(counter, 1)))
    await begin(redis)
    const { admitted, longestMs } = await askMany(counter)
    const [least, most] = EXPECTED[policy]
    expect(admitted).toBeGreaterThanOrEqual(least)
    expect(admitted).toBeLessThanOrEqual(most)
    expect(longestMs).toBeLessThan(WAIT_MAX_MS)
    expect(changes.at(-1)).toMatchObject({ from: 'Up', to: 'Failed' })
    await end(redis)
    await eventually(() => source.report().state === 'Up')
    await eventually(async () => (await sumInStore()) >= (forgets ? admitted : admitted + 1))
    await eventually(() => source.report().unsettled === 0)
    expect(await sumInStore()).toBe(forgets ? admitted : admitted + 1)
    expect(changes.at(-1)).toMatchObject({ from: 'Failed', to: 'Up' })
  })
})

const SHARED_ROWS: readonly [string, CountedRow][] = [
  ['a window', limitRow({ what: 'Requests', limit: LIMIT, windowMs: 60_000 })],
  ['a period', budgetRow(LIMIT)],
  ['open requests', limitRow({ what: 'Concurrency', limit: LIMIT })],
]

describeWithRedis('a store that stops when most is used', () => {
  test.each(SHARED_ROWS)('leaves each sidecar its part of the rest: %s', async (_, row) => {
    opened.push(...(await openSources(redis.url, 4, { onFailure: 'LocalShare', timeoutMs: 200 })))
    await eventually(() => opened.every((source) => source.report().sidecars === opened.length))
    const counters = countersOf(opened, row)
    const [busiest, ...others] = counters as [Counter, ...Counter[]]
    let admitted = 0
    const take = async (counter: Counter, times: number) => {
      for (let i = 0; i < times; i++) if (isAdmitted(await ask(counter, 1))) admitted++
    }
    await take(busiest, 0.8 * LIMIT)
    for (const counter of [...others, busiest]) await take(counter, 1)
    redis.signal('SIGSTOP')
    for (const counter of counters) await take(counter, LIMIT)
    expect(admitted).toBeLessThanOrEqual(LIMIT)
    // A quarter of what was left to each but the busiest, which has had more than its share.
    expect(admitted).toBeGreaterThanOrEqual(0.9 * LIMIT)
  })
})

describeWithRedis('a store', () => {
  test('that has forgotten its scripts is told them again, and nobody notices', async () => {
    const [source, counter] = await open('Deny', 1000)
    for (let i = 0; i < 5; i++) {
      await FORGOTTEN_SCRIPTS.begin(redis)
      expect((await askMany(counter)).admitted).toBe(ASKED)
    }
    expect(source.report()).toMatchObject({ state: 'Up', failures: 0, failedCalls: 0 })
  })

  test('that is not there does not keep a sidecar from starting', async () => {
    redis.signal('SIGKILL')
    const beganMs = now()
    const [source, counter] = await open('LocalShare')
    expect(now() - beganMs).toBeLessThan(5000)
    const { admitted, answers, longestMs } = await askMany(counter)
    expect(admitted).toBe(SHARE)
    expect(answers.at(-1)).toMatchObject({ kind: 'Reached', remaining: 0 })
    expect(longestMs).toBeLessThan(WAIT_MAX_MS)
    await redis.restart()
    await eventually(() => source.report().state === 'Up')
    await redis.client.connect()
    await eventually(async () => (await sumInStore()) === SHARE)
  })

  test('that comes late is cut off, since a slow one is worse than none', async () => {
    const [source, counter] = await open('Allow')
    await redis.client.connect()
    // Each answer takes longer than the deadline.
    const busy = setInterval(() => void redis.client.call('DEBUG', 'SLEEP', '0.06').catch(() => {}), 60)
    try {
      await redis.client.call('DEBUG', 'SLEEP', '0.06')
      for (let asked = 0; source.report().state === 'Up' && asked < 20_000; asked++) {
        if (isAdmitted(await ask(counter, 1)) && asked % 100 === 0) await sleep(5)
      }
      // So many in a row, or so many of the last ones.
      expect(source.report()).toMatchObject({ state: 'Failed', why: expect.stringMatching(/fail/) })
      expect(source.report().lateCalls).toBeGreaterThan(0)
    } finally {
      clearInterval(busy)
    }
    await eventually(() => source.report().state === 'Up', 15_000)
  })
})
