// When what was used no longer counts. Calendar periods have tests of their own: test/contract/calendar.test.ts.
import { expect, test } from '@jest/globals'
import type { CalendarSpan } from '../../../contract/calendar.ts'
import { countsUntil, type Span, spanOf } from '../../../operator/shares/span.ts'

test('what was used in a window counts for as long again, what was open no longer', () => {
  expect(countsUntil({ type: 'Window', windowMs: 60_000 }, 1_000)).toBe(61_000)
  expect(countsUntil({ type: 'Open' }, 1_000)).toBe(1_000)
})

test('what was used in a calendar period counts until it ends where clocks are', () => {
  const until = (unit: CalendarSpan['unit'], now: string): string =>
    new Date(countsUntil({ type: 'Calendar', unit, timeZone: 'Europe/Berlin' }, Date.parse(now))).toISOString()
  expect(until('Hour', '2026-10-25T00:30:00Z')).toBe('2026-10-25T01:00:00.000Z')
  expect(until('Day', '2026-03-29T10:00:00Z')).toBe('2026-03-29T22:00:00.000Z')
  expect(until('Month', '2026-10-25T10:00:00Z')).toBe('2026-10-31T23:00:00.000Z')
})

const ROW = { id: 'a', name: 'a', scope: 'Namespace', per: [], keysMax: 1, mode: 'Enforce' } as const
const BUDGET = { ...ROW, amountPicoUsd: 1, warnAtPercent: [], onExhausted: 'Reject' } as const

test.each<[config: Parameters<typeof spanOf>[0], span: Span]>([
  [
    { ...ROW, per: [], what: 'Requests', limit: 1, windowMs: 60_000 },
    { type: 'Window', windowMs: 60_000 },
  ],
  [{ ...ROW, per: [], what: 'Concurrency', limit: 1 }, { type: 'Open' }],
  [
    { ...BUDGET, per: [], warnAtPercent: [], period: { type: 'Rolling', windowMs: 9 } },
    { type: 'Window', windowMs: 9 },
  ],
  [
    { ...BUDGET, per: [], warnAtPercent: [], period: { type: 'Calendar', unit: 'Day', timeZone: 'UTC' } },
    { type: 'Calendar', unit: 'Day', timeZone: 'UTC' },
  ],
])('%j counts over %j', (config, span) => {
  expect(spanOf(config)).toEqual(span)
})
