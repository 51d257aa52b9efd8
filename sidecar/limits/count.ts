// One row's count for one value of its keys: the counter, and what is remembered beside it for people and for the operator.
import type { Counter, Shortage, Ticket } from './counter.ts'
import { type Demand, expectedAmount } from './demand.ts'
import type { BudgetWarning, Reached } from './grant.ts'
import type { CountedRow, Span } from './limit-row.ts'
import { SlidingWindow } from './sliding-window.ts'

const HOUR_MS = 3_600_000
const CALENDAR_MS = { Hour: HOUR_MS, Day: 24 * HOUR_MS, Week: 7 * 24 * HOUR_MS, Month: 30 * 24 * HOUR_MS } as const
/** For how long an open request that was refused is taken as still wanted. */
const OPEN_WANTED_MS = 10_000

export class Count {
  readonly key: string
  readonly counter: Counter
  /** As in the document now. */
  row: CountedRow
  /** Amounts that were refused. Kept only where somebody could give more: for rows that other pods count too. */
  #refused: SlidingWindow | undefined
  #toldPercent = 0
  /** Takes that are not settled. */
  #open = 0
  /** Whether the last that asked was refused. */
  last: 'Admitted' | 'Refused' = 'Admitted'

  constructor(row: CountedRow, key: string, counter: Counter) {
    this.row = row
    this.key = key
    this.counter = counter
  }

  /**
   * What a request takes. Of a guess no more than is left, while nothing else is open here: so a guess alone refuses nobody for good, and
   * after some answers it is none any more; and what passes the limit is one answer at most. `row`: as in the request's document.
   */
  amountOf(row: CountedRow, expected: Demand, nowMs: number): number {
    const amount = expectedAmount(row, expected)
    if (expected.least === undefined || this.#open > 0) return amount
    const left = Math.floor(this.counter.capacity() - this.counter.used(nowMs))
    return Math.min(amount, Math.max(left, expectedAmount(row, expected.least), 1))
  }

  reached(shortage: Shortage): Reached {
    return { row: this.row, key: this.key, shortage, capacity: this.counter.capacity() }
  }

  /** Counts what was used by somebody else. */
  use(amount: number, atMs: number): void {
    if (amount > 0) this.counter.settle(this.counter.take(amount, atMs), amount, amount, atMs)
  }

  /** For a request that all its rows admit. */
  noteTaken(): void {
    this.#open++
    this.last = 'Admitted'
  }

  /** Once for each that was noted as taken; see Counter. */
  settle(ticket: Ticket, taken: number, actual: number, nowMs: number): void {
    this.#open--
    this.counter.settle(ticket, taken, actual, nowMs)
  }

  noteRefused(amount: number, nowMs: number): void {
    this.last = 'Refused'
    if (this.row.scope === 'Pod') return
    this.#refused ??= new SlidingWindow(wantedSpanMs(this.row.span))
    this.#refused.add(amount, nowMs)
  }

  /** What would be used had nothing been refused lately. A client that tries again and again wants it each time. */
  wanted(nowMs: number): number {
    return this.counter.used(nowMs) + (this.#refused?.total(nowMs) ?? 0)
  }

  /**
   * Of a budget that has passed one of its percentages. It is the whole budget that is told of: what this process has counted of all of
   * it, or `passedPercent`, which all pods together have passed.
   */
  warning(nowMs: number, passedPercent: number): BudgetWarning | undefined {
    const used = this.counter.used(nowMs)
    const percentUsed = Math.max(percentOf(used, this.row.limit), this.#together(used, passedPercent))
    if (percentUsed < this.#toldPercent / 2) this.#toldPercent = 0
    const percent = this.row.warnAtPercent.findLast((each) => percentUsed >= each)
    if (percent === undefined) return undefined
    const told = percent > this.#toldPercent ? 'First' : 'Again'
    this.#toldPercent = Math.max(percent, this.#toldPercent)
    return { row: this.row, key: this.key, percent, told }
  }

  /** With keys, the fullest of all is what has passed: this one has too only if it has used as much of the share. */
  #together(used: number, passedPercent: number): number {
    if (this.row.keyOf === undefined) return passedPercent
    return Math.min(passedPercent, percentOf(used, this.counter.capacity()))
  }
}

function percentOf(used: number, amount: number): number {
  return amount > 0 ? (100 * used) / amount : 0
}

function wantedSpanMs(span: Span): number {
  switch (span.type) {
    case 'Window':
      return span.windowMs
    case 'Calendar':
      return CALENDAR_MS[span.unit]
    case 'Open':
      return OPEN_WANTED_MS
  }
}
