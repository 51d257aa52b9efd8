// Leaves a provider alone for a while when its requests fail.
//
// In: a permit per request, and how each ended. Out: whether a request may go, and each change of state with its reason in words.
// Closed: all go; it opens after failures in a row, or when too great a share of the window failed. Open: none goes until its time
// is over. Half-open: a few probes at a time; so many successes close it, one failure opens it for twice as long. What is known of
// the time is what callers say: no timer runs, so it becomes half-open when the first probe is let out, though `state` says so before.
//
// Permits carry the epoch in which they were given: how often it had opened by then. A request that began before it opened says
// nothing about how the provider is now, however late it ends, and changes nothing.
// Rejected: letting half-open end by a timer (a probe may take minutes, and nothing better is known until it ends), and counting
// failures by time alone (a provider that is asked once a minute would never be left alone).
import type { CircuitBreakerConfig } from '../../contract/sidecar-config.ts'
import { SlidingCount } from './sliding-count.ts'

export type CircuitState = 'Closed' | 'Open' | 'HalfOpen'

/** `Neutral` says nothing about the provider: the client left, or it was a matter of our key or our pace. */
export type Verdict = 'Success' | 'Failure' | 'Neutral'

/** To be settled exactly once. */
export interface Permit {
  readonly kind: 'Closed' | 'Probe' | 'Forced'
  readonly epoch: number
}

export type OnTransition = (from: CircuitState, to: CircuitState, why: string) => void

const BUCKETS = 10
const OPEN_FACTOR_MAX = 10
/** An outage opens the circuits of many sidecars in the same moment; their probes come spread over so much of the time. */
const OPEN_JITTER = 0.1

export class CircuitBreaker {
  #config: CircuitBreakerConfig
  readonly #onTransition: OnTransition
  readonly #random: () => number
  #state: CircuitState = 'Closed'
  /** How often it has opened. */
  #epoch = 0
  /** One for all requests that enter while it is closed: they need nothing of their own. */
  #passing: Permit = { kind: 'Closed', epoch: 0 }
  #failuresInRow = 0
  #requests: SlidingCount
  #failures: SlidingCount
  /** Probes whose end is not known, those of earlier epochs included: the bound is on what is under way. */
  #probesOut = 0
  #probesSucceeded = 0
  /** Openings since it was closed last, less the first. */
  #failedProbes = 0
  #openUntilMs = 0

  /** `random` returns [0, 1). */
  constructor(config: CircuitBreakerConfig, random: () => number, onTransition: OnTransition) {
    this.#config = config
    this.#random = random
    this.#onTransition = onTransition
    this.#requests = new SlidingCount(BUCKETS, config.windowMs / BUCKETS)
    this.#failures = new SlidingCount(BUCKETS, config.windowMs / BUCKETS)
  }

  get failuresInRow(): number {
    return this.#failuresInRow
  }

  /** When probes may go; undefined while it is not open. Monotonic milliseconds, may be past. */
  get openUntilMs(): number | undefined {
    return this.#state === 'Open' ? this.#openUntilMs : undefined
  }

  /** New limits; the state stays, and what was counted, unless the window's length is another. */
  configure(config: CircuitBreakerConfig): void {
    if (config.windowMs !== this.#config.windowMs) {
      this.#requests = new SlidingCount(BUCKETS, config.windowMs / BUCKETS)
      this.#failures = new SlidingCount(BUCKETS, config.windowMs / BUCKETS)
    }
    this.#config = config
  }

  state(nowMs: number): CircuitState {
    return this.#state === 'Open' && nowMs >= this.#openUntilMs ? 'HalfOpen' : this.#state
  }

  /** Whether `enter` would give a permit; takes nothing. */
  admits(nowMs: number): boolean {
    if (this.#state === 'Closed') return true
    return this.state(nowMs) === 'HalfOpen' && this.#probesOut < this.#config.probes
  }

  /** Undefined: not now. */
  enter(nowMs: number): Permit | undefined {
    if (this.#state === 'Closed') return this.#passing
    if (!this.admits(nowMs)) return undefined
    if (this.#state === 'Open') this.#change('HalfOpen', 'it was open long enough')
    this.#probesOut++
    return { kind: 'Probe', epoch: this.#epoch }
  }

  /** Goes whatever the state; as a probe where one may go. */
  force(nowMs: number): Permit {
    return this.enter(nowMs) ?? { kind: 'Forced', epoch: this.#epoch }
  }

  /** Exactly once per permit. The success of a forced request closes it like that of a probe; its failure is no news. */
  settle(permit: Permit, verdict: Verdict, nowMs: number): void {
    if (permit.kind === 'Probe') this.#probesOut--
    if (verdict === 'Neutral' || permit.epoch !== this.#epoch) return
    if (this.#state === 'Closed') this.#count(verdict, nowMs)
    else if (permit.kind === 'Closed') return
    else if (verdict === 'Success') this.#noteSuccess(permit)
    else if (permit.kind === 'Probe') this.#reopen(nowMs)
  }

  #count(verdict: Verdict, nowMs: number): void {
    this.#requests.add(nowMs)
    if (verdict === 'Success') this.#failuresInRow = 0
    else {
      this.#failuresInRow++
      this.#failures.add(nowMs)
      // Not after a success: then the failures are the past, whatever their share.
      const why = this.#reasonToOpen(nowMs)
      if (why !== undefined) this.#open(why, nowMs)
    }
  }

  #reasonToOpen(nowMs: number): string | undefined {
    const { consecutiveFailures, errorPercent, minRequests, windowMs } = this.#config
    if (consecutiveFailures > 0 && this.#failuresInRow >= consecutiveFailures) {
      return this.#failuresInRow === 1 ? 'a request failed' : `${this.#failuresInRow} failures in a row`
    }
    const requests = this.#requests.total(nowMs)
    const failures = this.#failures.total(nowMs)
    if (errorPercent === 0 || requests < minRequests || failures * 100 < errorPercent * requests) return undefined
    return `${failures} of ${requests} requests failed within ${windowMs / 1000} s`
  }

  #noteSuccess({ kind }: Permit): void {
    this.#probesSucceeded++
    const what = kind === 'Probe' ? 'a probe succeeded' : 'a request that was sent all the same succeeded'
    const { probes } = this.#config
    if (this.#probesSucceeded >= probes) {
      this.#failedProbes = 0
      this.#change('Closed', probes === 1 ? what : `${what}, the last of ${probes}`)
    } else if (this.#state === 'Open') this.#change('HalfOpen', what)
  }

  #reopen(nowMs: number): void {
    this.#failedProbes++
    this.#open('a probe failed', nowMs)
  }

  #open(why: string, nowMs: number): void {
    const factor = Math.min(2 ** this.#failedProbes, OPEN_FACTOR_MAX)
    this.#openUntilMs = nowMs + this.#config.openForMs * factor * (1 + OPEN_JITTER * this.#random())
    this.#epoch++
    this.#passing = { kind: 'Closed', epoch: this.#epoch }
    this.#probesSucceeded = 0
    this.#failuresInRow = 0
    this.#requests.clear()
    this.#failures.clear()
    this.#change('Open', why)
  }

  /** Last of all, so that whoever listens finds everything in order. */
  #change(to: CircuitState, why: string): void {
    const from = this.#state
    this.#state = to
    this.#onTransition(from, to, why)
  }
}

/** For what still comes of a request whose success was settled already: its failure later is one like any other. */
export function settledPermit({ epoch }: Permit): Permit {
  return { kind: 'Closed', epoch }
}
