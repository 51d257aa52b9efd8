// The calendars of this process: one for each unit and zone, since a formatter of times is large and all counts ask for the same period.
import { type Calendar, type CalendarSpan, createCalendar } from '../../contract/calendar.ts'

export function createCalendars(): (span: CalendarSpan) => Calendar {
  const known = new Map<string, Calendar>()
  return (span) => {
    const name = `${span.unit} ${span.timeZone}`
    const calendar = known.get(name) ?? createCalendar(span)
    known.set(name, calendar)
    return calendar
  }
}
