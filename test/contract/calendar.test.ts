// When periods begin and end: written as UTC, since that is what is counted in, for zones whose clocks do odd things.
import { expect, test } from '@jest/globals'
import { type CalendarSpan, createCalendar } from '../../contract/calendar.ts'
import { below, type Random, seeded } from '../support/random.ts'

const HOUR_MS = 3_600_000

type Unit = CalendarSpan['unit']

/** `expected`: beginning, end, hours between. */
function check(name: string, [unit, timeZone, at]: [Unit, string, string], expected: [string, string, number]): void {
  test(name, () => {
    const { startMs, endMs } = createCalendar({ type: 'Calendar', unit, timeZone })(Date.parse(`${at}Z`))
    expect([text(startMs), text(endMs), (endMs - startMs) / HOUR_MS]).toEqual(expected)
  })
}

function text(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 16)
}

check('an hour', ['Hour', 'UTC', '2026-11-21T10:59:59.999'], ['2026-11-21T10:00', '2026-11-21T11:00', 1])
check(
  'an hour where clocks are half an hour off',
  ['Hour', 'Asia/Kolkata', '2026-11-21T10:15'],
  ['2026-11-21T09:30', '2026-11-21T10:30', 1],
)
check(
  'the second of two hours that clocks show alike',
  ['Hour', 'Europe/Berlin', '2026-10-25T01:30'],
  ['2026-10-25T01:00', '2026-10-25T02:00', 1],
)
check('a day', ['Day', 'UTC', '2026-02-28T00:00'], ['2026-02-28T00:00', '2026-03-01T00:00', 24])
check(
  'a day east of Greenwich',
  ['Day', 'Europe/Berlin', '2026-01-31T23:30'],
  ['2026-01-31T23:00', '2026-02-01T23:00', 24],
)
check(
  'a day west of Greenwich',
  ['Day', 'America/New_York', '2026-01-01T03:00'],
  ['2025-12-31T05:00', '2026-01-01T05:00', 24],
)
check(
  'a day that loses an hour',
  ['Day', 'Europe/Berlin', '2026-03-29T12:00'],
  ['2026-03-28T23:00', '2026-03-29T22:00', 23],
)
check(
  'a day that gains one',
  ['Day', 'Europe/Berlin', '2026-10-25T12:00'],
  ['2026-10-24T22:00', '2026-10-25T23:00', 25],
)
check(
  'a day that gains half an hour',
  ['Day', 'Australia/Lord_Howe', '2026-04-05T00:00'],
  ['2026-04-04T13:00', '2026-04-05T13:30', 24.5],
)
check(
  'a day that begins at 01:00, since there was no midnight',
  ['Day', 'Asia/Beirut', '2026-03-29T12:00'],
  ['2026-03-28T22:00', '2026-03-29T21:00', 23],
)
check(
  'a day whose midnight comes twice begins with the first',
  ['Day', 'America/Havana', '2026-11-01T12:00'],
  ['2026-11-01T04:00', '2026-11-02T05:00', 25],
)
check(
  'the day before one that was left out',
  ['Day', 'Pacific/Apia', '2011-12-30T09:00'],
  ['2011-12-29T10:00', '2011-12-30T10:00', 24],
)
check('a week begins with Monday', ['Week', 'UTC', '2026-11-22T23:59'], ['2026-11-16T00:00', '2026-11-23T00:00', 168])
check(
  'a Monday is the first of its week',
  ['Week', 'UTC', '2026-11-23T00:00'],
  ['2026-11-23T00:00', '2026-11-30T00:00', 168],
)
check(
  'a week that gains an hour, over the turn of months',
  ['Week', 'America/New_York', '2026-10-30T00:00'],
  ['2026-10-26T04:00', '2026-11-02T05:00', 169],
)
check('a month', ['Month', 'UTC', '2028-02-29T23:59'], ['2028-02-01T00:00', '2028-03-01T00:00', 29 * 24])
check(
  'a month that loses an hour',
  ['Month', 'Europe/Berlin', '2026-03-31T21:59'],
  ['2026-02-28T23:00', '2026-03-31T22:00', 31 * 24 - 1],
)
check(
  'a December ends with the year',
  ['Month', 'Asia/Kolkata', '2026-12-31T18:00'],
  ['2026-11-30T18:30', '2026-12-31T18:30', 31 * 24],
)

test('a zone that nobody knows throws when the calendar is made, not when it is asked', () => {
  expect(() => createCalendar({ type: 'Calendar', unit: 'Day', timeZone: 'Europe/Atlantis' })).toThrow(RangeError)
})

test('within a period the same one is given again', () => {
  const calendar = createCalendar({ type: 'Calendar', unit: 'Day', timeZone: 'Europe/Berlin' })
  const noon = calendar(Date.UTC(2026, 5, 1, 12))
  expect(calendar(noon.startMs)).toBe(noon)
  expect(calendar(noon.endMs - 1)).toBe(noon)
  expect(calendar(noon.endMs)).not.toBe(noon)
})

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'America/Havana',
  'Africa/Cairo',
  'Asia/Beirut',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'Pacific/Apia',
]

for (const timeZone of ZONES) {
  test(`periods of ${timeZone} follow each other without a gap, and each begins where the date changes`, () => {
    const random = seeded(1)
    const problems: string[] = []
    for (const unit of ['Day', 'Week', 'Month'] as const) {
      for (let i = 0; i < 60; i++) problems.push(...periodProblems(unit, timeZone, random))
    }
    expect(problems).toEqual([])
  })
}

function periodProblems(unit: Unit, timeZone: string, random: Random): string[] {
  const calendar = createCalendar({ type: 'Calendar', unit, timeZone })
  const atMs = Date.UTC(2010) + below(random, 20 * 365 * 24 * HOUR_MS)
  const { startMs, endMs } = calendar(atMs)
  const dates = new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' })
  const [before, first] = [dates.format(startMs - 1), dates.format(startMs)]
  const weekday = new Intl.DateTimeFormat('en', { timeZone, weekday: 'long' }).format(startMs)
  return [
    startMs <= atMs && atMs < endMs ? '' : 'does not hold the moment',
    calendar(endMs).startMs === endMs ? '' : 'leaves a gap behind it',
    calendar(startMs - 1).endMs === startMs ? '' : 'leaves a gap before it',
    before < first ? '' : `begins within ${first}`,
    unit !== 'Week' || weekday === 'Monday' ? '' : `begins with ${weekday}`,
    unit !== 'Month' || first.endsWith('-01') ? '' : `begins with ${first}`,
  ]
    .filter((problem) => problem !== '')
    .map((problem) => `${unit} of ${text(atMs)}: ${problem}`)
}
