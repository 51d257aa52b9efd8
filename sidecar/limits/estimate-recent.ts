/**
 * What was learned by key, for at most so many keys: a new one beyond that takes the place of the one that was asked for the longest
 * ago. That one is searched for when it happens, which is rare; keeping them in order would cost two changes of a Map per request.
 */
export class Recent<T> {
  readonly #entries = new Map<string, { value: T; usedAt: number }>()
  readonly #keysMax: number
  readonly #create: () => T
  #uses = 0

  constructor(keysMax: number, create: () => T) {
    this.#keysMax = keysMax
    this.#create = create
  }

  get size(): number {
    return this.#entries.size
  }

  /** Made where it is not there. */
  at(key: string): T {
    const entry = this.#entries.get(key)
    if (entry !== undefined) {
      entry.usedAt = ++this.#uses
      return entry.value
    }
    if (this.#entries.size >= this.#keysMax) this.#forgetOldest()
    const value = this.#create()
    this.#entries.set(key, { value, usedAt: ++this.#uses })
    return value
  }

  #forgetOldest(): void {
    let oldest: string | undefined
    let usedAt = Number.POSITIVE_INFINITY
    for (const [key, entry] of this.#entries) {
      if (entry.usedAt >= usedAt) continue
      oldest = key
      usedAt = entry.usedAt
    }
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
