// Whether the store is asked at all. Everything that goes to it passes here.
//
// In: calls. Out: their answers, and a state that everybody may read at no cost: `Up`, or not, and why. It is up when a probe was
// answered since the connection came up, and fails with the connection, or when the breaker opens: after failures in a row, or when
// half of the calls fail. Too late is a failure, even when the answer comes: a slow store is worse than none. While it has failed
// nobody asks and nobody waits; probes go out by themselves, one at a time, ever more rarely and at times that differ by chance.
//
// It never decides what happens to a request meanwhile (failure-policy.ts), and never sends anything again. Rejected: requests as probes,
// which would make somebody wait for a store that is known to be slow.
import { CircuitBreaker, type Permit } from '../standing/circuit-breaker.ts'
import type { ConnectionEvents, StoreConnection } from './connection.ts'
import type { Deadlines, Waiting } from './deadlines.ts'
import type { Script } from './script.ts'

/** `Connecting`: it is not known yet. */
export type StoreState = 'Connecting' | 'Up' | 'Failed'

export interface StoreChange {
  readonly from: StoreState
  readonly to: StoreState
  /** For people; free of credentials. */
  readonly why: string
}

export interface GateReport {
  readonly state: StoreState
  readonly why: string
  readonly forMs: number
  /** Since the start. */
  readonly calls: number
  readonly failedCalls: number
  /** Of those: answered too late or not at all. */
  readonly lateCalls: number
  /** How often it failed. */
  readonly failures: number
}

export interface GateDeps {
  /** The deadline of everything that waits. */
  readonly timeoutMs: number
  readonly deadlines: Deadlines
  readonly now: () => number
  readonly random: () => number
  /** Asks the store for something harmless that writes, through `probing`. */
  readonly probe: () => Promise<unknown>
  readonly onState: (change: StoreChange) => void
}

const BREAKER = {
  consecutiveFailures: 5,
  errorPercent: 50,
  minRequests: 20,
  windowMs: 10_000,
  openForMs: 500,
  probes: 1,
} as const
const WHY_LENGTH_MAX = 200

export class StoreGate implements ConnectionEvents {
  readonly #deps: GateDeps
  readonly #breaker: CircuitBreaker
  #connection: StoreConnection | undefined
  #state: StoreState = 'Connecting'
  #why = 'not connected yet'
  #sinceMs: number
  #probeTimer: NodeJS.Timeout | undefined
  #closed = false
  #lastFailure = ''
  #lateAtMs = Number.NEGATIVE_INFINITY
  #calls = 0
  #failedCalls = 0
  #lateCalls = 0
  #failures = 0
  /** Those who want to hear once that it is up. */
  readonly #awaiting = new Set<() => void>()

