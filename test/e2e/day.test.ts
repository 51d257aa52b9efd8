// A day of mixed traffic through a real sidecar, from ten to ten across midnight, and then the books: what the sidecar counted, in `GET
// /usage`, in its metrics, in its access log and against its limits, is what the mock providers say that they told, to the token and
// to the pico-dollar. What broke off is no part of that: the provider had not said all. It is held to what had been sent.
//
// `make day` plays a longer one; DAY sets its requests, SEED what they are.
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { UsageRow } from '../../contract/usage-report.ts'
import { lendFetchDispatcher } from '../support/google-genai.ts'
import {
  type Accounts,
  attemptsIn,
  costOf,
  difference,
  type LoggedAttempt,
  logged,
  NOTHING,
  overall,
  picoUsd,
  reported,
  scraped,
  targetOf,
  toldWhole,
} from './day-accounts.ts'
import { COUNTED_RULE, DAY_BUDGET, DAY_LIMIT, type Dialect, type ModelName, TARGETS } from './day-document.ts'
import { DAYS, type Day, playDay } from './day-play.ts'
import { BREAKING } from './day-traffic.ts'

const REQUESTS = Number(process.env.DAY ?? 400)
const SEED = Number(process.env.SEED ?? 1)
const TIMEOUT_MS = 20_000 + 20 * REQUESTS

let day: Day
let attempts: readonly LoggedAttempt[]

beforeAll(async () => {
  lendFetchDispatcher()
  day = await playDay(REQUESTS, SEED)
  attempts = day.accessLines.flatMap(attemptsIn)
}, TIMEOUT_MS)

const broken = () => attempts.filter(({ whole }) => !whole)
const rowsOf = (rule: string): UsageRow[] => day.report.rows.filter((row) => row.rule === rule)

/** What the sidecar reports, less what its access log says of attempts that failed or broke off. */
const reportedWhole = (): Accounts => thatTold(difference(reported(day.report), logged(broken())))

/** All but those whose usage nobody told. */
function thatTold(accounts: Accounts): Accounts {
  return new Map(accounts.entries().filter(([key]) => !key.endsWith(' silent')))
}

/** Tokens per byte are learned from whole answers, in which names of tools are no bytes, and a part of a token is one. */
const LEARNED_RATIO_MAX = 1.5

/** Of a dialect and some models over the day: what the sidecar counted, and what the mocks had told and sent. */
function sums(end: 'whole' | 'brokenOff', dialect: Dialect, models: readonly ModelName[]) {
  const targets = TARGETS.filter((target) => target.dialect === dialect && models.includes(target.model))
  const isOf = (at: { provider: string; model: string }) =>
    targets.some(({ provider, model }) => provider === at.provider && model === at.model)
  const told = day.ledger.filter(({ mock, model }) => isOf(targetOf(mock, model))).map((row) => row[end])
  const ours = attempts.flatMap((one) => (isOf(one) && one.whole === (end === 'whole') ? [one.used ?? NOTHING] : []))
  return {
    input: sum(ours, ({ inputTokens }) => inputTokens),
    cached: sum(ours, ({ cachedInputTokens }) => cachedInputTokens),
    output: sum(ours, ({ outputTokens }) => outputTokens),
    estimated: sum(day.report.rows.filter(isOf), ({ estimatedTokens }) => estimatedTokens),
    toldInput: sum(told, ({ inputTokens }) => inputTokens),
    toldCached: sum(told, ({ cachedTokens }) => cachedTokens),
    toldOutput: sum(told, ({ outputTokens }) => outputTokens),
    sent: sum(told, ({ sentTokens }) => sentTokens),
  }
}

test('the day is what it was planned to be', () => {
  const expected = { Whole: 'Whole', ClientLeaves: 'ClientLeaves', StreamCut: 'Failed', StreamFails: 'Failed' } as const
  const otherwise = day.plans.flatMap((plan, at) => {
    const outcome = day.outcomes[at]
    return outcome === expected[plan.ending] || plan.model === 'guarded' ? [] : [{ plan, outcome }]
  })
  expect(otherwise).toEqual([])
  expect(new Set(day.plans.map(({ ending }) => ending)).size).toBe(Object.keys(expected).length)
  expect([...new Set(day.report.rows.map((row) => row.day))]).toEqual(DAYS)
})

test.each(['frail-500', 'frail-error', 'frail-cut'])(
  'where %s fails at the first provider, the second answers',
  (model) => {
    const rowsAt = (mock: string) => day.report.rows.filter((row) => row.model === model && row.provider.endsWith(mock))
    const failed = sum(rowsAt('first'), ({ failedAttempts }) => failedAttempts)
    expect(failed).toBeGreaterThan(0)
    expect(sum(rowsAt('second'), ({ attempts }) => attempts)).toBe(failed)
    expect(sum(rowsAt('second'), ({ failedAttempts }) => failedAttempts)).toBe(0)
  },
)

