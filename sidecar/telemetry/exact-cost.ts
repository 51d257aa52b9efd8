// Money that adds up exactly beyond 2^53 pico-USD, which is 9,007 USD: whole dollars and the rest of one apart, two plain numbers, each
// an integer. A bigint would be as exact, and a new object with every addition.
import { usd } from './json-text.ts'

export interface Cost {
  /** False until a cost was added: a sum of nothing is not 0 USD. */
  known: boolean
  wholeUsd: number
  /** 1e-12 USD, less than a dollar's worth. */
  picoUsd: number
}

const PICO = 1e12

export function createCost(): Cost {
  return { known: false, wholeUsd: 0, picoUsd: 0 }
}

/** `picoUsd`: an integer, exact up to 9,006 USD. */
export function addCost(cost: Cost, picoUsd: number): void {
  cost.known = true
  const sum = cost.picoUsd + picoUsd
  if (sum < PICO) {
    cost.picoUsd = sum
    return
  }
  // The remainder of integers is exact; a quotient would be rounded.
  cost.picoUsd = sum % PICO
  cost.wholeUsd += (sum - cost.picoUsd) / PICO
}

/** An exact decimal without trailing zeros; null while none is known. */
export function costUsd({ known, wholeUsd, picoUsd }: Cost): string | null {
  return known ? `${wholeUsd}${usd(picoUsd).slice(1)}` : null
}
