// The seam between deciding and counting. `Limits` decides over all rows that apply to a request; a counter keeps one count of one
// row, in this process or in a store, and knows how its time passes: a sliding window, a calendar period, what is open.
//
// In: amounts (integers in the unit of what is limited) and `nowMs`, monotonic, from one clock. Out: whether an amount fits, and the
// exact moment at which it will. A counter never refuses what it is told to take: an answer that was admitted is never cut, and what
// is in Shadow is counted in any case. Time that goes back a little is taken as no time at all.
//
// Rejected: one call that decides and takes. All the rows of a request must have room before any of them is charged.
import type { CountedRow } from './limit-row.ts'

/** Says when an amount was counted, to the counter that gave it. Opaque to callers. */
export type Ticket = number

export interface Shortage {
  /**
   * `Reached`: no room now. `TooLarge`: more than the whole limit, never fits. `Unleased`: the store must be asked. `Unavailable`: it
   * cannot be, and nothing may pass without it.
   */
  readonly kind: 'Reached' | 'TooLarge' | 'Unleased' | 'Unavailable'
  /**
   * Until it fits, if nothing is returned earlier; Infinity when it is too large. 0 when time alone changes nothing: an open request
   * must end (`Concurrency`), a larger share come, the store be asked.
   */
  readonly retryAfterMs: number
  /** What could be taken now, 0 or more. */
  readonly remaining: number
}

export interface Counter {
  /** Undefined: `amount` fits. Takes nothing. An amount of 0 always fits. */
  shortage(amount: number, nowMs: number): Shortage | undefined
  /** Takes in any case. To decide first, ask `shortage` in the same turn. */
  take(amount: number, nowMs: number): Ticket
  /** Makes `actual` of the `taken` amount. Exactly once per ticket. */
  settle(ticket: Ticket, taken: number, actual: number, nowMs: number): void
  /** What is counted in the window or period that is under way, reservations included. */
  used(nowMs: number): number
  /** What this process may count: the whole limit, or its share of it. */
  capacity(): number
  /** Nothing is counted and nothing open, so it can be forgotten. */
  isIdle(nowMs: number): boolean
  /** The same row with another limit, or another share of it. What was counted stays. */
  configure(row: CountedRow, capacity: number, nowMs: number): void
  /**
   * Only counters of a store: waits for a lease, at most for the store's deadline, then decides by the declared policy. Never rejects.
   */
  acquire?(amount: number, nowMs: number): Promise<Ticket | Shortage>
}

/** Where counts live: in this process, or in a store. */
export interface CounterSource {
  /** `key`: the values of the row's keys that differ within this process (row-key.ts); '' when there are none. */
  create(row: CountedRow, key: string, capacity: number, nowMs: number): Counter
}

/** Of an amount that is larger than what may be used at all, be it the limit or only this process' share of it. */
export function beyondCapacity(amount: number, limit: number, remaining: number): Shortage {
  return amount > limit
    ? { kind: 'TooLarge', retryAfterMs: Number.POSITIVE_INFINITY, remaining }
    : { kind: 'Reached', retryAfterMs: 0, remaining }
}
