// Counters that have something for the store, looked at together: so what they have collected goes out as one batch each, one after the
// other on the same connection, at most so many times a second.
import type { Flushable } from './counter-deps.ts'

const FLUSH_MS = 50
/** In one turn; with more than that each waits a little longer, and the store is not flooded when it comes back. */
const FLUSHED_MAX = 256

export class FlushQueue {
  readonly #now: () => number
  readonly #counters = new Set<Flushable>()
  #timer: NodeJS.Timeout | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  get size(): number {
    return this.#counters.size
  }

  add(counter: Flushable): void {
    this.#counters.add(counter)
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS).unref()
  }

  /** Gives everything back: until nothing is left, or so much time has passed. */
  async drain(waitMs: number): Promise<void> {
    const untilMs = this.#now() + waitMs
    for (const counter of this.#counters) counter.release()
    while (this.#counters.size > 0 && this.#now() < untilMs) {
      this.#flush()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    clearTimeout(this.#timer)
    this.#counters.clear()
  }

  /** Those that were looked at go to the end, so all get their turn. */
  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const nowMs = this.#now()
    for (const counter of [...this.#counters].slice(0, FLUSHED_MAX)) {
      this.#counters.delete(counter)
      if (counter.flush(nowMs)) this.#counters.add(counter)
    }
    if (this.#counters.size > 0) this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS).unref()
  }
}
