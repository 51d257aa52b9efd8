// How long what was used counts. In: a limit or a budget, a moment. Out: the moment from which nothing that was used until then counts.
import type { BudgetConfig, LimitConfig, PeriodConfig } from '../../contract/limit-config.ts'

export type Span =
  /** What is open counts, and nothing afterwards. */
  | { readonly type: 'Open' }
  | { readonly type: 'Window'; readonly windowMs: number }
  | Extract<PeriodConfig, { type: 'Calendar' }>

type CalendarUnit = Extract<PeriodConfig, { type: 'Calendar' }>['unit']

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** No period is longer; a day has 25 hours where clocks go back. */
const LONGEST_MS: Readonly<Record<CalendarUnit, number>> = {
  Hour: 2 * HOUR_MS,
  Day: 26 * HOUR_MS,
  Week: 7 * DAY_MS + 2 * HOUR_MS,
  Month: 31 * DAY_MS + 2 * HOUR_MS,
}
/** 1970-01-01 was a Thursday. */
const DAYS_FROM_MONDAY_TO_1970 = 3

export function spanOf(config: LimitConfig | BudgetConfig): Span {
  if ('period' in config) {
    const { period } = config
    return period.type === 'Calendar' ? period : { type: 'Window', windowMs: period.windowMs }
  }
  return config.windowMs === undefined ? { type: 'Open' } : { type: 'Window', windowMs: config.windowMs }
}

/** Milliseconds since the epoch, as `nowMs` is. */
export function countsUntil(span: Span, nowMs: number): number {
  if (span.type === 'Open') return nowMs
  return span.type === 'Window' ? nowMs + span.windowMs : periodEnd(span, nowMs)
}

/**
 * The first moment of the next period, to the millisecond: the one at which the calendar of the zone shows another period than now.
 * Searched for, because zones know how to tell a local time from a moment and not the reverse.
 */
function periodEnd({ unit, timeZone }: Extract<Span, { type: 'Calendar' }>, nowMs: number): number {
  const format = new Intl.DateTimeFormat('en-US', { ...FIELDS, timeZone, calendar: 'gregory', hourCycle: 'h23' })
  const present = periodName(format, unit, nowMs)
  let [inside, outside] = [nowMs, nowMs + LONGEST_MS[unit]]
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2)
    if (periodName(format, unit, middle) === present) inside = middle
    else outside = middle
  }
  return outside
}

const FIELDS = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric' } as const

function periodName(format: Intl.DateTimeFormat, unit: CalendarUnit, epochMs: number): string {
  const parts = format.formatToParts(epochMs)
  const [year = 0, month = 0, day = 0, hour = 0] = (['year', 'month', 'day', 'hour'] as const).map((field) =>
    Number(parts.find(({ type }) => type === field)?.value),
  )
  switch (unit) {
    case 'Hour':
      return `${year}-${month}-${day}-${hour}`
    case 'Day':
      return `${year}-${month}-${day}`
    case 'Week':
      return String(Math.floor((Date.UTC(year, month - 1, day) / DAY_MS + DAYS_FROM_MONDAY_TO_1970) / 7))
    case 'Month':
      return `${year}-${month}`
  }
}
