// The 95th percentile of whole numbers that keep coming (output tokens), in bounded memory and never below the truth.
//
// Numbers fall into buckets whose edges grow by 8 %, single numbers up to 25; what is told is the bucket's upper edge, so it is at most
// 8 % above the percentile of what was counted, and never under it. Counted is a window: the last 100 to 200 numbers, as one
// generation that is full and one that fills. So it forgets by count and not by time, and has seen nothing old 200 numbers after a
// change. Rejected: weights that fade, which are not exact about what they still hold; P² and t-digest, whose answer can lie below.

const GENERATION = 100
const GROWTH = 1.08
/** What is larger counts as this; no model writes so much. */
const LARGEST = 2 ** 24
const EDGES = edges()

function edges(): readonly number[] {
  const upper = [0]
  for (let edge = 1; edge < LARGEST; edge = Math.max(edge + 1, Math.floor(edge * GROWTH))) upper.push(edge)
  return [...upper, LARGEST]
}

export class Percentile95 {
  #filling = new Uint8Array(EDGES.length)
  #full = new Uint8Array(EDGES.length)
  #filled = 0
  /** Of both generations. */
  #count = 0
  /** No number of either lies in a bucket above. */
  #highest = 0
  #highestFilling = 0

  /** How many numbers it speaks of: all of them up to 200, then the last 101 to 200. */
  get count(): number {
    return this.#count
  }

  /** A whole number from 0 up. */
  add(value: number): void {
    if (this.#filled === GENERATION) this.#turn()
    const bucket = bucketOf(value)
    this.#filling[bucket] = (this.#filling[bucket] as number) + 1
    this.#highestFilling = Math.max(this.#highestFilling, bucket)
    this.#highest = Math.max(this.#highest, bucket)
    this.#filled++
    this.#count++
  }

  /** At least 95 % of what was counted is no larger; 0 before anything was. */
  value(): number {
    // By nearest rank: so many may lie above.
    let above = this.#count - Math.ceil(this.#count * 0.95)
    for (let bucket = this.#highest; bucket > 0; bucket--) {
      above -= (this.#filling[bucket] as number) + (this.#full[bucket] as number)
      if (above < 0) return EDGES[bucket] as number
    }
    return 0
  }

  #turn(): void {
    const old = this.#full
    this.#full = this.#filling
    this.#filling = old.fill(0)
    this.#highest = this.#highestFilling
    this.#highestFilling = 0
    this.#filled = 0
    this.#count = GENERATION
  }
}

/** The first bucket whose upper edge is not below the value. */
function bucketOf(value: number): number {
  let low = 0
  let high = EDGES.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((EDGES[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}
