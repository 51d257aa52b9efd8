// Amounts over the last window: a ring of buckets by time with a running total, moved on when somebody looks. Made once per count, and
// nothing is allocated after.
//
// What is in a bucket is counted until the whole bucket is older than the window. So no span of the window's length, wherever it
// begins, holds more than the total was allowed to reach, and what was counted leaves at most one bucket late. Rejected: two fixed
// windows with a weighted overlap, which is an estimate and is wrong exactly in bursts; a list of all amounts, which has no bound.

const BUCKETS_PER_WINDOW = 128
/** Those that overlap the last window: one is under way, and the oldest may overlap it in part. */
const BUCKETS = BUCKETS_PER_WINDOW + 1

export class SlidingWindow {
  readonly #amounts = new Float64Array(BUCKETS)
  /** Exact for whole milliseconds: the divisor is a power of two. */
  readonly #bucketMs: number
  /** Of the newest bucket, counted from the clock's zero. */
  #newest = 0
  #total = 0

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS_PER_WINDOW
  }

  total(nowMs: number): number {
    this.#moveTo(nowMs)
    return this.#total
  }

  /** Returns the number of the bucket, which `change` takes. */
  add(amount: number, nowMs: number): number {
    this.#moveTo(nowMs)
    this.#addTo(this.#newest, amount)
    return this.#newest
  }

  /**
   * Changes by `difference` what was added to that bucket. When it has left the window, more is counted as of now, and less is no
   * news. Returns false then.
   */
  change(bucket: number, difference: number, nowMs: number): boolean {
    this.#moveTo(nowMs)
    const isCounted = bucket > this.#newest - BUCKETS
    if (isCounted) this.#addTo(bucket, difference)
    else if (difference > 0) this.#addTo(this.#newest, difference)
    return isCounted
  }

  /** When `amount` of what was counted at the last look will have left. */
  leavesAtMs(amount: number): number {
    let leaving = 0
    let bucket = Math.max(0, this.#newest - BUCKETS_PER_WINDOW)
    for (; bucket < this.#newest; bucket++) {
      leaving += this.#amounts[bucket % BUCKETS] as number
      if (leaving >= amount) break
    }
    return (bucket + BUCKETS) * this.#bucketMs
  }

  #addTo(bucket: number, amount: number): void {
    const at = bucket % BUCKETS
    this.#amounts[at] = (this.#amounts[at] as number) + amount
    this.#total += amount
  }

  #moveTo(nowMs: number): void {
    const number = Math.floor(nowMs / this.#bucketMs)
    const passed = number - this.#newest
    if (passed <= 0) return
    if (passed >= BUCKETS) {
      this.#amounts.fill(0)
      this.#total = 0
    } else {
      for (let bucket = this.#newest + 1; bucket <= number; bucket++) {
        const at = bucket % BUCKETS
        this.#total -= this.#amounts[at] as number
        this.#amounts[at] = 0
      }
    }
    this.#newest = number
  }
}
