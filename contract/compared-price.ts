import type { PriceConfig } from './limit-config.ts'

/**
 * What models are compared by, `balance: Cheapest` and `onExhausted: Fallback` alike: pico-USD of four tokens, three of them
 * input, about what chat uses. What no price is known for comes last, since it may cost anything.
 */
export function comparedPrice(price: PriceConfig | undefined): number {
  return price === undefined ? Number.POSITIVE_INFINITY : 3 * price.inputPicoUsd + price.outputPicoUsd
}
