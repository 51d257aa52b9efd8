// Random interleavings of three sidecars and one Redis: reserving, settling with less, more or nothing, scripts that are flushed and
// connections that are cut in the middle. `make store` runs 100,000 steps; a failing run can be repeated by its seed.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Counter, Shortage, Ticket } from '../../../sidecar/limits/counter.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import type { StoreSource } from '../../../sidecar/store/store-source.ts'
import { below, pick, type Random, seeded } from '../../support/random.ts'
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
import { describeWithRedis } from './with-redis.ts'

const STEPS = Number(process.env.STORE_CASES ?? 3000)
const SEED = Number(process.env.SEED ?? 1)
const LIMIT = 5000
/** No window ends in a test. */
const ROWS: [string, CountedRow][] = [
  ['a window', limitRow({ what: 'Tokens', limit: LIMIT, windowMs: 24 * 3_600_000 })],
  ['a period', budgetRow(LIMIT)],
]

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

interface Open {
  readonly counter: Counter
  readonly ticket: Ticket
  readonly amount: number
}

interface Trial {
  readonly random: Random
  readonly sources: readonly StoreSource[]
  readonly counters: readonly Counter[]
  readonly open: Open[]
  /** Of those who still wait for the store. */
  readonly waiting: Set<Promise<void>>
  /** Reserved by what is open, and used by what has ended. */
  counted: number
  most: number
  admitted: number
  refused: number
}

async function sumInStore(): Promise<number> {
  const keys = (await redis.client.keys('*')).filter((key) => /:(Tokens|Cost):\w+$/.test(key))
  return keys.length === 0 ? 0 : Number(await redis.client.hget(keys[0] as string, 'sum'))
}

function begin(trial: Trial): void {
  const counter = pick(trial.random, trial.counters)
  const amount = 1 + below(trial.random, 120)
  const wait: Promise<void> = ask(counter, amount).then((answer: Ticket | Shortage) => {
    trial.waiting.delete(wait)
    if (!isAdmitted(answer)) {
      trial.refused++
      return
    }
    trial.admitted++
    trial.open.push({ counter, ticket: answer, amount })
    trial.counted += amount
    trial.most = Math.max(trial.most, trial.counted)
  })
  trial.waiting.add(wait)
}

/** Mostly with less, so that there is room again; never with more than was reserved: that would be beyond the limit by right. */
function end(trial: Trial): void {
  const [one] = trial.open.splice(below(trial.random, trial.open.length), 1)
  if (one === undefined) return
  const { counter, ticket, amount } = one
  const actual = pick(trial.random, [0, 0, 0, 0, 0, 0, 0, 1])
  trial.counted += actual - amount
  counter.settle(ticket, amount, actual, now())
}

async function play(trial: Trial, cut: (trial: Trial) => Promise<void>): Promise<void> {
  for (let step = 0; step < STEPS; step++) {
    const dice = below(trial.random, 1000)
    if (dice < 500) begin(trial)
    else if (dice < 960) end(trial)
    else if (dice < 990) await sleep(1)
    else if (dice < 996) await Promise.all(trial.waiting)
    else await cut(trial)
  }
  await Promise.all(trial.waiting)
  while (trial.open.length > 0) end(trial)
}

async function withTrial(
  row: CountedRow,
  cut: (trial: Trial) => Promise<void>,
  check: (trial: Trial) => Promise<void>,
): Promise<void> {
  if (redis.client.status === 'wait') await redis.client.connect()
  await redis.client.flushall()
  const sources = await openSources(redis.url, 3, { timeoutMs: 1000 })
  const counters = countersOf(sources, row)
  const trial: Trial = {
    random: seeded(SEED),
    sources,
    counters,
    open: [],
    waiting: new Set(),
    counted: 0,
    most: 0,
    admitted: 0,
    refused: 0,
  }
  try {
    await play(trial, cut)
    await eventually(() => sources.every((source) => source.report().unsettled === 0), 30_000)
    await check(trial)
  } finally {
    await closeAll(sources)
  }
}

describeWithRedis.each(ROWS)(`in ${STEPS} random steps (seed ${SEED}), %s`, (_name, row) => {
  test('is never overbooked, and holds in the end exactly what was used', async () => {
    const flushScripts = async () => void (await redis.client.script('FLUSH'))
    await withTrial(row, flushScripts, async ({ most, counted, admitted, refused }) => {
      expect(most).toBeLessThanOrEqual(LIMIT)
      expect(most).toBeGreaterThan(0.7 * LIMIT)
      expect(await sumInStore()).toBe(counted)
      expect(Math.min(admitted, refused)).toBeGreaterThan(0)
    })
  }, 600_000)

  test('loses nothing that was used when connections are cut, and is never overbooked', async () => {
    const cutConnections = async ({ random, sources }: Trial) => {
      await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      // Sometimes things go on without the store, and mostly with it again: what is in doubt is then sent again.
      const isUp = (source: StoreSource) => source.report().state === 'Up'
      if (below(random, 4) > 0) await eventually(() => sources.every(isUp))
    }
    await withTrial(row, cutConnections, async ({ most, counted, admitted }) => {
      expect(admitted).toBeGreaterThan(0.1 * STEPS)
      expect(most).toBeLessThanOrEqual(LIMIT)
      // A lease whose answer was cut off stays counted: too much, never too little.
      expect(await sumInStore()).toBeGreaterThanOrEqual(counted)
    })
  }, 600_000)
})
