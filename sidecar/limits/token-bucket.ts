// What may be used in one moment, on top of a window: a bucket that refills evenly. An amount larger than the bucket needs a full one
// and leaves it in debt, so that it passes at the rate at which smaller ones would.
//
// What is missing from full is kept, not what is there: so the bucket's size can change without inventing or losing anything.

export class TokenBucket {
  #size: number
  #refillPerMs: number
  /** Missing from full as of `#atMs`; more than the size is debt. */
  #missing = 0
  #atMs = 0

  /** Full at any time. */
  constructor(size: number, refillPerMs: number) {
    this.#size = size
    this.#refillPerMs = refillPerMs
  }

  configure(size: number, refillPerMs: number, nowMs: number): void {
    this.#refillTo(nowMs)
    this.#size = size
    this.#refillPerMs = refillPerMs
  }

  /** A negative amount is one that comes back; what does not fit into the bucket is lost. */
  take(amount: number, nowMs: number): void {
    this.#refillTo(nowMs)
    this.#missing = Math.max(0, this.#missing + amount)
  }

  /** When it has room for `amount`, as it is now; maybe in the past. Infinity when it does not refill. */
  fitsAtMs(amount: number): number {
    const excess = this.#missing - Math.max(0, this.#size - amount)
    return excess <= 0 ? this.#atMs : this.#atMs + excess / this.#refillPerMs
  }

  /** What fits now. Anything does when it is full. */
  room(nowMs: number): number {
    const missing = this.#missingAt(nowMs)
    return missing === 0 ? Number.POSITIVE_INFINITY : Math.max(0, Math.floor(this.#size - missing))
  }

  isFull(nowMs: number): boolean {
    return this.#missingAt(nowMs) === 0
  }

  #missingAt(nowMs: number): number {
    return Math.max(0, this.#missing - Math.max(0, nowMs - this.#atMs) * this.#refillPerMs)
  }

  #refillTo(nowMs: number): void {
    this.#missing = this.#missingAt(nowMs)
    this.#atMs = Math.max(this.#atMs, nowMs)
  }
}
