// When hours, days, weeks and months begin in a time zone. Days are 23 or 25 hours long where clocks change, and some begin at 01:00,
// because there was no midnight. Pure, apart from the zone data that comes with the runtime.
//
// It stands in the contract, because both sides must mean the same by a period: a sidecar begins its count anew when one ends, and the
// operator grants anew what is no longer counted.
//
// Local times are numbers here as well: the milliseconds that UTC would have at the same reading of the clock. An instant's offset is
// the difference, and is asked of Intl, which knows nothing of the other direction; that is a search around the change of offset.
import type { PeriodConfig } from './limit-config.ts'

export type CalendarSpan = Extract<PeriodConfig, { type: 'Calendar' }>

/** Milliseconds since 1970, UTC; the end is the beginning of the next. */
export interface Period {
  readonly startMs: number
  readonly endMs: number
}

/** The period that holds `epochMs`. The last one is remembered, so asking again and again costs a comparison. */
export type Calendar = (epochMs: number) => Period

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** 1970-01-01 was a Thursday. */
const DAYS_FROM_MONDAY_TO_1970 = 3

/** Throws RangeError for a zone that Intl does not know. */
export function createCalendar({ unit, timeZone }: CalendarSpan): Calendar {
  const clock = createLocalClock(timeZone)
  let known: Period = { startMs: 0, endMs: 0 }
  return (epochMs) => {
    if (epochMs < known.startMs || epochMs >= known.endMs) known = periodAt(unit, Math.floor(epochMs), clock)
    return known
  }
}

/** What clocks show. */
interface LocalTime {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly localMs: number
}

type LocalClock = (epochMs: number) => LocalTime

function periodAt(unit: CalendarSpan['unit'], epochMs: number, clock: LocalClock): Period {
  const time = clock(epochMs)
  if (unit === 'Hour') {
    // By the offset of the moment: an hour that clocks show twice is two.
    const startMs = epochMs - (time.localMs % HOUR_MS)
    return { startMs, endMs: startMs + HOUR_MS }
  }
  const [startMs, endMs] = localBounds(unit, time)
  return { startMs: firstInstantOf(startMs, clock), endMs: firstInstantOf(endMs, clock) }
}

/** The local midnights at which its day, week or month begins and ends. */
function localBounds(unit: 'Day' | 'Week' | 'Month', time: LocalTime): [startMs: number, endMs: number] {
  const { year, month, localMs } = time
  const days = Math.floor(localMs / DAY_MS)
  switch (unit) {
    case 'Day':
      return [days * DAY_MS, (days + 1) * DAY_MS]
    case 'Week': {
      const monday = days - ((days + DAYS_FROM_MONDAY_TO_1970) % 7)
      return [monday * DAY_MS, (monday + 7) * DAY_MS]
    }
    case 'Month':
      return [Date.UTC(year, month - 1), Date.UTC(year, month)]
  }
}

/**
 * The first instant at which clocks show this time or, where they leap over it, a later one. A day to either side the offsets are
 * those from before and after a change, since changes are months apart.
 */
function firstInstantOf(localMs: number, clock: LocalClock): number {
  const before = offsetAt(localMs - DAY_MS, clock)
  const after = offsetAt(localMs + DAY_MS, clock)
  const early = localMs - Math.max(before, after)
  if (clock(early).localMs === localMs) return early
  const late = localMs - Math.min(before, after)
  return clock(late).localMs === localMs ? late : leapBetween(early, late, localMs, clock)
}

/** The instant of the leap: before it clocks show less than `localMs`, from it on more. */
function leapBetween(early: number, late: number, localMs: number, clock: LocalClock): number {
  let [low, high] = [early, late]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (clock(middle).localMs >= localMs) high = middle
    else low = middle
  }
  return high
}

function offsetAt(epochMs: number, clock: LocalClock): number {
  return clock(epochMs).localMs - epochMs
}

const FIELDS = {
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
} as const

function createLocalClock(timeZone: string): LocalClock {
  const format = new Intl.DateTimeFormat('en-US', { ...FIELDS, timeZone, calendar: 'gregory', hourCycle: 'h23' })
  return (epochMs) => {
    const parts = format.formatToParts(epochMs)
    const field = (type: keyof typeof FIELDS) => Number(parts.find((part) => part.type === type)?.value)
    const year = field('year')
    const month = field('month')
    const seconds = Date.UTC(year, month - 1, field('day'), field('hour'), field('minute'), field('second'))
    return { year, month, localMs: seconds + (epochMs % 1000) }
  }
}
