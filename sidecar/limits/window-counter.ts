// Counts over a sliding window, with a bucket of tokens before it when the row has a burst.
import { beyondCapacity, type Counter, type Shortage, type Ticket } from './counter.ts'
import type { CountedRow, Span } from './limit-row.ts'
import { SlidingWindow } from './sliding-window.ts'
import { TokenBucket } from './token-bucket.ts'

export type WindowSpan = Extract<Span, { type: 'Window' }>

export class WindowCounter implements Counter {
  readonly #window: SlidingWindow
  readonly #windowMs: number
  #bucket: TokenBucket | undefined
  #limit = 0
  #capacity = 0
  #open = 0

  /** `row.span` is `span`. */
  constructor(row: CountedRow, span: WindowSpan, capacity: number, nowMs: number) {
    this.#windowMs = span.windowMs
    this.#window = new SlidingWindow(span.windowMs)
    this.configure(row, capacity, nowMs)
  }

  configure({ limit, span }: CountedRow, capacity: number, nowMs: number): void {
    this.#limit = limit
    this.#capacity = capacity
    const burst = span.type === 'Window' ? span.burst : undefined
    if (burst === undefined) {
      this.#bucket = undefined
      return
    }
    // A share of the limit is as large a share of the burst.
    const size = (burst * capacity) / limit
    const refillPerMs = capacity / this.#windowMs
    if (this.#bucket === undefined) this.#bucket = new TokenBucket(size, refillPerMs)
    else this.#bucket.configure(size, refillPerMs, nowMs)
  }

  shortage(amount: number, nowMs: number): Shortage | undefined {
    const over = this.#window.total(nowMs) + amount - this.#capacity
    if (amount === 0 || (over <= 0 && this.#bucket === undefined)) return undefined
    if (amount > this.#capacity) return beyondCapacity(amount, this.#limit, this.#remaining(nowMs))
    const leavesAtMs = over <= 0 ? nowMs : this.#window.leavesAtMs(over)
    const fitsAtMs = Math.max(leavesAtMs, this.#bucket?.fitsAtMs(amount) ?? nowMs)
    if (fitsAtMs <= nowMs) return undefined
    return { kind: 'Reached', retryAfterMs: fitsAtMs - nowMs, remaining: this.#remaining(nowMs) }
  }

  take(amount: number, nowMs: number): Ticket {
    this.#open++
    this.#bucket?.take(amount, nowMs)
    return this.#window.add(amount, nowMs)
  }

  settle(ticket: Ticket, taken: number, actual: number, nowMs: number): void {
    this.#open--
    const difference = actual - taken
    if (difference === 0) return
    const isCounted = this.#window.change(ticket, difference, nowMs)
    // After a whole window the bucket has got back what the ticket took, whatever it was.
    if (isCounted || difference > 0) this.#bucket?.take(difference, nowMs)
  }

  used(nowMs: number): number {
    return this.#window.total(nowMs)
  }

  capacity(): number {
    return this.#capacity
  }

  isIdle(nowMs: number): boolean {
    return this.#open === 0 && this.#window.total(nowMs) === 0 && (this.#bucket?.isFull(nowMs) ?? true)
  }

  #remaining(nowMs: number): number {
    const inWindow = Math.max(0, this.#capacity - this.#window.total(nowMs))
    return this.#bucket === undefined ? inWindow : Math.min(inWindow, this.#bucket.room(nowMs))
  }
}
