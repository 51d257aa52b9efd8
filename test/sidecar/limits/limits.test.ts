// What `Limits` decides over several rows together, and what it remembers. How single counts pass is in counters.test.ts.
import { expect, test } from '@jest/globals'
import { type Demand, NOTHING_SENT } from '../../../sidecar/limits/demand.ts'
import { Grant } from '../../../sidecar/limits/grant.ts'
import { type CountedRow, isPerRequest, type RowOwner } from '../../../sidecar/limits/limit-row.ts'
import { admitted, createLimits, grantOf, take, usedOf } from './local-limits.ts'
import { budgetRow, demandOf, limitRow, RULE, valuesOf, WINDOW_MS } from './rows.ts'

const NOBODY = valuesOf()
const ONE = demandOf(1)

const rpm = limitRow({ name: 'rpm', limit: 3 })
const tpm = limitRow({ name: 'tpm', what: 'Tokens', limit: 100 })
const open = limitRow({ name: 'open', what: 'Concurrency', limit: 5 })
const month = budgetRow({ name: 'month', amountPicoUsd: 1000 })

/** Taken from rows that count everything, and settled: what is counted then. */
function checkAmounts(name: string, expected: Demand, actual: Demand, counted: [number[], number[]]): void {
  test(name, () => {
    const whats = ['Requests', 'Tokens', 'InputTokens', 'OutputTokens', 'Cost', 'Concurrency'] as const
    const rows = whats.map((what) => limitRow({ name: what, what, limit: Number.MAX_SAFE_INTEGER }))
    const limits = createLimits(rows)
    const grant = grantOf(take(limits, rows, expected))
    const reserved = Object.values(usedOf(limits))
    grant.settle(actual, 0)
    expect([reserved, Object.values(usedOf(limits))]).toEqual(counted)
  })
}

checkAmounts('each row takes what it counts, and keeps what was used', demandOf(10, 300, 7), demandOf(11, 20, 5), [
  [1, 310, 10, 300, 7, 1],
  [1, 31, 11, 20, 5, 0],
])
checkAmounts('what was never sent comes back whole', demandOf(10, 300, 7), NOTHING_SENT, [
  [1, 310, 10, 300, 7, 1],
  [0, 0, 0, 0, 0, 0],
])
checkAmounts('what was sent and cost nothing is a request all the same', demandOf(1, 2, 3), demandOf(0), [
  [1, 3, 1, 2, 3, 1],
  [1, 0, 0, 0, 0, 0],
])
checkAmounts('figures that are none count as nothing', demandOf(Number.NaN, -5, 1), demandOf(-1, Number.NaN, -1), [
  [1, 0, 0, 0, 1, 1],
  [1, 0, 0, 0, 0, 0],
])

test('a grant is settled once', () => {
  const limits = createLimits([tpm, open])
  const grant = grantOf(take(limits, [tpm, open], demandOf(50)))
  expect(limits.open).toBe(1)
  grant.settle(demandOf(20), 0)
  grant.settle(NOTHING_SENT, 0)
  expect([usedOf(limits), limits.open]).toEqual([{ tpm: 20, open: 0 }, 0])
})

const GUESSED: Demand = { ...demandOf(10, 1024, 900), least: demandOf(10, 0, 300) }

/** `used`: before, and settled. */
function checkGuess(name: string, used: number, taken: number | 'refused'): void {
  test(`a guess that is alone ${name}`, () => {
    const limits = createLimits([tpm])
    grantOf(take(limits, [tpm], demandOf(used))).settle(demandOf(used), 0)
    const answer = take(limits, [tpm], GUESSED)
    expect(answer instanceof Grant ? (usedOf(limits).tpm ?? 0) - used : 'refused').toBe(taken)
  })
}

checkGuess('takes all that is left', 60, 40)
checkGuess('takes no less than its input', 90, 10)
checkGuess('is refused where its input does not fit', 91, 'refused')

test('a guess waits while another request is open, and refuses the next one', () => {
  const limits = createLimits([tpm])
  const first = grantOf(take(limits, [tpm], demandOf(20)))
  expect(take(limits, [tpm], GUESSED)).toMatchObject({ row: tpm, shortage: { kind: 'Reached', remaining: 80 } })
  first.settle(demandOf(20), 0)
  const guessed = grantOf(take(limits, [tpm], GUESSED))
  expect(take(limits, [tpm], demandOf(1))).toMatchObject({ row: tpm, shortage: { kind: 'Reached', remaining: 0 } })
  guessed.settle(demandOf(10, 5), 0)
  expect(usedOf(limits)).toEqual({ tpm: 35 })
})

test('what is learned is refused although it is alone', () => {
  const limits = createLimits([month])
  grantOf(take(limits, [month], demandOf(1, 1, 500))).settle(demandOf(1, 1, 500), 0)
  expect(take(limits, [month], demandOf(10, 1024, 900))).toMatchObject({
    shortage: { kind: 'Reached', remaining: 500 },
  })
  grantOf(take(limits, [month], GUESSED))
})

