// How long what was used counts. In: a limit or a budget, a moment. Out: the moment from which nothing that was used until then counts.
import { type CalendarSpan, createCalendar } from '../../contract/calendar.ts'
import type { BudgetConfig, LimitConfig } from '../../contract/limit-config.ts'

export type Span =
  /** What is open counts, and nothing afterwards. */
  { readonly type: 'Open' } | { readonly type: 'Window'; readonly windowMs: number } | CalendarSpan

export function spanOf(config: LimitConfig | BudgetConfig): Span {
  if ('period' in config) {
    const { period } = config
    return period.type === 'Calendar' ? period : { type: 'Window', windowMs: period.windowMs }
  }
  return config.windowMs === undefined ? { type: 'Open' } : { type: 'Window', windowMs: config.windowMs }
}

const LONG_MS = 3_600_000
/** A tenth of a month's budget is what three days use. */
const SPARE_PART_OF_LONG = 10

/**
 * How much of a limit is granted before anybody wants it. Of a long span a part only: what a pod that is killed was granted counts as used
 * until the span is over, and whoever wants more has it within seconds.
 */
export function spareOf(span: Span, limit: number): number {
  const isLong = span.type === 'Calendar' || (span.type === 'Window' && span.windowMs >= LONG_MS)
  return isLong ? Math.ceil(limit / SPARE_PART_OF_LONG) : limit
}

/** Milliseconds since the epoch, as `nowMs` is. */
export function countsUntil(span: Span, nowMs: number): number {
  switch (span.type) {
    case 'Open':
      return nowMs
    case 'Window':
      return nowMs + span.windowMs
    case 'Calendar':
      return createCalendar(span)(nowMs).endMs
  }
}
