// Counters that live in this process: the default, and what a store falls back to.
import { createCalendars } from './calendar.ts'
import { CalendarCounter, type WallClock } from './calendar-counter.ts'
import type { CounterSource } from './counter.ts'
import { OpenCounter } from './open-counter.ts'
import { WindowCounter } from './window-counter.ts'

/** `wallClock` is asked for calendar budgets only. */
export function createLocalSource({ wallClock }: { wallClock: WallClock }): CounterSource {
  const calendars = createCalendars()
  return {
    create(row, _key, capacity, nowMs) {
      const { span } = row
      switch (span.type) {
        case 'Window':
          return new WindowCounter(row, span, capacity, nowMs)
        case 'Calendar':
          return new CalendarCounter(row, capacity, calendars(span), wallClock)
        case 'Open':
          return new OpenCounter(row, capacity)
      }
    },
  }
}