test('of money a guess takes no less than its question costs', () => {
  const limits = createLimits([month])
  grantOf(take(limits, [month], demandOf(1, 1, 701))).settle(demandOf(1, 1, 701), 0)
  expect(take(limits, [month], GUESSED)).toMatchObject({ shortage: { kind: 'Reached', remaining: 299 } })
})

test('an absurd amount is counted, and has left with its window', () => {
  const limits = createLimits([tpm])
  grantOf(take(limits, [tpm])).settle(demandOf(Number.POSITIVE_INFINITY), 0)
  expect(take(limits, [tpm])).toMatchObject({ row: tpm, shortage: { kind: 'Reached', remaining: 0 } })
  expect(usedOf(limits, 2 * WINDOW_MS)).toEqual({ tpm: 0 })
})

test('when one row refuses, none of the others is charged', () => {
  const limits = createLimits([rpm, tpm, open])
  grantOf(take(limits, [rpm, tpm, open], demandOf(60)))
  expect(take(limits, [rpm, open, tpm], demandOf(41))).toMatchObject({ row: tpm })
  expect(usedOf(limits)).toEqual({ rpm: 1, tpm: 60, open: 1 })
})

/** Rows that are full, and which of them is named. */
function checkNamed(name: string, rows: CountedRow[], demand: Demand, expected: object): void {
  test(name, () => {
    const limits = createLimits(rows)
    for (const row of rows) for (let i = 0; i < row.limit; i++) take(limits, [row])
    const answer = take(limits, rows, demand)
    const refused = limits.reports(0).filter((report) => report.refused > 0)
    expect(answer).toMatchObject(expected)
    expect(refused.map(({ row, refused }) => [row.name, refused])).toEqual([['named', 1]])
  })
}

const short = { limit: 2, windowMs: WINDOW_MS }
const long = { limit: 2, windowMs: 2 * WINDOW_MS }
const slots = { what: 'Concurrency', limit: 2 } as const

checkNamed(
  'of several without room the one with the longest wait is named',
  [limitRow({ name: 'other', ...short }), limitRow({ name: 'named', ...long }), limitRow({ name: 'slots', ...slots })],
  ONE,
  { row: { name: 'named' }, key: '', shortage: { kind: 'Reached', retryAfterMs: 258_000, remaining: 0 }, capacity: 2 },
)
checkNamed(
  'of those with the same wait the first is named',
  [limitRow({ name: 'named', ...short }), limitRow({ name: 'other', ...short })],
  ONE,
  { row: { name: 'named' } },
)
checkNamed(
  'one that can never be met is named before one that only takes long',
  [limitRow({ name: 'other', ...long }), limitRow({ name: 'named', what: 'Tokens', ...short })],
  demandOf(3),
  { row: { name: 'named' }, shortage: { kind: 'TooLarge', retryAfterMs: Number.POSITIVE_INFINITY } },
)

test('a row in Shadow counts, refuses nothing, and tells what it would have refused', () => {
  const shadow = limitRow({ name: 'shadow', limit: 1, mode: 'Shadow' })
  const limits = createLimits([rpm, shadow])
  const told = [1, 2, 3].map(() => grantOf(take(limits, [rpm, shadow])).shadowed.map(({ row }) => row.name))
  expect(told).toEqual([[], ['shadow'], ['shadow']])
  expect(usedOf(limits)).toEqual({ rpm: 3, shadow: 3 })
  expect(take(limits, [rpm, shadow])).toMatchObject({ row: { name: 'rpm' } })
  expect(usedOf(limits)).toEqual({ rpm: 3, shadow: 3 })
  expect(limits.reports(0).map(({ refused, shadowRefused }) => [refused, shadowRefused])).toEqual([
    [1, 0],
    [0, 2],
  ])
})

test('a budget that falls back is used up, and refuses nothing', () => {
  const fallback = budgetRow({ amountPicoUsd: 100, onExhausted: 'Fallback' })
  const shadow = budgetRow({ name: 'shadow', amountPicoUsd: 100, onExhausted: 'Fallback', mode: 'Shadow' })
  const limits = createLimits([fallback, shadow])
  const told = [99, 1, 50].map((cost) => {
    grantOf(take(limits, [fallback, shadow], demandOf(0, 0, cost)))
    return [limits.exhausted(fallback, NOBODY, 0), limits.exhausted(shadow, NOBODY, 0)]
  })
  expect(told).toEqual([
    [false, false],
    [true, false],
    [true, false],
  ])
  expect(usedOf(limits)).toEqual({ month: 150, shadow: 150 })
})

