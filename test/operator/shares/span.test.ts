// When what was used no longer counts, held against the sidecar's own calendar, which counts by it.
import { expect, test } from '@jest/globals'
import { countsUntil, type Span, spanOf } from '../../../operator/shares/span.ts'
import { createCalendar } from '../../../sidecar/limits/calendar.ts'
import { pick, seeded } from '../../support/random.ts'

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'America/Santiago']
const UNITS = ['Hour', 'Day', 'Week', 'Month'] as const

test.each(UNITS)('the end of each %s is that of the calendar of the sidecars', (unit) => {
  const random = seeded(7)
  for (let count = 0; count < 60; count++) {
    const timeZone = pick(random, ZONES)
    const nowMs = Date.UTC(2026, 0) + Math.floor(random() * 2 * 365 * 86_400_000)
    const { endMs } = createCalendar({ type: 'Calendar', unit, timeZone })(nowMs)
    const untilMs = countsUntil({ type: 'Calendar', unit, timeZone }, nowMs)
    // An hour that clocks show twice is one here, which only counts longer.
    const isSame = untilMs === endMs || (unit === 'Hour' && untilMs > endMs && untilMs <= endMs + 3_600_000)
    expect({ timeZone, now: new Date(nowMs), untilMs, endMs, isSame }).toMatchObject({ isSame: true })
  }
})

test('changes of clocks are in the period that they are in', () => {
  const berlin = (unit: (typeof UNITS)[number], now: string): string =>
    new Date(countsUntil({ type: 'Calendar', unit, timeZone: 'Europe/Berlin' }, Date.parse(now))).toISOString()
  expect(berlin('Day', '2026-03-29T10:00:00Z')).toBe('2026-03-29T22:00:00.000Z')
  expect(berlin('Day', '2026-10-25T10:00:00Z')).toBe('2026-10-25T23:00:00.000Z')
  expect(berlin('Week', '2026-10-25T10:00:00Z')).toBe('2026-10-25T23:00:00.000Z')
  expect(berlin('Month', '2026-10-25T10:00:00Z')).toBe('2026-10-31T23:00:00.000Z')
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
