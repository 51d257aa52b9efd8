// Counts from the beginning of a calendar period. What was reserved in a period that is over and turns out to be more is counted in the
// present one; what turns out to be less is no news.
//
// Time is the wall's, which people set. Back by less than a period: the present one goes on, since a count that begins anew would
// admit twice. Back by more (it had been wrong by years): the count goes on into the period that it is now.
import type { Calendar, Period } from '../../contract/calendar.ts'
import { beyondCapacity, type Counter, type Shortage, type Ticket } from './counter.ts'
import type { CountedRow } from './limit-row.ts'

/** Milliseconds since 1970, UTC, at the monotonic moment `nowMs`, which may be long past. */
export type WallClock = (nowMs: number) => number

export class CalendarCounter implements Counter {
  readonly #calendar: Calendar
  readonly #wallClock: WallClock
  #limit: number
  #capacity: number
  #period: Period = { startMs: Number.NEGATIVE_INFINITY, endMs: Number.NEGATIVE_INFINITY }
  /** How many periods have begun: the ticket. */
  #number = 0
  #used = 0
  #open = 0

  constructor(row: CountedRow, capacity: number, calendar: Calendar, wallClock: WallClock) {
    this.#limit = row.limit
    this.#capacity = capacity
    this.#calendar = calendar
    this.#wallClock = wallClock
  }

  configure(row: CountedRow, capacity: number): void {
    this.#limit = row.limit
    this.#capacity = capacity
  }

  shortage(amount: number, nowMs: number): Shortage | undefined {
    const wallMs = this.#moveTo(nowMs)
    if (amount === 0 || this.#used + amount <= this.#capacity) return undefined
    const remaining = Math.max(0, this.#capacity - this.#used)
    if (amount > this.#capacity) return beyondCapacity(amount, this.#limit, remaining)
    return { kind: 'Reached', retryAfterMs: this.#period.endMs - wallMs, remaining }
  }

  take(amount: number, nowMs: number): Ticket {
    this.#moveTo(nowMs)
    this.#open++
    this.#used += amount
    return this.#number
  }

  settle(ticket: Ticket, taken: number, actual: number, nowMs: number): void {
    this.#moveTo(nowMs)
    this.#open--
    const difference = actual - taken
    if (ticket === this.#number || difference > 0) this.#used += difference
  }

  used(nowMs: number): number {
    this.#moveTo(nowMs)
    return this.#used
  }

  capacity(): number {
    return this.#capacity
  }

  isIdle(nowMs: number): boolean {
    return this.used(nowMs) === 0 && this.#open === 0
  }

  /** Returns the wall's time. */
  #moveTo(nowMs: number): number {
    const wallMs = this.#wallClock(nowMs)
    const { startMs, endMs } = this.#period
    if (wallMs >= endMs) {
      this.#period = this.#calendar(wallMs)
      this.#number++
      this.#used = 0
    } else if (wallMs < startMs - (endMs - startMs)) {
      this.#period = this.#calendar(wallMs)
    }
    return wallMs
  }
}