describe('of answers that were whole', () => {
  test('the usage report says what the mocks told: requests and every kind of token, by day, provider and model', () => {
    expect(withoutCost(reportedWhole())).toEqual(withoutCost(thatTold(toldWhole(day))))
  })

  test('it costs what the declared prices make of what the mocks told', () => {
    expect(costsIn(reportedWhole())).toEqual(costsIn(thatTold(toldWhole(day))))
  })

  test('those that told no usage are counted by what they are, and say so', () => {
    const { input, output, sent, toldInput, estimated } = sums('whole', 'openai', ['silent'])
    expect(toldInput).toBe(0)
    expect(input).toBeGreaterThan(0)
    expect(output).toBeGreaterThan(0)
    expect(output).toBeLessThanOrEqual(LEARNED_RATIO_MAX * sent)
    expect(estimated).toBe(input + output)
  })

  test('attempts that did not fail are as many as the mocks answered', () => {
    const went = sum(day.report.rows, (row) => row.attempts - row.failedAttempts)
    expect(went).toBe(sum(day.ledger, ({ whole }) => whole.requests))
  })
})

describe('what the sidecar counted is the same wherever it says it', () => {
  test('in the access log, summed by day', () => {
    expect(day.accessLines).toHaveLength(REQUESTS)
    expect(logged(attempts)).toEqual(reported(day.report))
  })

  test('in the metrics, over all days', () => {
    expect(scraped(day.metrics)).toEqual(overall(reported(day.report)))
  })

  test("against the route's limit of tokens and its budget of the second day", () => {
    const counted = rowsOf(COUNTED_RULE)
    const today = reported({ rows: counted.filter((row) => row.day === DAYS[1]) })
    const spent = today.values().reduce((all, { costPicoUsd }) => all + costPicoUsd, 0n)
    expect(day.limitsUsed[DAY_LIMIT]).toBe(sum(counted, (row) => row.inputTokens + row.outputTokens))
    expect(picoUsd(String(day.limitsUsed[DAY_BUDGET]))).toBe(spent)
  })

  test('in each line, whose cost is that of its tokens', () => {
    const wrong = attempts.filter(({ used, key }) => {
      const price = priceOf(key)
      return used !== undefined && used.costPicoUsd !== (price === undefined ? 0n : costOf(used, price))
    })
    expect(wrong).toEqual([])
  })
})

test('a limit of requests refuses the rest of them, and what it refused used nothing', () => {
  const refused = day.plans.filter(({ model }) => model === 'guarded').length - day.guardedMax
  expect(refused).toBeGreaterThan(0)
  expect(day.outcomes.filter((outcome) => outcome === 'Refused')).toHaveLength(refused)
  expect(sum(day.report.rows, (row) => row.refused)).toBe(refused)
  expect(sum(rowsOf('guarded'), (row) => row.attempts)).toBe(day.guardedMax)
})

test('what has no price is counted, and its cost is unknown', () => {
  const unpriced = day.report.rows.map(
    ({ model, requests, unpriced }) => unpriced === (model === 'unpriced' ? requests : 0),
  )
  expect(unpriced).not.toContain(false)
  const costs = day.report.rows.filter(({ model }) => model === 'unpriced').map(({ costUsd }) => costUsd)
  expect(new Set(costs)).toEqual(new Set([null]))
})

describe('of answers that broke off', () => {
  test('each used what its client had got of it, at least', () => {
    const late = broken().filter(({ last }) => last)
    expect(late.length).toBeGreaterThan(0)
    // Those who left had read five words, of 27 bytes.
    const tooLittle = late.filter(({ used }) => used === undefined || used.inputTokens < 1 || used.outputTokens < 5)
    expect(tooLittle).toEqual([])
  })

  test('where the provider had told nothing, input and output are counted, and say so', () => {
    const { input, output, sent, toldInput, estimated } = sums('brokenOff', 'openai', BREAKING)
    expect(toldInput).toBe(0)
    expect(output).toBeLessThanOrEqual(LEARNED_RATIO_MAX * sent)
    expect(estimated).toBe(input + output)
  })

  test('where it had told its input, that counts as told, and only output is counted', () => {
    const { input, cached, output, sent, toldInput, toldCached, estimated } = sums('brokenOff', 'anthropic', BREAKING)
    expect([input, cached]).toEqual([toldInput, toldCached])
    expect(output).toBeLessThanOrEqual(LEARNED_RATIO_MAX * sent)
    expect(estimated).toBe(input + output)
  })

  test('also of those that failed before content, and whose request another provider answered', () => {
    const { input, output, toldInput, toldOutput, estimated } = sums('brokenOff', 'anthropic', ['frail-error'])
    expect(input).toBeGreaterThan(0)
    expect([input, output, estimated]).toEqual([toldInput, toldOutput, input + output])
  })

  test('where it tells a running total, the last of it counts, and nothing is estimated', () => {
    const { input, cached, output, toldInput, toldCached, toldOutput, estimated } = sums(
      'brokenOff',
      'gemini',
      BREAKING,
    )
    expect([input, cached]).toEqual([toldInput, toldCached])
    expect(output).toBeLessThanOrEqual(toldOutput)
    expect(estimated).toBe(0)
  })
})

function sum<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((all, one) => all + count(one), 0)
}

function priceOf(key: string) {
  return TARGETS.find(({ provider, model }) => key.endsWith(` ${provider} ${model}`))?.price
}

function withoutCost(accounts: Accounts) {
  return new Map(accounts.entries().map(([key, { costPicoUsd: _, ...counts }]) => [key, counts]))
}

function costsIn(accounts: Accounts) {
  return new Map(
    accounts.entries().flatMap(([key, { costPicoUsd }]) => (costPicoUsd === 0n ? [] : [[key, costPicoUsd]])),
  )
}
