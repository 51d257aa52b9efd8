// How fast a count is used here: what the next lease is sized by. Measured from lease to lease, so it costs a request an addition.

/** How much the past weighs when half as old; as short as leases live, so that a burst is followed at once and forgotten soon. */
const HALF_LIFE_MS = 250

export class UseRate {
  #perMs = 0
  #since = 0
  #sinceMs: number

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
  }

  add(amount: number): void {
    this.#since += amount
  }

  /** Amount per millisecond, lately. */
  perMs(nowMs: number): number {
    const passedMs = nowMs - this.#sinceMs
    if (passedMs >= 1) {
      const kept = 0.5 ** (passedMs / HALF_LIFE_MS)
      this.#perMs = this.#perMs * kept + (this.#since / passedMs) * (1 - kept)
      this.#since = 0
      this.#sinceMs = nowMs
    }
    return this.#perMs
  }
}
