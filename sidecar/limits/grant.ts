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

/** What is taken of one count. One object from the look to the settling: what a request leaves in memory is cold when it ends. */
export interface Take {
  readonly count: Count
  readonly amount: number
  /** Undefined until it is taken. */
  ticket: Ticket | undefined
}

/** How many grants are not settled. */
export interface OpenGrants {
  open: number
}

export class Grant {
  /** Rows in Shadow that would have refused it. */
  readonly shadowed: readonly Reached[]
  /** Of budgets, as they were when this had been taken. */
  readonly warnings: readonly BudgetWarning[]
  readonly #takes: readonly Take[]
  readonly #ledger: OpenGrants
  #phase: 'Open' | 'Settled' = 'Open'

  constructor(
    takes: readonly Take[],
    shadowed: readonly Reached[],
    warnings: readonly BudgetWarning[],
    ledger: OpenGrants,
  ) {
    this.#takes = takes
    this.shadowed = shadowed
    this.warnings = warnings
    this.#ledger = ledger
  }

  /** Counts `actual` in place of what was taken. A second call is ignored: an abort may race the end. */
  settle(actual: Demand, nowMs: number): void {
    if (this.#phase === 'Settled') return
    this.#phase = 'Settled'
    this.#ledger.open--
    for (const { count, amount, ticket } of this.#takes) {
      count.settle(ticket as Ticket, amount, actualAmount(count.row.what, actual), nowMs)
    }
  }
}
