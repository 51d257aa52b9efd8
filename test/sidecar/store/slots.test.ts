// Slots of open requests, among sidecars that come, go and are killed.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Counter } from '../../../sidecar/limits/counter.ts'
import type { StoreSource } from '../../../sidecar/store/store-source.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { ask, closeAll, countersOf, eventually, isAdmitted, limitRow, now, openSources, sleep } from './sources.ts'
import { describeWithRedis } from './with-redis.ts'

const LIMIT = 50
const TTL_MS = 1000
const ROW = limitRow({ what: 'Concurrency', limit: LIMIT })

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  await redis.client.flushall()
})

async function withCounters(count: number, use: (counters: Counter[], sources: StoreSource[]) => Promise<void>) {
  const sources = await openSources(redis.url, count, { timeoutMs: 1000, slotTtlMs: TTL_MS })
  try {
    await use(countersOf(sources, ROW), sources)
  } finally {
    await closeAll(sources)
  }
}

async function takeAll(counter: Counter, count: number): Promise<number> {
  const answers = await Promise.all(Array.from({ length: count }, () => ask(counter, 1)))
  return answers.filter(isAdmitted).length
}

function first(counters: readonly Counter[]): [Counter, Counter] {
  return counters as [Counter, Counter]
}

describeWithRedis('slots', () => {
  test('of a sidecar that is killed come back within their time, and not while it lives', async () => {
    await withCounters(1, async ([counter]) => {
      const child = fork(path.join(import.meta.dirname, 'slot-holder.ts'), [redis.url, String(LIMIT), String(TTL_MS)], {
        execArgv: ['--disable-warning=ExperimentalWarning'],
      })
      const [held] = await once(child, 'message')
      expect(held).toBe(LIMIT)
      await sleep(1.5 * TTL_MS)
      expect(await ask(counter as Counter, 1)).toMatchObject({ kind: 'Reached', remaining: 0 })
      child.kill('SIGKILL')
      await once(child, 'exit')
      const killedMs = now()
      let admitted = 0
      await eventually(async () => {
        admitted += await takeAll(counter as Counter, LIMIT - admitted)
        return admitted === LIMIT
      })
      // Renewed a moment before it was killed, at most.
      expect(now() - killedMs).toBeLessThan(TTL_MS + 1000)
    })
  })

  test('that one sidecar does not use any more go to another within a moment', async () => {
    await withCounters(2, async (counters) => {
      const [busy, waiting] = first(counters)
      const tickets = (await Promise.all(Array.from({ length: LIMIT }, () => ask(busy, 1)))).filter(isAdmitted)
      expect(tickets.length).toBe(LIMIT)
      expect(await takeAll(waiting, 5)).toBe(0)
      for (const ticket of tickets.slice(0, 40)) busy.settle(ticket, 1, 0, now())
      let admitted = 0
      await eventually(async () => {
        admitted += await takeAll(waiting, 40 - admitted)
        return admitted === 40
      })
      expect(await takeAll(waiting, 5)).toBe(0)
    })
  })

  test('beyond the limit, which somebody took without the store, are not used again when they end', async () => {
    await withCounters(2, async (counters) => {
      const [busy, other] = first(counters)
      const tickets = (await Promise.all(Array.from({ length: LIMIT }, () => ask(busy, 1)))).filter(isAdmitted)
      for (let i = 0; i < 10; i++) other.take(1, now())
      await eventually(async () => busy.used(now()) === LIMIT + 10)
      let begun = 0
      for (const ticket of tickets.slice(0, 20)) {
        busy.settle(ticket, 1, 0, now())
        begun += await takeAll(busy, 1)
      }
      expect(begun).toBeLessThanOrEqual(10)
      await eventually(async () => {
        begun += await takeAll(busy, 10 - begun)
        return begun === 10
      })
      expect(await takeAll(busy, 5)).toBe(0)
    })
  })

  test('cost no round trip while as many requests begin as end', async () => {
    await withCounters(1, async (counters, [source]) => {
      const [counter] = first(counters)
      let ticket = await ask(counter, 1)
      const before = source?.report().calls ?? 0
      for (let i = 0; i < 1000 && isAdmitted(ticket); i++) {
        counter.settle(ticket, 1, 0, now())
        ticket = await ask(counter, 1)
      }
      expect(isAdmitted(ticket)).toBe(true)
      // Renewals and beats, by time.
      expect((source?.report().calls ?? 0) - before).toBeLessThan(50)
    })
  })

  test('are never more than the limit together, whoever comes and goes', async () => {
    await withCounters(8, async (counters) => {
      let open = 0
      let most = 0
      const untilMs = now() + 1500
      await Promise.all(
        Array.from({ length: 160 }, async (_, i) => {
          const counter = counters[i % 8] as Counter
          while (now() < untilMs) {
            const answer = await ask(counter, 1)
            if (isAdmitted(answer)) {
              most = Math.max(most, ++open)
              await sleep(i % 40)
              open--
              counter.settle(answer, 1, 0, now())
            }
            await sleep(5)
          }
        }),
      )
      expect(most).toBeLessThanOrEqual(LIMIT)
      expect(most).toBeGreaterThan(0.9 * LIMIT)
    })
  })
})