  constructor(deps: GateDeps) {
    this.#deps = deps
    this.#sinceMs = deps.now()
    this.#breaker = new CircuitBreaker(BREAKER, deps.random, (_from, to, why) => {
      if (to === 'Open') this.#fail(`${why}; the last: ${this.#lastFailure}`)
    })
  }

  get isUp(): boolean {
    return this.#state === 'Up'
  }

  /** Why it is not up. */
  get why(): string {
    return this.#why
  }

  /** Why there is no connection: shown until there is one. */
  explain(why: string): void {
    if (this.#connection === undefined) this.#change(this.#state, why)
  }

  use(connection: StoreConnection): void {
    this.#connection = connection
    if (connection.isReady()) this.onReady()
  }

  /** Resolves when it is up, or after `waitMs`. */
  async untilUp(waitMs: number): Promise<void> {
    if (this.isUp) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#awaiting.add(resolve)
    const timer = setTimeout(resolve, waitMs)
    await promise
    clearTimeout(timer)
    this.#awaiting.delete(resolve)
  }

  /** Only while it is up; rejects with what went wrong. */
  call(script: Script, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    const permit = this.#breaker.enter(this.#deps.now())
    if (!this.isUp || permit === undefined) return Promise.reject(new Error(this.#why))
    return this.#run(permit, script, keys, values)
  }

  /** For probes, which go in any state. */
  probing(script: Script, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    return this.#run(this.#breaker.force(this.#deps.now()), script, keys, values)
  }

  /** Somebody waited for an answer in vain, maybe that of a call which is late already. */
  noteWaitedInVain(): void {
    if (!this.isUp) return
    const permit = this.#breaker.enter(this.#deps.now())
    if (permit !== undefined) this.#settleLate(permit)
  }

  onReady(): void {
    void this.#probe()
  }

  onLost(why: string): void {
    if (!this.#closed) this.#fail(why)
  }

  report(): GateReport {
    return {
      state: this.#state,
      why: this.#why,
      forMs: Math.round(this.#deps.now() - this.#sinceMs),
      calls: this.#calls,
      failedCalls: this.#failedCalls,
      lateCalls: this.#lateCalls,
      failures: this.#failures,
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#probeTimer)
    this.#connection?.close()
    this.#change('Failed', 'closed')
    for (const resolve of this.#awaiting) resolve()
  }

  async #run(permit: Permit, script: Script, keys: readonly string[], values: readonly (string | number)[]) {
    const call = new Call(() => this.#noteLate(permit))
    this.#deps.deadlines.add(call)
    this.#calls++
    try {
      if (this.#connection === undefined) throw new Error(this.#why)
      const reply = await this.#connection.run(script, keys, values)
      if (call.end()) this.#breaker.settle(permit, 'Success', this.#deps.now())
      return reply
    } catch (error) {
      this.#failedCalls++
      this.#lastFailure = words(error)
      if (call.end()) this.#breaker.settle(permit, 'Failure', this.#deps.now())
      throw error
    }
  }

  #noteLate(permit: Permit): void {
    this.#lateCalls++
    this.#lastFailure = 'no answer in time'
    this.#settleLate(permit)
  }

  /** Whatever is late in the same moment is late for one reason, and is one failure: a single hiccup opens nothing. */
  #settleLate(permit: Permit): void {
    const nowMs = this.#deps.now()
    const isNew = nowMs - this.#lateAtMs >= this.#deps.timeoutMs
    if (isNew) this.#lateAtMs = nowMs
    this.#breaker.settle(permit, isNew ? 'Failure' : 'Neutral', nowMs)
  }

  #fail(why: string): void {
    if (this.#state !== 'Failed') this.#failures++
    this.#change('Failed', why)
    this.#probeLater()
  }

  async #probe(): Promise<void> {
    try {
      await this.#deps.probe()
      if (this.#connection?.isReady() && this.#breaker.state(this.#deps.now()) === 'Closed')
        this.#change('Up', 'a probe was answered')
    } catch (error) {
      this.#why = words(error)
    }
    if (!this.isUp) this.#probeLater()
  }

  /** Without a connection nothing is due: `onReady` will come. */
  #probeLater(): void {
    clearTimeout(this.#probeTimer)
    if (this.#closed) return
    const nowMs = this.#deps.now()
    const restMs = Math.max(0, (this.#breaker.openUntilMs ?? nowMs) - nowMs)
    const delayMs = restMs + BREAKER.openForMs * this.#deps.random()
    this.#probeTimer = setTimeout(() => {
      if (this.#connection?.isReady()) void this.#probe()
    }, delayMs)
  }

  #change(to: StoreState, why: string): void {
    const from = this.#state
    this.#why = why.slice(0, WHY_LENGTH_MAX)
    if (from === to) return
    this.#state = to
    this.#sinceMs = this.#deps.now()
    if (to === 'Up') for (const resolve of this.#awaiting) resolve()
    if (!this.#closed) this.#deps.onState({ from, to, why: this.#why })
  }
}

/** Ends once: with its answer, or by its deadline. */
class Call implements Waiting {
  readonly #onLate: () => void
  #ended = false

  constructor(onLate: () => void) {
    this.#onLate = onLate
  }

  /** False when it had ended already. */
  end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    return true
  }

  expire(): void {
    if (this.end()) this.#onLate()
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
