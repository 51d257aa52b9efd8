// What a process may count of limits that it shares with other pods, and what it tells the operator.
import { describe, expect, test } from '@jest/globals'
import type { BudgetConfig } from '../../../contract/limit-config.ts'
import type { LimitShares, PassedMark } from '../../../contract/limit-shares.ts'
import { Grant } from '../../../sidecar/limits/grant.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import { Limits } from '../../../sidecar/limits/limits.ts'
import { createLocalSource } from '../../../sidecar/limits/local-source.ts'
import { Shares, type Sharing } from '../../../sidecar/limits/shares.ts'
import { budgetRow, demandOf, limitRow, valuesOf, WINDOW_MS } from './rows.ts'

const STARTED_AT_MS = 1000

const shared = limitRow({ name: 'shared', scope: 'Workload', limit: 10 })
const own = limitRow({ name: 'own', scope: 'Pod', limit: 4 })
const slots = limitRow({ name: 'slots', scope: 'Namespace', what: 'Concurrency', limit: 6 })
const budget = budgetRow({ name: 'budget', scope: 'Cluster', amountPicoUsd: 1000 })

function granted(version: number, instance: string, share: number): LimitShares {
  return { instance, version, shares: { [shared.id]: share, [slots.id]: share, [budget.id]: share } }
}

function createLimits(sharing: Sharing, rows: readonly CountedRow[] = [shared, own, slots, budget]): Limits {
  const wallClock = (nowMs: number) => Date.UTC(2026, 10, 30, 23, 59) + nowMs
  const limits = new Limits(createLocalSource({ wallClock }), new Shares(sharing, 'me', STARTED_AT_MS, wallClock))
  limits.adopt(rows, STARTED_AT_MS)
  return limits
}

/** So many requests at once, settled never; how many got through. */
function ask(limits: Limits, row: CountedRow, times: number, nowMs: number, headers: string[] = []): number {
  const answers = Array.from({ length: times }, () => limits.take([row], valuesOf(headers), demandOf(0, 0, 1), nowMs))
  return answers.filter((answer) => answer instanceof Grant).length
}

/** `name capacity used` of each row. */
function state(limits: Limits, nowMs: number): string[] {
  return limits.reports(nowMs).map(({ row, capacity, used }) => `${row.name} ${used}/${capacity}`)
}

/** What was assigned, one after the other, and what holds then for this process, `me`. */
function check(name: string, assigned: (LimitShares | undefined)[], expected: string[]): void {
  test(name, () => {
    const limits = createLimits('Assigned')
    // Counts are made by the first request.
    for (const row of [shared, own, slots, budget]) ask(limits, row, 1, 2000)
    for (const shares of assigned) limits.assign(shares, 2000)
    expect(state(limits, 2000)).toEqual(expected)
  })
}

check(
  'until shares come, nothing but the limits of the pod itself',
  [],
  ['shared 0/0', 'own 1/4', 'slots 0/0', 'budget 0/0'],
)
check('a share is what may be counted', [granted(1, 'me', 3)], ['shared 0/3', 'own 1/4', 'slots 0/3', 'budget 0/3'])
check(
  'never more than the limit itself',
  [granted(1, 'me', 99)],
  ['shared 0/10', 'own 1/4', 'slots 0/6', 'budget 0/99'],
)
check(
  'of two for this process the newer counts',
  [granted(2, 'me', 3), granted(1, 'me', 5)],
  ['shared 0/3', 'own 1/4', 'slots 0/3', 'budget 0/3'],
)
check(
  'shares that are gone are no shares',
  [granted(2, 'me', 3), undefined],
  ['shared 0/0', 'own 1/4', 'slots 0/0', 'budget 0/0'],
)
check(
  'those of an earlier process are used up, but for what was open',
  [granted(7, 'it', 3)],
  ['shared 3/3', 'own 1/4', 'slots 0/3', 'budget 3/3'],
)
check(
  'the most that it was granted counts, once',
  [granted(7, 'it', 3), granted(8, 'it', 5), granted(9, 'it', 2)],
  ['shared 5/2', 'own 1/4', 'slots 0/2', 'budget 5/2'],
)
check(
  'a share of its own comes on top',
  [granted(7, 'it', 3), granted(1, 'me', 4)],
  ['shared 3/4', 'own 1/4', 'slots 0/4', 'budget 3/4'],
)

test('alone, a process counts the whole of every limit', () => {
  const limits = createLimits('Whole')
  limits.assign(granted(1, 'it', 1), 2000)
  expect(state(limits, 2000)).toEqual(['shared 0/10', 'own 0/4', 'slots 0/6', 'budget 0/1000'])
  expect(ask(limits, shared, 20, 2000)).toBe(10)
})

test('what an earlier process may have used leaves with the window in which it ended, and with the period', () => {
  const limits = createLimits('Assigned')
  limits.assign(granted(7, 'it', 3), 2000)
  const atMs = [2000, STARTED_AT_MS + WINDOW_MS - 1, STARTED_AT_MS + WINDOW_MS + 1000]
  expect(atMs.map((nowMs) => [ask(limits, shared, 5, nowMs), ask(limits, budget, 5, nowMs)])).toEqual([
    [0, 0],
    [0, 3],
    [3, 0],
  ])
})

