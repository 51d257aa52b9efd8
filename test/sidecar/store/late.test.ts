// What the store hears of late, when its bucket has left the window: what was used then no longer counts, and what a request turned out to
// use beyond it counts from the moment at which that is known.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Counter, Ticket } from '../../../sidecar/limits/counter.ts'
import type { StoreSource } from '../../../sidecar/store/store-source.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { ask, closeAll, countersOf, eventually, isAdmitted, limitRow, now, openSources, sleep } from './sources.ts'
import { describeWithRedis } from './with-redis.ts'

const LIMIT = 50
const WINDOW_MS = 2_000

let redis: RedisServer
let source: StoreSource
let counter: Counter

beforeEach(async () => {
  redis = await startRedis()
  await redis.client.connect()
  const sources = await openSources(redis.url, 1, { onFailure: 'LocalShare', timeoutMs: 200 })
  const counters = countersOf(sources, limitRow({ what: 'Requests', limit: LIMIT, windowMs: WINDOW_MS }))
  ;[source, counter] = [sources[0] as StoreSource, counters[0] as Counter]
})
afterEach(async () => {
  redis.signal('SIGCONT')
  await closeAll([source])
  await redis.stop()
})

async function admitted(): Promise<Ticket> {
  let ticket: Ticket | undefined
  await eventually(async () => {
    const answer = source.report().state === 'Up' ? await ask(counter, 1) : undefined
    if (answer !== undefined && isAdmitted(answer)) ticket = answer
    return ticket !== undefined
  })
  return ticket as Ticket
}

async function sumInStore(): Promise<number> {
  const [key] = await redis.client.keys(`*:Requests:${WINDOW_MS}ms`)
  return key === undefined ? 0 : Number(await redis.client.hget(key, 'sum'))
}

/** The most that the store counts until all is told. */
async function mostUntilSettled(): Promise<number> {
  let most = 0
  await eventually(async () => {
    const { state, unsettled } = source.report()
    most = Math.max(most, await sumInStore())
    return state === 'Up' && unsettled === 0
  })
  return most
}

describeWithRedis('the store', () => {
  test('that was away for several windows does not count what was used in the first', async () => {
    await admitted()
    redis.signal('SIGSTOP')
    let count = 0
    for (const untilMs = now() + 4 * WINDOW_MS; now() < untilMs; await sleep(10)) {
      if (isAdmitted(await ask(counter, 1))) count++
    }
    expect(count).toBeGreaterThan(3 * LIMIT)
    redis.signal('SIGCONT')
    // It looks back for a window and the life of a lease, in which less than two windows' worth can be used.
    expect(await mostUntilSettled()).toBeLessThanOrEqual(2 * LIMIT)
  })

  test('counts now what a request has used more than was taken for it, a window ago', async () => {
    const ticket = await admitted()
    await mostUntilSettled()
    await eventually(() => counter.used(now()) === 0)
    counter.settle(ticket, 1, 21, now())
    expect(await mostUntilSettled()).toBe(20)
  })
})
