// An average that believes bad news at once and good news slowly: a value above it replaces it, a value below it draws it down by
// the time since the last one. A plain average would go on sending requests to a provider that has just become slow.

/** Time in which a lower value is believed by 63 % (1 - 1/e). */
const DECAY_MS = 10_000

/**
 * Time in which an average that nothing renews fades by 63 %, so that a provider that was slow is asked again. Longer than the decay:
 * requests to models come seconds apart, and each pause would make the provider that was not asked look like the fast one.
 */
const FADE_MS = 60_000

export class PeakEwma {
  #averageMs = 0
  #atMs = Number.NEGATIVE_INFINITY

  /** `valueMs` that are no time (negative, not finite) are passed over. */
  observe(valueMs: number, nowMs: number): void {
    if (!(valueMs >= 0 && valueMs < Number.POSITIVE_INFINITY)) return
    if (valueMs < this.#averageMs) {
      valueMs += (this.#averageMs - valueMs) * Math.exp((this.#atMs - nowMs) / DECAY_MS)
    }
    this.#averageMs = valueMs
    this.#atMs = nowMs
  }

  /** It would have been at least this: says nothing when the average is higher. */
  observeAtLeast(valueMs: number, nowMs: number): void {
    if (valueMs > this.read(nowMs)) this.observe(valueMs, nowMs)
  }

  /** 0 while nothing was measured. */
  read(nowMs: number): number {
    return this.#averageMs === 0 ? 0 : this.#averageMs * Math.exp((this.#atMs - nowMs) / FADE_MS)
  }
}
