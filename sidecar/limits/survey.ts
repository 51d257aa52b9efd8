// A look at all the rows of one take, before anything is taken.
import type { Count } from './count.ts'
import type { Shortage } from './counter.ts'
import type { Charge, Reached } from './grant.ts'
import { isRefusing } from './limit-row.ts'

const NONE: readonly Reached[] = []

export class Survey implements Charge {
  readonly counts: Count[] = []
  readonly amounts: number[] = []
  shadowed: readonly Reached[] = NONE
  /** The strictest of those that refuse: the one whose wait is the longest, of equals the first. */
  reached: Reached | undefined
  /** Whether a store has to be asked, if nothing refuses. */
  asksStore: 'Yes' | 'No' = 'No'

  add(count: Count, amount: number, nowMs: number): void {
    this.counts.push(count)
    this.amounts.push(amount)
    const shortage = count.counter.shortage(amount, nowMs)
    if (shortage === undefined) return
    if (!isRefusing(count.row)) this.#noteShadow(count, shortage)
    else if (shortage.kind === 'Unleased') this.asksStore = 'Yes'
    else this.refuse(count, shortage, amount, nowMs)
  }

  refuse(count: Count, shortage: Shortage, amount: number, nowMs: number): void {
    count.noteRefused(amount, nowMs)
    const isStricter = this.reached === undefined || shortage.retryAfterMs > this.reached.shortage.retryAfterMs
    if (isStricter) this.reached = count.reached(shortage)
  }

  #noteShadow(count: Count, shortage: Shortage): void {
    if (count.row.mode !== 'Shadow' || shortage.kind === 'Unleased') return
    this.shadowed = [...this.shadowed, count.reached(shortage)]
  }
}
