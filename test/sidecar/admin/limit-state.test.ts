// What the pages tell of limits, budgets and usage.
import { expect, test } from '@jest/globals'
import { limitStates, limitsPage } from '../../../sidecar/admin/limit-state.ts'
import { usageReport } from '../../../sidecar/admin/usage-page.ts'
import { UsageLedger } from '../../../sidecar/telemetry/usage-ledger.ts'
import { attempt, record } from '../telemetry/records.ts'
import { budgetRow, limitRow, PROVIDER, RULE, rowReport } from '../telemetry/row-reports.ts'

const NOW = Date.UTC(2026, 10, 21, 9)

test('a limit is told with its share, use, window and refusals', () => {
  const report = rowReport(limitRow(RULE), { capacity: 200, used: 151, wanted: 300, refused: 7 })
  expect(limitStates([report], NOW)).toEqual([
    {
      id: 'rule:shop/chat/fast/rpm',
      kind: 'Limit',
      what: 'Requests',
      mode: 'Enforce',
      unit: 'requests',
      limit: 600,
      capacity: 200,
      used: 151,
      usedPercent: 75,
      windowMs: 60_000,
      burst: null,
      resetsAt: null,
      refused: 7,
      wouldHaveRefused: 0,
      keys: 0,
      overflowed: 0,
      top: [],
    },
  ])
})

test('a budget is told in exact dollars, and until when', () => {
  const period = { type: 'Calendar', unit: 'Month', timeZone: 'Europe/Berlin' } as const
  const row = budgetRow(RULE, { period, mode: 'Shadow' })
  const [state] = limitStates([rowReport(row, { used: 499_999_999_999_999, shadowRefused: 2 })], NOW)
  expect(state).toMatchObject({
    ...{ unit: 'USD', limit: '500', capacity: '500', used: '499.999999999999', usedPercent: 99 },
    ...{ windowMs: null, burst: null, resetsAt: '2026-11-30T23:00:00.000Z', refused: 0, wouldHaveRefused: 2 },
  })
})

test('the fullest keys are told, cut short, and nothing that looks like a key of a provider', () => {
  const per = [{ type: 'Header', name: 'x-user' } as const]
  const top = ['eve'.repeat(100), 'sk-abcdefghijklmnop', ''].map((key, i) => ({ key, used: 300 - i }))
  const [state] = limitStates([rowReport(limitRow(RULE, { per }), { used: 300, keys: 3, overflowed: 5, top })], NOW)
  expect(state).toMatchObject({ keys: 3, overflowed: 5 })
  expect(state?.top).toEqual([
    { key: 'eve'.repeat(100).slice(0, 64), used: 300, usedPercent: 50 },
    { key: '[redacted]', used: 299, usedPercent: 49 },
    { key: '', used: 298, usedPercent: 49 },
  ])
})

test('a row without keys has no list of them, and a share of nothing no percentage', () => {
  const report = rowReport(limitRow(PROVIDER), { capacity: 0, used: 0, top: [{ key: '', used: 0 }] })
  expect(limitStates([report], NOW)[0]).toMatchObject({ usedPercent: null, top: [] })
})

test('the page of limits is what the contract says, with the rows for people beside it', () => {
  const shares = { instance: 'i1', sharesVersion: 3, limits: [{ id: 'a', share: 5, used: 2, wanted: 9 }] }
  const page = limitsPage(shares, [rowReport(limitRow(RULE))], NOW)
  expect(page).toEqual({ ...shares, rows: [expect.objectContaining({ id: 'rule:shop/chat/fast/rpm' })] })
})

test('the page of usage says whose it is, and since when', () => {
  const ledger = new UsageLedger({ now: () => NOW })
  ledger.add(record({ tries: [attempt()] }))
  const identity = { instance: 'i1', namespace: 'shop', workload: 'web', pod: 'web-1' }
  expect(usageReport(ledger, identity)).toEqual({
    since: '2026-11-21T09:00:00.000Z',
    ...identity,
    rows: [expect.objectContaining({ day: '2026-11-21', provider: 'ai/openai', requests: 1, costUsd: '0.0000015' })],
  })
})
