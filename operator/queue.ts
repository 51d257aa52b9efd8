// The work queue: which keys are due, and how often at most.
//
// In: keys that may need work, as often as somebody thinks so. Out: `work(key)`, never twice at once for one key, at most
// `workers` together, in the order in which keys became due. A key that is added while it waits is worked on once; one that
// is added while it is worked on, once more afterwards, because the work may have read what was there before. Work that
// fails is repeated after 5 ms · 2ⁿ, at most 1000 s, until it succeeds; only here are the cluster's troubles caught. Whoever
// adds a failing key has news, so it runs at once; the count of its failures stands until it succeeds. The queue holds keys
// and never objects, so that work reads what is true when it runs.
import { type SetTimer, setTimer } from './kube/timer.ts'

export interface QueueOptions {
  /** Throws or rejects: the key is due again later. */
  work(key: string): Promise<void>
  workers: number
  /** `retryInMs` is 0 when the key was added again meanwhile. */
  onFailure(key: string, error: unknown, retryInMs: number): void
  /** 5 ms when absent. */
  retryFirstMs?: number
  /** 1000 s when absent. */
  retryMaxMs?: number
  /** Milliseconds, from any start. */
  now?: () => number
  startTimer?: SetTimer
}

export interface Queue {
  add(key: string): void
  /** Adds it later. Of several for one key, the earliest stands. */
  addAfter(key: string, delayMs: number): void
  /** Drops what waits, and resolves when the work under way has ended. */
  close(): Promise<void>
  /** Keys that are due and not yet worked on. */
  readonly size: number
}

const RETRY_FIRST_MS = 5
const RETRY_MAX_MS = 1_000_000
/** The longest delay of a timer; longer ones would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

interface Delayed {
  due: number
  cancel: () => void
}

export function createQueue(options: QueueOptions): Queue {
  return new KeyedQueue(options)
}

class KeyedQueue implements Queue {
  readonly #options: QueueOptions
  readonly #now: () => number
  readonly #startTimer: SetTimer
  /** In the order in which they became due. */
  readonly #ready = new Set<string>()
  readonly #running = new Set<string>()
  /** Added while they were worked on. */
  readonly #again = new Set<string>()
  readonly #delayed = new Map<string, Delayed>()
  readonly #retries = new Map<string, Delayed>()
  readonly #failures = new Map<string, number>()
  #closed = false
  #idle: PromiseWithResolvers<void> | undefined

  constructor(options: QueueOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
    this.#startTimer = options.startTimer ?? setTimer
  }

  get size(): number {
    return this.#ready.size + this.#again.size
  }

  add(key: string): void {
    if (this.#closed) return
    // What runs now is at least as good as the retry.
    take(this.#retries, key)
    if (this.#running.has(key)) this.#again.add(key)
    else this.#ready.add(key)
    this.#fill()
  }

  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) this.add(key)
    else this.#schedule(this.#delayed, key, delayMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const timers of [this.#delayed, this.#retries]) for (const key of [...timers.keys()]) take(timers, key)
    this.#ready.clear()
    this.#again.clear()
    if (this.#running.size === 0) return
    this.#idle ??= Promise.withResolvers<void>()
    await this.#idle.promise
  }

  #schedule(timers: Map<string, Delayed>, key: string, delayMs: number): void {
    if (this.#closed) return
    const due = this.#now() + delayMs
    if ((timers.get(key)?.due ?? Number.POSITIVE_INFINITY) <= due) return
    take(timers, key)
    const onDue = (): void => {
      timers.delete(key)
      this.add(key)
    }
    timers.set(key, { due, cancel: this.#startTimer(onDue, Math.min(delayMs, TIMER_MS_MAX)) })
  }

  #fill(): void {
    for (const key of this.#ready) {
      if (this.#running.size >= this.#options.workers) return
      this.#ready.delete(key)
      this.#running.add(key)
      void this.#run(key)
    }
  }

  async #run(key: string): Promise<void> {
    try {
      await this.#options.work(key)
      this.#failures.delete(key)
      take(this.#retries, key)
    } catch (error) {
      this.#fail(key, error)
    } finally {
      this.#finish(key)
    }
  }

  #fail(key: string, error: unknown): void {
    const { retryFirstMs = RETRY_FIRST_MS, retryMaxMs = RETRY_MAX_MS, onFailure } = this.#options
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    // Added again while it ran: there is news, so it is due at once.
    const retryInMs = this.#again.has(key) ? 0 : Math.min(retryMaxMs, retryFirstMs * 2 ** failures)
    if (retryInMs > 0) this.#schedule(this.#retries, key, retryInMs)
    onFailure(key, error, retryInMs)
  }

  #finish(key: string): void {
    this.#running.delete(key)
    if (this.#again.delete(key)) this.#ready.add(key)
    if (this.#closed && this.#running.size === 0) this.#idle?.resolve()
    this.#fill()
  }
}

function take(timers: Map<string, Delayed>, key: string): void {
  timers.get(key)?.cancel()
  timers.delete(key)
}
