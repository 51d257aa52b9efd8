// How counters of a store are asked: a promise only when one must be, and what is counted here waits with it.
import { expect, test } from '@jest/globals'
import type { Counter, CounterSource, Shortage, Ticket } from '../../../sidecar/limits/counter.ts'
import { Grant } from '../../../sidecar/limits/grant.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import { Limits } from '../../../sidecar/limits/limits.ts'
import { createLocalSource } from '../../../sidecar/limits/local-source.ts'
import { Shares } from '../../../sidecar/limits/shares.ts'
import { budgetRow, demandOf, limitRow, valuesOf } from './rows.ts'

const local = limitRow({ name: 'local', what: 'Tokens', limit: 100 })
const stored = limitRow({ name: 'stored', what: 'Tokens', limit: 100, scope: 'Namespace' })
const shadow = limitRow({ name: 'shadow', limit: 1, scope: 'Namespace', mode: 'Shadow' })
const fallback = budgetRow({ name: 'fallback', scope: 'Namespace', onExhausted: 'Fallback' })

const UNLEASED: Shortage = { kind: 'Unleased', retryAfterMs: 0, remaining: 0 }
const FULL: Shortage = { kind: 'Reached', retryAfterMs: 9000, remaining: 1 }

/** At the edge: a store whose answers the test gives. Rows of the pod are counted here, as without a store. */
class FakeStore implements CounterSource {
  readonly asked: string[] = []
  /** Of all counters of the store, by the row's name. */
  readonly used: Record<string, number> = {}
  shortage: Shortage | undefined
  #answers: ((answer: 'Granted' | Shortage) => void)[] = []
  readonly #here = createLocalSource({ wallClock: (nowMs) => nowMs })

  create(row: CountedRow, key: string, capacity: number, nowMs: number): Counter {
    if (row.scope === 'Pod') return this.#here.create(row, key, capacity, nowMs)
    const add = (amount: number): Ticket => {
      this.used[row.name] = (this.used[row.name] ?? 0) + amount
      return 0
    }
    return {
      shortage: () => this.shortage,
      take: add,
      settle: (_ticket, taken, actual) => add(actual - taken),
      used: () => this.used[row.name] ?? 0,
      capacity: () => row.limit,
      isIdle: () => false,
      configure: () => {},
      acquire: async (amount) => {
        this.asked.push(`${row.name} ${amount}`)
        const answer = await new Promise<'Granted' | Shortage>((resolve) => this.#answers.push(resolve))
        return answer === 'Granted' ? add(amount) : answer
      },
    }
  }

  answer(answer: 'Granted' | Shortage): void {
    for (const resolve of this.#answers.splice(0)) resolve(answer)
  }
}

function setUp(rows: readonly CountedRow[]) {
  const store = new FakeStore()
  const limits = new Limits(store, new Shares('Whole', 'me', 0, (nowMs) => nowMs))
  limits.adopt(rows, 0)
  const take = (tokens: number) => limits.take(rows, valuesOf(), demandOf(tokens, 0, 5), 0)
  const used = () => Object.fromEntries(limits.reports(0).map((report) => [report.row.name, report.used]))
  return { store, limits, take, used }
}

test('with a lease nothing waits', () => {
  const { store, take, used } = setUp([local, stored])
  expect(take(30)).toBeInstanceOf(Grant)
  expect([store.asked, used()]).toEqual([[], { local: 30, stored: 30 }])
})

test('without one the store is asked, and what is counted here is taken meanwhile', async () => {
  const { store, limits, take, used } = setUp([local, stored])
  store.shortage = UNLEASED
  const answer = take(60)
  expect(answer).toBeInstanceOf(Promise)
  expect([store.asked, used()]).toEqual([['stored 60'], { local: 60, stored: 0 }])
  // Another request does not get the room that waits, and does not bother the store.
  expect(take(60)).toMatchObject({ row: { name: 'local' } })
  store.answer('Granted')
  const grant = await answer
  expect([grant instanceof Grant, used(), limits.open]).toEqual([true, { local: 60, stored: 60 }, 1])
  if (grant instanceof Grant) grant.settle(demandOf(10), 0)
  expect([used(), limits.open]).toEqual([{ local: 10, stored: 10 }, 0])
})

test('what was taken here comes back when the store refuses', async () => {
  const { store, limits, take, used } = setUp([local, stored])
  store.shortage = UNLEASED
  const answer = take(60)
  store.answer(FULL)
  expect(await answer).toMatchObject({ row: { name: 'stored' }, shortage: FULL })
  expect([used(), limits.open, limits.reports(0).map(({ refused }) => refused)]).toEqual([
    { local: 0, stored: 0 },
    0,
    [0, 1],
  ])
})

test('what cannot refuse is counted without asking', () => {
  const { store, take, used } = setUp([local, shadow, fallback])
  store.shortage = UNLEASED
  const grant = take(30)
  expect(grant).toMatchObject({ shadowed: [] })
  expect([store.asked, used()]).toEqual([[], { local: 30, shadow: 1, fallback: 5 }])
})
