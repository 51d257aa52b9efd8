// How many retries a provider may get: a share of the requests that it got in the last 10 s, and some per second in any case. When
// everything fails, retries are the load that keeps it failing; a bound per request alone would multiply an outage by that bound.
import type { RetryBudgetConfig } from '../../contract/sidecar-config.ts'
import { SlidingCount } from './sliding-count.ts'

const WINDOW_S = 10
const BUCKET_MS = 1000

export class RetryBudget {
  #config: RetryBudgetConfig
  /** Of the last 9 to 10 s. */
  readonly #requests = new SlidingCount(WINDOW_S, BUCKET_MS)
  /** Of the last 10 to 11 s: rounded the other way, so that the share holds for any 10 s that end with a retry. */
  readonly #retries = new SlidingCount(WINDOW_S + 1, BUCKET_MS)

  #denied = 0

  constructor(config: RetryBudgetConfig) {
    this.#config = config
  }

  /** Retries that were not allowed, since the start. */
  get denied(): number {
    return this.#denied
  }

  /** What was counted stays. */
  configure(config: RetryBudgetConfig): void {
    this.#config = config
  }

  /** A request that this provider has not seen yet. */
  noteRequest(nowMs: number): void {
    this.#requests.add(nowMs)
  }

  /** False: the request is not to be sent to this provider again. True: it was counted. `nowMs` is monotonic. */
  tryTake(nowMs: number): boolean {
    const { percent, minPerSecond } = this.#config
    // In hundredths, so that no share is rounded up.
    const allowed = percent * this.#requests.total(nowMs) + 100 * minPerSecond * WINDOW_S
    if (100 * (this.#retries.total(nowMs) + 1) > allowed) {
      this.#denied++
      return false
    }
    this.#retries.add(nowMs)
    return true
  }
}
