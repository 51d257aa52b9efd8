// The deadline of everything that waits for the store, by one timer: all wait equally long, so they are due in the order in which they
// came, and the timer is only ever set for the first.
//
// When the process itself was held up, the timer is late, and answers are there that nobody has read, or questions that nobody has sent.
// Then the store is not to blame: what is due gets as much more time as was lost, again and again, but in all no more than ten times its
// own. A process that is that busy delays its requests by itself; that two of them decide without the store would pass the limit.

export interface Waiting {
  /** Called once, when its time is over; what is done by then ignores it. */
  expire(): void
}

interface Entry {
  readonly waiting: Waiting
  dueMs: number
  readonly lastMs: number
}

/** A timer that comes later than that was held up. */
const LATE_MS = 5
const POSTPONED_MAX = 10

export class Deadlines {
  readonly #waitMs: number
  readonly #now: () => number
  /** In the order in which they are due. */
  #entries: Entry[] = []
  #timer: NodeJS.Timeout | undefined
  #timerDueMs = 0

  constructor(waitMs: number, now: () => number) {
    this.#waitMs = waitMs
    this.#now = now
  }

  add(waiting: Waiting): void {
    const nowMs = this.#now()
    const dueMs = nowMs + this.#waitMs
    this.#entries.push({ waiting, dueMs, lastMs: nowMs + POSTPONED_MAX * this.#waitMs })
    if (this.#timer === undefined) this.#setTimer(dueMs, this.#waitMs)
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const { waiting } of this.#entries.splice(0)) waiting.expire()
  }

  #setTimer(dueMs: number, delayMs: number): void {
    this.#timerDueMs = dueMs
    // Between timers and immediates Node reads from its sockets.
    this.#timer = setTimeout(() => setImmediate(() => this.#sweep()), delayMs)
  }

  #sweep(): void {
    this.#timer = undefined
    const nowMs = this.#now()
    const lateMs = nowMs - this.#timerDueMs
    if (lateMs > LATE_MS) this.#postpone(nowMs + Math.min(lateMs, this.#waitMs))
    const rest = this.#entries.findIndex(({ dueMs }) => dueMs > nowMs)
    const due = this.#entries.splice(0, rest < 0 ? this.#entries.length : rest)
    for (const { waiting } of due) waiting.expire()
    const [next] = this.#entries
    if (next !== undefined && this.#timer === undefined) this.#setTimer(next.dueMs, Math.max(1, next.dueMs - nowMs))
  }

  #postpone(untilMs: number): void {
    for (const entry of this.#entries) entry.dueMs = Math.max(entry.dueMs, Math.min(untilMs, entry.lastMs))
  }
}
