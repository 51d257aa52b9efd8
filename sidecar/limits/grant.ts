// What one request or attempt has taken from its counts, until it is known what it used. Whoever gets a grant settles it on every
// path out: end, error, abort. One that is forgotten is seen in `Limits.open`.
import type { Count } from './count.ts'
import type { Shortage, Ticket } from './counter.ts'
import { actualAmount, type Demand } from './demand.ts'
import type { CountedRow } from './limit-row.ts'

/** A row without room. */
export interface Reached {
  readonly row: CountedRow
  /** '' when the row has one count in this process. */
  readonly key: string
  readonly shortage: Shortage
  /** What this process may count: the limit, or its share. */
  readonly capacity: number
}

/** A budget of which at least `percent` is used. */
export interface BudgetWarning {
  readonly row: CountedRow
  readonly key: string
  /** The highest of `row.warnAtPercent` that is passed. */
  readonly percent: number
  /** `First`: nobody was told since its use was last below half of that. */
  readonly told: 'First' | 'Again'
}

/** What is taken of which counts, in one order. */
export interface Charge {
  readonly counts: readonly Count[]
  readonly amounts: readonly number[]
  /** Rows in Shadow that would have refused it. */
  readonly shadowed: readonly Reached[]
}

/** How many grants are not settled. */
export interface OpenGrants {
  open: number
}

export class Grant {
  /** Of budgets, as they were when this had been taken. */
  readonly warnings: readonly BudgetWarning[]
  readonly #charge: Charge
  readonly #tickets: readonly Ticket[]
  readonly #ledger: OpenGrants
  #phase: 'Open' | 'Settled' = 'Open'

  constructor(charge: Charge, tickets: readonly Ticket[], warnings: readonly BudgetWarning[], ledger: OpenGrants) {
    this.#charge = charge
    this.#tickets = tickets
    this.warnings = warnings
    this.#ledger = ledger
    ledger.open++
    for (const count of charge.counts) count.open++
  }

  get shadowed(): readonly Reached[] {
    return this.#charge.shadowed
  }

  /** Counts `actual` in place of what was taken. A second call is ignored: an abort may race the end. */
  settle(actual: Demand, nowMs: number): void {
    if (this.#phase === 'Settled') return
    this.#phase = 'Settled'
    this.#ledger.open--
    const { counts, amounts } = this.#charge
    for (let i = 0; i < counts.length; i++) {
      const count = counts[i] as Count
      const { counter, row } = count
      count.open--
      counter.settle(this.#tickets[i] as Ticket, amounts[i] as number, actualAmount(row.what, actual), nowMs)
    }
  }
}
