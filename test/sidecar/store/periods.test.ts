// Calendar periods in a store, and rows that change: with a wall clock that the test sets.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Counter, Shortage, Ticket } from '../../../sidecar/limits/counter.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import type { StoreSource } from '../../../sidecar/store/store-source.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { ask, budgetRow, closeAll, countersOf, eventually, isAdmitted, limitRow, now, openSources } from './sources.ts'
import { describeWithRedis } from './with-redis.ts'

const DAY_S = 24 * 3600

let redis: RedisServer
let sources: StoreSource[] = []
let wallMs = 0

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  if (redis.client.status === 'wait') await redis.client.connect()
  await redis.client.flushall()
  wallMs = Date.parse('2026-11-30T22:59:59Z')
})
afterEach(() => closeAll(sources.splice(0)))

async function open(row: CountedRow, count = 1, timeoutMs = 1000): Promise<Counter[]> {
  sources = await openSources(redis.url, count, { timeoutMs, wallClock: () => wallMs })
  return countersOf(sources, row)
}

async function take(counter: Counter, amount: number): Promise<Ticket> {
  const answer = await ask(counter, amount)
  if (!isAdmitted(answer)) throw new Error(`refused: ${JSON.stringify(answer)}`)
  return answer
}

async function sums(): Promise<string[]> {
  const keys = (await redis.client.keys('*:Cost:*')).filter((key) => /:Cost:\d+$/.test(key)).sort()
  return Promise.all(keys.map(async (key) => String(await redis.client.hget(key, 'sum'))))
}

/** The wall's clock stands still in these tests, and the other one does not. */
function seconds(answer: Ticket | Shortage): object {
  if (isAdmitted(answer)) throw new Error('admitted')
  const { kind, retryAfterMs, remaining } = answer
  return { kind, retryAfterS: Math.ceil(retryAfterMs / 1000), remaining }
}

const isSettled = () => sources.every((source) => source.report().unsettled === 0)

describeWithRedis('a month in Berlin', () => {
  test('ends there, and with it what was used', async () => {
    const [counter] = (await open(budgetRow(1000))) as [Counter]
    await take(counter, 1000)
    expect(seconds(await ask(counter, 1))).toEqual({ kind: 'Reached', retryAfterS: 1, remaining: 0 })
    wallMs += 1000
    expect(counter.used(now())).toBe(0)
    await take(counter, 1000)
    expect(counter.used(now())).toBe(1000)
    expect(seconds(await ask(counter, 1))).toEqual({ kind: 'Reached', retryAfterS: 31 * DAY_S, remaining: 0 })
    await eventually(isSettled)
    expect(await sums()).toEqual(['1000', '1000'])
  })

  test('that is over is not changed: more is counted in the present one, less is no news', async () => {
    const [counter] = (await open(budgetRow(1000))) as [Counter]
    const [more, less] = [await take(counter, 100), await take(counter, 100)]
    await eventually(isSettled)
    wallMs += 1000
    counter.settle(more, 100, 140, now())
    counter.settle(less, 100, 10, now())
    await eventually(async () => isSettled() && (await sums()).length === 2)
    expect(await sums()).toEqual(['200', '40'])
  })

  test('is told what it is owed even when the next has begun', async () => {
    const [counter] = (await open(budgetRow(1000, 'Fallback'))) as [Counter]
    counter.take(70, now())
    wallMs += 1000
    counter.take(5, now())
    await eventually(async () => isSettled() && (await sums()).length === 2)
    expect(await sums()).toEqual(['70', '5'])
  })

  test('whose clock is set back a little goes on', async () => {
    const [counter] = (await open(budgetRow(1000))) as [Counter]
    wallMs += 1000
    await take(counter, 1000)
    wallMs -= 60_000
    expect(await ask(counter, 1)).toMatchObject({ kind: 'Reached' })
  })
})

describeWithRedis('a row', () => {
  test('goes on with its count when the limit changes', async () => {
    const row = limitRow({ what: 'Requests', limit: 10, windowMs: 60_000 })
    const [counter] = (await open(row)) as [Counter]
    for (let i = 0; i < 10; i++) await take(counter, 1)
    expect(await ask(counter, 1)).toMatchObject({ kind: 'Reached' })
    counter.configure({ ...row, limit: 12 }, 12, now())
    await take(counter, 1)
    await take(counter, 1)
    expect(await ask(counter, 1)).toMatchObject({ kind: 'Reached', remaining: 0 })
    counter.configure({ ...row, limit: 5 }, 5, now())
    expect(await ask(counter, 1)).toMatchObject({ kind: 'Reached', remaining: 0 })
    expect(await ask(counter, 6)).toMatchObject({ kind: 'TooLarge', retryAfterMs: Number.POSITIVE_INFINITY })
  })

  test('can be forgotten as soon as nothing of it is open or on its way', async () => {
    const [counter] = (await open(limitRow({ what: 'Tokens', limit: 1000, windowMs: 60_000 }), 1, 200)) as [Counter]
    const ticket = await take(counter, 10)
    expect(counter.isIdle(now())).toBe(false)
    counter.settle(ticket, 10, 7, now())
    await eventually(() => counter.isIdle(now()))
    expect(counter.used(now())).toBe(7)
  })

  test('has one count for all who share it, and the whole limit as its capacity', async () => {
    const [one, other] = (await open(limitRow({ what: 'Tokens', limit: 100, windowMs: 60_000 }), 2)) as [
      Counter,
      Counter,
    ]
    await take(one, 60)
    expect(await ask(other, 50)).toMatchObject({ kind: 'Reached', remaining: 40 })
    expect([one.capacity(), other.capacity(), other.used(now())]).toEqual([100, 100, 60])
  })

  test('that is refused says exactly when it fits', async () => {
    const [counter] = (await open(limitRow({ what: 'Requests', limit: 1, windowMs: 1280 }), 1, 200)) as [Counter]
    await take(counter, 1)
    const beganMs = now()
    const refused = await ask(counter, 1)
    if (isAdmitted(refused)) throw new Error('admitted')
    // The window, what a lease may be spent late (here the deadline), and at most one bucket.
    expect(refused.retryAfterMs).toBeGreaterThan(1280 + 100)
    expect(refused.retryAfterMs).toBeLessThanOrEqual(1280 + 200 + 10)
    await eventually(async () => isAdmitted(await ask(counter, 1)))
    expect(now() - beganMs).toBeGreaterThanOrEqual(refused.retryAfterMs - 1)
  })
})
