// What a request or an attempt is expected to use, and what it turned out to have used.
import type { LimitedQuantity } from '../../contract/limit-config.ts'
import type { CountedRow } from './limit-row.ts'

/** One request, and so much besides. Integers; fractions of a token or a pico-USD add up too, but less exactly. */
export interface Demand {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly costPicoUsd: number
  /** How long answers are is not known yet: what it uses without one. Absent: that is known. */
  readonly least?: Demand
}

/** To settle what never left this process: even `Requests` comes back. By identity; a Demand of zeros is a request that was sent. */
export const NOTHING_SENT: Demand = Object.freeze({ inputTokens: 0, outputTokens: 0, costPicoUsd: 0 })

/**
 * Taken before it begins. Output is a guess: it alone never makes a request larger than the whole limit, which would refuse it for
 * good, and nothing would ever be learnt.
 */
export function expectedAmount({ what, limit }: Pick<CountedRow, 'what' | 'limit'>, expected: Demand): number {
  switch (what) {
    case 'Requests':
    case 'Concurrency':
      return 1
    case 'InputTokens':
      return measured(what, expected)
    case 'Tokens':
      return Math.max(measured('InputTokens', expected), Math.min(measured(what, expected), limit))
    case 'OutputTokens':
    case 'Cost':
      return Math.min(measured(what, expected), limit)
  }
}

/** Whether it is known only when an answer has told it. */
export function isMeasured(what: LimitedQuantity): boolean {
  return what !== 'Requests' && what !== 'Concurrency'
}

/** Remains counted when it has ended. */
export function actualAmount(what: LimitedQuantity, actual: Demand): number {
  if (what === 'Concurrency') return 0
  if (what === 'Requests') return actual === NOTHING_SENT ? 0 : 1
  return measured(what, actual)
}

function measured(what: Exclude<LimitedQuantity, 'Requests' | 'Concurrency'>, demand: Demand): number {
  switch (what) {
    case 'Tokens':
      return countable(demand.inputTokens) + countable(demand.outputTokens)
    case 'InputTokens':
      return countable(demand.inputTokens)
    case 'OutputTokens':
      return countable(demand.outputTokens)
    case 'Cost':
      return countable(demand.costPicoUsd)
  }
}

// Usage comes out of providers' answers: a NaN or an Infinity in a sum would stay there for good.
function countable(amount: number): number {
  return amount > 0 ? Math.min(amount, Number.MAX_SAFE_INTEGER) : 0
}
