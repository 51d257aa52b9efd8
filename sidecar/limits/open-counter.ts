// Counts what is open now. Time changes nothing here: room comes when something ends.
import { beyondCapacity, type Counter, type Shortage, type Ticket } from './counter.ts'
import type { CountedRow } from './limit-row.ts'

/** Nothing is looked up by it: what is open is one number. */
const TICKET: Ticket = 0

export class OpenCounter implements Counter {
  #limit: number
  #capacity: number
  #used = 0

  constructor(row: CountedRow, capacity: number) {
    this.#limit = row.limit
    this.#capacity = capacity
  }

  configure(row: CountedRow, capacity: number): void {
    this.#limit = row.limit
    this.#capacity = capacity
  }

  shortage(amount: number): Shortage | undefined {
    if (amount === 0 || this.#used + amount <= this.#capacity) return undefined
    const remaining = Math.max(0, this.#capacity - this.#used)
    if (amount > this.#capacity) return beyondCapacity(amount, this.#limit, remaining)
    return { kind: 'Reached', retryAfterMs: 0, remaining }
  }

  take(amount: number): Ticket {
    this.#used += amount
    return TICKET
  }

  settle(_ticket: Ticket, taken: number, actual: number): void {
    this.#used += actual - taken
  }

  used(): number {
    return this.#used
  }

  capacity(): number {
    return this.#capacity
  }

  isIdle(): boolean {
    return this.#used === 0
  }
}
