// What limits and budgets ask of each attempt at one backend, worked out when the document is compiled.
import { isMeasured } from './demand.ts'
import type { CountedRow } from './limit-row.ts'

export interface AttemptLimits {
  /** Taken with each attempt: those of rule and route, then the provider's own. */
  readonly rows: readonly CountedRow[]
  /** Some count what only an answer tells, so it is estimated before. */
  readonly measured: boolean
  /** Some count money. */
  readonly priced: boolean
  /** The first that counts money and may refuse, which needs a price. */
  readonly needsPrice: CountedRow | undefined
  /** Budgets with which, once they are used up, only the cheapest backends are asked. */
  readonly fallback: readonly CountedRow[]
}

export function createAttemptLimits(rows: readonly CountedRow[]): AttemptLimits {
  const enforced = rows.filter(({ mode }) => mode === 'Enforce')
  return Object.freeze({
    rows,
    measured: rows.some(({ what }) => isMeasured(what)),
    priced: rows.some(({ what }) => what === 'Cost'),
    needsPrice: enforced.find(({ what }) => what === 'Cost'),
    fallback: enforced.filter(({ onExhausted }) => onExhausted === 'Fallback'),
  })
}
