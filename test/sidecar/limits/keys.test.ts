// Which count a request belongs to, and how many there can be.
import { expect, test } from '@jest/globals'
import type { LimitConfig, LimitKeyConfig } from '../../../contract/limit-config.ts'
import { NOTHING_SENT } from '../../../sidecar/limits/demand.ts'
import { Grant } from '../../../sidecar/limits/grant.ts'
import type { KeyValues } from '../../../sidecar/limits/row-key.ts'
import { below, pick, seeded } from '../../support/random.ts'
import { admitted, createLimits, grantOf, take } from './local-limits.ts'
import { demandOf, limitRow, valuesOf, WINDOW_MS } from './rows.ts'

const ONE = demandOf(1)

/** How many requests of each of these a limit of 3 lets through, one after the other. */
function checkKeys(name: string, per: LimitKeyConfig[], requests: KeyValues[], expected: number[]): void {
  test(name, () => {
    const row = limitRow({ limit: 3, per })
    const limits = createLimits([row])
    expect(requests.map((values) => admitted(limits, [row], values))).toEqual(expected)
  })
}

const team: LimitKeyConfig = { type: 'Header', name: 'x-team' }
const user: LimitKeyConfig = { type: 'Header', name: 'x-user' }

checkKeys('without keys all requests meet', [], [valuesOf([], 'a', 'x'), valuesOf([], 'b', 'y')], [3, 0])
checkKeys(
  'pod, workload and namespace are one within a sidecar',
  [{ type: 'Pod' }, { type: 'Workload' }, { type: 'Namespace' }],
  [valuesOf([], 'a', 'x'), valuesOf([], 'b', 'y')],
  [3, 0],
)
checkKeys(
  'per provider',
  [{ type: 'Provider' }],
  [valuesOf([], 'ai/a', 'x'), valuesOf([], 'ai/b', 'x'), valuesOf([], 'ai/a', 'y')],
  [3, 3, 0],
)
checkKeys('per model', [{ type: 'Model' }], [valuesOf([], 'a', 'x'), valuesOf([], 'b', 'x'), valuesOf()], [3, 0, 3])
checkKeys(
  'per header, whatever the spelling of its name; without it the value is empty',
  [team],
  [valuesOf(['x-team: red']), valuesOf(['X-Team: red']), valuesOf(['x-team: Red']), valuesOf(), valuesOf(['x-team: '])],
  [3, 0, 3, 3, 0],
)
checkKeys(
  'a header that comes twice has both values, in one count',
  [team],
  [valuesOf(['x-team: a', 'x-team: b']), valuesOf(['x-team: a, b']), valuesOf(['x-team: a'])],
  [3, 0, 3],
)
checkKeys(
  'several keys are told apart, however their values are cut',
  [team, user],
  [
    valuesOf(['x-team: a', 'x-user: b,c']),
    valuesOf(['x-team: a,b', 'x-user: c']),
    valuesOf(['x-user: b,c', 'x-team: a']),
  ],
  [3, 3, 0],
)
checkKeys(
  'a long value is told apart by its end too',
  [team],
  [valuesOf([`x-team: ${'a'.repeat(5000)}1`]), valuesOf([`x-team: ${'a'.repeat(5000)}2`])],
  [3, 3],
)

const byTeam: Partial<LimitConfig> = { limit: 3, per: [team], keysMax: 2 }

function ofTeam(name: string): KeyValues {
  return valuesOf([`x-team: ${name}`])
}

test('values beyond the bound share one more count, so new names bring no new room', () => {
  const row = limitRow(byTeam)
  const limits = createLimits([row])
  expect(['a', 'b', 'c', 'd', 'a'].map((name) => admitted(limits, [row], ofTeam(name)))).toEqual([3, 3, 3, 0, 0])
  expect(take(limits, [row], ONE, ofTeam('e'))).toMatchObject({ key: '…' })
  expect(limits.reports(0)).toMatchObject([
    {
      used: 3,
      refused: 6,
      keys: 2,
      overflowed: 6,
      top: [
        { key: 'a', used: 3 },
        { key: 'b', used: 3 },
        { key: '…', used: 3 },
      ],
    },
  ])
})