test('values that come later have been used up then, too', () => {
  const byTeam = limitRow({ name: 'shared', scope: 'Workload', limit: 10, per: [{ type: 'Header', name: 'x-team' }] })
  const limits = createLimits('Assigned', [byTeam])
  limits.assign(granted(7, 'it', 3), 2000)
  limits.assign(granted(1, 'me', 4), 2000)
  const late = STARTED_AT_MS + WINDOW_MS + 1000
  expect(ask(limits, byTeam, 5, 50_000, ['x-team: a'])).toBe(1)
  expect(ask(limits, byTeam, 5, late, ['x-team: b'])).toBe(4)
})

test('a share that grows or shrinks keeps what was counted', () => {
  const limits = createLimits('Assigned')
  const got = [3, 5, 2].map((share, i) => {
    limits.assign(granted(i, 'me', share), 2000)
    return ask(limits, shared, 9, 2000)
  })
  expect([got, state(limits, 2000)[0]]).toEqual([[3, 2, 0], 'shared 5/2'])
})

test('the operator is told of all limits: who asks, what is in force, used, and wanted', () => {
  const limits = createLimits('Assigned')
  expect(limits.sharesReport(2000)).toMatchObject({ instance: 'me', sharesVersion: null })
  limits.assign(granted(7, 'me', 3), 2000)
  ask(limits, shared, 8, 2000)
  ask(limits, slots, 4, 2000)
  ask(limits, own, 9, 2000)
  const limit = (row: CountedRow, used: number, wanted: number) => ({ id: row.id, share: 3, used, wanted })
  expect(limits.sharesReport(2000)).toEqual({
    instance: 'me',
    sharesVersion: 7,
    limits: [
      limit(shared, 3, 8),
      // Nobody could give more of it, so what was refused does not matter.
      { id: own.id, share: 4, used: 4, wanted: 4 },
      limit(slots, 3, 4),
      limit(budget, 0, 0),
    ],
  })
  // Nothing was refused lately: what is open is all that is wanted.
  expect(limits.sharesReport(500_000).limits.map(({ wanted }) => wanted)).toEqual([0, 0, 3, 0])
})

describe('a pod with a tenth of a budget warns', () => {
  const warned: Partial<BudgetConfig> = { scope: 'Namespace', amountPicoUsd: 1000, warnAtPercent: [50, 80] }
  const month = budgetRow({ name: 'month', ...warned })
  const rolling = budgetRow({ name: 'month', ...warned, period: { type: 'Rolling', windowMs: WINDOW_MS } })
  const byUser = budgetRow({ name: 'month', ...warned, per: [{ type: 'Header', name: 'x-user' }] })
  /** A minute after what `createLimits` has as 0. */
  const MONTH_ENDS_MS = Date.UTC(2026, 11, 1)

  interface Situation {
    row?: CountedRow
    share?: number
    /** Of all pods together, as the operator says. */
    passed?: PassedMark
    /** For which process that was written. */
    instance?: string
    /** By this pod, of the user who asks then. */
    spent: number
    atMs?: number
  }

  /** At which percentage the next answer says that the budget is; undefined: it says nothing. */
  function check(name: string, situation: Situation, expected: number | undefined): void {
    test(name, () => {
      const { row = month, share = 100, passed, instance = 'me', spent, atMs = 2000 } = situation
      const limits = createLimits('Assigned', [row])
      const told = passed === undefined ? {} : { passed: { [row.id]: passed } }
      limits.assign({ instance, version: 1, shares: { [row.id]: share }, ...told }, atMs)
      const answer = limits.take([row], valuesOf(['x-user: eve']), demandOf(0, 0, spent), atMs)
      expect(answer instanceof Grant && answer.warnings.map(({ percent }) => percent)).toEqual(
        expected === undefined ? [] : [expected],
      )
    })
  }

  check('of nothing when it has spent its share alone', { spent: 100 }, undefined)
  check('of what all have spent, whatever it has spent itself', { passed: { percent: 80 }, spent: 0 }, 80)
  check('of what it has itself spent of all, before anybody tells it', { share: 600, spent: 500 }, 50)
  check('of the higher of both', { share: 900, passed: { percent: 50 }, spent: 800 }, 80)
  check('by itself when it has all of it', { share: 1000, passed: { percent: 80 }, spent: 500 }, 50)
  check('of what an earlier process was told', { passed: { percent: 50 }, instance: 'it', share: 0, spent: 0 }, 50)
  check('until the month ends', { passed: { percent: 80, untilMs: MONTH_ENDS_MS }, spent: 0, atMs: 59_999 }, 80)
  check('no longer', { passed: { percent: 80, untilMs: MONTH_ENDS_MS }, spent: 0, atMs: 60_000 }, undefined)
  check('of a window until it is told otherwise', { row: rolling, passed: { percent: 80 }, spent: 0, atMs: 9e9 }, 80)
  check(
    'a user with as much of the share as the fullest have together',
    { row: byUser, passed: { percent: 80 }, spent: 80 },
    80,
  )
  check('a user with less by less', { row: byUser, passed: { percent: 80 }, spent: 79 }, 50)
  check('no user who has spent little', { row: byUser, passed: { percent: 80 }, spent: 1 }, undefined)
  check('no user while the fullest together are below', { row: byUser, spent: 100 }, undefined)
})
