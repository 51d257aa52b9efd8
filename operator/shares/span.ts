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