test('a value that is idle makes place for another one', () => {
  const row = limitRow(byTeam)
  const limits = createLimits([row])
  admitted(limits, [row], ofTeam('a'))
  grantOf(take(limits, [row], ONE, ofTeam('b'))).settle(NOTHING_SENT, 0)
  expect([admitted(limits, [row], ofTeam('c')), admitted(limits, [row], ofTeam('a'))]).toEqual([3, 0])
  expect(limits.reports(0)[0]?.top.map(({ key }) => key)).toEqual(['a', 'c'])
})

test('a value with an open request makes no place, and what that used is counted', () => {
  const row = limitRow({ ...byTeam, what: 'Tokens', limit: 100, keysMax: 1 })
  const limits = createLimits([row])
  const grant = grantOf(take(limits, [row], demandOf(10), ofTeam('a')))
  take(limits, [row], demandOf(1), ofTeam('b'), 2 * WINDOW_MS)
  grant.settle(demandOf(70), 2 * WINDOW_MS)
  expect(take(limits, [row], demandOf(41), ofTeam('a'), 2 * WINDOW_MS)).toMatchObject({ shortage: { remaining: 40 } })
})

test('whoever was counted among the others brings that along to a count of its own', () => {
  const row = limitRow({ ...byTeam, keysMax: 1 })
  const limits = createLimits([row])
  const first = grantOf(take(limits, [row], ONE, ofTeam('a')))
  const among = take(limits, [row], ONE, ofTeam('b'))
  first.settle(NOTHING_SENT, 0)
  expect([among, admitted(limits, [row], ofTeam('b'))]).toMatchObject([{}, 2])
  expect(limits.reports(0)[0]?.top.map(({ key, used }) => `${key} ${used}`)).toEqual(['b 3', '… 1'])
})

test('who has a request open among the others stays there until all of those have ended', () => {
  const row = limitRow({ ...byTeam, what: 'Concurrency', keysMax: 1 })
  const limits = createLimits([row])
  const [first, among] = ['a', 'b'].map((name) => grantOf(take(limits, [row], ONE, ofTeam(name))))
  const counts = () => limits.reports(0)[0]?.top.map(({ key, used }) => `${key} ${used}`)
  first?.settle(ONE, 0)
  const another = grantOf(take(limits, [row], ONE, ofTeam('b')))
  expect(counts()).toEqual(['… 2'])
  for (const grant of [among, another]) grant?.settle(ONE, 0)
  grantOf(take(limits, [row], ONE, ofTeam('b')))
  expect(counts()).toEqual(['b 1', '… 0'])
})

test('however few counts there are, no value gets more than the limit within a window', () => {
  for (let seed = 0; seed < 500; seed++) expect({ seed, over: teamsOverTheLimit(seed) }).toEqual({ seed, over: [] })
})

/** Teams by turns, more than have counts of their own, of which some ask a lot and some are silent for a while. */
function teamsOverTheLimit(seed: number): string[] {
  const random = seeded(seed)
  const row = limitRow(byTeam)
  const limits = createLimits([row])
  const sent: { team: string; atMs: number }[] = []
  for (let nowMs = 0; nowMs < 10 * WINDOW_MS; nowMs += below(random, pick(random, [100, WINDOW_MS / 2]))) {
    const team = pick(random, ['a', 'b', 'c', 'd'])
    const answer = take(limits, [row], ONE, ofTeam(team), nowMs)
    if (!(answer instanceof Grant)) continue
    answer.settle(ONE, nowMs)
    sent.push({ team, atMs: nowMs })
    const inWindow = sent.filter((each) => each.team === team && each.atMs > nowMs - WINDOW_MS)
    if (inWindow.length > row.limit) return [`${team} at ${nowMs}`]
  }
  return []
}
