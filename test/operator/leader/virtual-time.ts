// A world with a time of its own: events run in order, one after the other, and after each everything that it set off.

export class VirtualTime {
  #atMs = 0
  #sequence = 0
  /** In the order in which they run, last first. */
  readonly #events: { atMs: number; sequence: number; run(): void }[] = []

  get atMs(): number {
    return this.#atMs
  }

  /** Runs it at that time; what is in the past runs next. Gives what takes it back. */
  at(atMs: number, run: () => void): () => void {
    const event = { atMs: Math.max(atMs, this.#atMs), sequence: this.#sequence++, run }
    let place = this.#events.length
    while (place > 0 && isBefore(this.#events[place - 1], event)) place -= 1
    this.#events.splice(place, 0, event)
    return () => {
      event.run = () => undefined
    }
  }

  /** Lets `durationMs` pass. `afterEach` sees the world after every event. */
  async pass(durationMs: number, afterEach: () => void = () => undefined): Promise<void> {
    const endMs = this.#atMs + durationMs
    await settled()
    for (let next = this.#events.at(-1); next !== undefined && next.atMs <= endMs; next = this.#events.at(-1)) {
      this.#events.pop()
      this.#atMs = next.atMs
      next.run()
      await settled()
      afterEach()
    }
    this.#atMs = endMs
    afterEach()
  }
}

function isBefore(one: { atMs: number; sequence: number } | undefined, other: { atMs: number; sequence: number }) {
  if (one === undefined) return false
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence)
}

/** All promises that can go on without an event have gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
