// How often something happened lately: a ring of buckets over time with a running total. Nothing is allocated after it was made,
// and nothing has to run when nothing happens: what is too old is dropped when somebody next looks.

export class SlidingCount {
  readonly #buckets: Uint32Array
  readonly #bucketMs: number
  /** Of the newest bucket, counted from the clock's zero. */
  #number = 0
  #total = 0

  /**
   * The present bucket counts from its beginning, so what is counted is the last `buckets - 1` to `buckets` times `bucketMs`.
   * `bucketMs` may be a fraction.
   */
  constructor(buckets: number, bucketMs: number) {
    this.#buckets = new Uint32Array(buckets)
    this.#bucketMs = bucketMs
  }

  add(nowMs: number): void {
    this.#moveTo(nowMs)
    const at = this.#number % this.#buckets.length
    this.#buckets[at] = (this.#buckets[at] as number) + 1
    this.#total++
  }

  total(nowMs: number): number {
    this.#moveTo(nowMs)
    return this.#total
  }

  clear(): void {
    this.#buckets.fill(0)
    this.#total = 0
  }

  #moveTo(nowMs: number): void {
    const number = Math.floor(nowMs / this.#bucketMs)
    const passed = number - this.#number
    if (passed <= 0) return
    const buckets = this.#buckets
    if (passed >= buckets.length) this.clear()
    else {
      for (let next = this.#number + 1; next <= number; next++) {
        const at = next % buckets.length
        this.#total -= buckets[at] as number
        buckets[at] = 0
      }
    }
    this.#number = number
  }
}