test('a budget warns of the highest percentage that is passed, and says when that is news', () => {
  const warning = budgetRow({
    amountPicoUsd: 100,
    warnAtPercent: [50, 80],
    period: { type: 'Rolling', windowMs: 1280 },
  })
  const limits = createLimits([warning])
  const spend = (costPicoUsd: number, nowMs: number) =>
    grantOf(take(limits, [warning], demandOf(0, 0, costPicoUsd), NOBODY, nowMs)).warnings.map(
      ({ row, percent, told }) => `${row.name} ${percent} ${told}`,
    )
  expect([spend(49, 0), spend(1, 0), spend(1, 0), spend(40, 700), spend(5, 700)]).toEqual([
    [],
    ['month 50 First'],
    ['month 50 Again'],
    ['month 80 First'],
    ['month 80 Again'],
  ])
  // 45 are left of it: below 80, but not by so much that it would be news again.
  expect([spend(10, 1500), spend(30, 1500)]).toEqual([['month 50 Again'], ['month 80 Again']])
  expect([spend(10, 5000), spend(70, 5000)]).toEqual([[], ['month 80 First']])
})

test('a document that is adopted anew goes on with what was counted, under its new limit and mode', () => {
  const limits = createLimits([rpm])
  expect(admitted(limits, [rpm])).toBe(3)
  const larger = limitRow({ name: 'rpm', limit: 5 })
  limits.adopt([larger], 0)
  expect(admitted(limits, [larger])).toBe(2)
  // A request that began with the older document meets the same count.
  expect(take(limits, [rpm])).toMatchObject({ row: { limit: 5 } })
  limits.adopt([limitRow({ name: 'rpm', limit: 5, mode: 'Shadow' })], 0)
  expect(admitted(limits, [larger])).toBe(100)
})

test('a row that is gone for a while goes on when it comes back', () => {
  const limits = createLimits([rpm])
  admitted(limits, [rpm])
  limits.adopt([], 0)
  expect(limits.reports(0)).toEqual([])
  limits.adopt([rpm], 1000)
  expect(admitted(limits, [rpm], NOBODY, 1000)).toBe(0)
})

test('a row that is gone and idle is forgotten, with all that was remembered of it', () => {
  const limits = createLimits([rpm])
  for (let i = 0; i < rpm.limit; i++) grantOf(take(limits, [rpm])).settle(ONE, 0)
  take(limits, [rpm])
  limits.adopt([], WINDOW_MS)
  limits.adopt([rpm], WINDOW_MS)
  expect(limits.reports(WINDOW_MS)).toMatchObject([{ used: 3, refused: 1 }])
  limits.adopt([], 2 * WINDOW_MS)
  limits.adopt([rpm], 2 * WINDOW_MS)
  expect(limits.reports(2 * WINDOW_MS)).toMatchObject([{ used: 0, refused: 0 }])
})

test('rows that are gone and not idle are kept in a bounded number, the newest', () => {
  const rows = Array.from({ length: 1200 }, (_, i) => limitRow({ name: `row-${i}`, limit: 1 }))
  const limits = createLimits(rows)
  for (const row of rows) admitted(limits, [row])
  limits.adopt([], 0)
  limits.adopt(rows, 0)
  expect(limits.reports(0).map(({ used }) => used)).toEqual(rows.map((_, i) => (i < 200 ? 0 : 1)))
})

for (const [name, changed] of [
  ['another window', { windowMs: 2 * WINDOW_MS }],
  ['another quantity', { what: 'Tokens' }],
  ['other keys', { per: [{ type: 'Header', name: 'x-team' }] }],
] as const) {
  test(`a row with ${name} counts from the beginning`, () => {
    const limits = createLimits([rpm])
    admitted(limits, [rpm])
    const row = limitRow({ name: 'rpm', limit: 3, ...changed, per: 'per' in changed ? [...changed.per] : [] })
    limits.adopt([row], 0)
    expect(usedOf(limits)).toEqual({ rpm: 0 })
  })
}

test('a grant from before a reload is settled where it was taken', () => {
  const limits = createLimits([open, month])
  const grant = grantOf(take(limits, [open, month], demandOf(0, 0, 100)))
  limits.adopt([], 0)
  limits.adopt([month, open], 0)
  grant.settle(demandOf(0, 0, 30), 0)
  expect(usedOf(limits)).toEqual({ month: 30, open: 0 })
})

test('no rows take nothing, and are a grant all the same', () => {
  const limits = createLimits([])
  grantOf(take(limits, [])).settle(ONE, 0)
  expect(limits.open).toBe(0)
})

const PROVIDER: RowOwner = { type: 'Provider', id: 'ai/openai' }

for (const [name, row, expected] of [
  ['requests of a rule', limitRow(), true],
  ['requests per header', limitRow({ per: [{ type: 'Header', name: 'x-team' }] }), true],
  ['open requests of a rule', limitRow({ what: 'Concurrency' }), true],
  ['requests per model', limitRow({ per: [{ type: 'Model' }] }), false],
  ['requests per provider', limitRow({ per: [{ type: 'Provider' }] }), false],
  ['tokens', limitRow({ what: 'Tokens' }), false],
  ['a budget', budgetRow(), false],
  ['requests of a provider', limitRow({}, PROVIDER), false],
  ['requests of a route', limitRow({}, { type: 'Route', id: RULE.id }), true],
] as const) {
  test(`${name}: taken once per ${expected ? 'request' : 'attempt'}`, () => expect(isPerRequest(row)).toBe(expected))
}
