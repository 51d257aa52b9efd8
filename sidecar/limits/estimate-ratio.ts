// Tokens per unit (byte, file), learned from pairs of both: a mean in which the older of two equal samples weighs 5 % less.
// Samples weigh by their size, so that a prompt of three words with a long template says little about one of a hundred pages.

const FADING = 0.95

export interface RatioOptions {
  /** Before anything was learned. */
  first: number
  /** How many units of samples weigh as much as `first` does. */
  weight: number
  /** A sample with more tokens per unit counts as this. */
  max: number
}

export class Ratio {
  readonly #max: number
  #tokens: number
  #units: number

  constructor({ first, weight, max }: RatioOptions) {
    this.#max = max
    this.#tokens = first * weight
    this.#units = weight
  }

  learn(tokens: number, units: number): void {
    if (units <= 0) return
    this.#tokens = this.#tokens * FADING + Math.min(tokens, units * this.#max)
    this.#units = this.#units * FADING + units
  }

  /** Tokens that so many units stand for. */
  of(units: number): number {
    return units * (this.#tokens / this.#units)
  }
}
