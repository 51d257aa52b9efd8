// How one provider is doing, as this sidecar sees it: a circuit per operation, attempts in flight, time to the first byte, what its
// health check says, and how many retries it may still get.
//
// In: the beginning, the first byte and the end of each attempt, and the result of active checks. Out: whether it may be asked now,
// figures to balance by, and a report. It never sends and never chooses. It is on the path of every request: plain fields, one small
// object per attempt.
//
// A failed health check stops all operations, and only a check that passes ends that: requests that still went there (in panic, or
// begun before) may have had luck. Circuits are per operation, since embeddings may well work while chat is down.
import type { Operation, ProviderConfig } from '../../contract/sidecar-config.ts'
import type { HealthReport, ProviderReport } from '../telemetry/provider-report.ts'
import { Circuit, type CircuitChange } from './circuit.ts'
import { type CircuitState, type Permit, settledPermit, type Verdict } from './circuit-breaker.ts'
import { PeakEwma } from './latency.ts'
import { RetryBudget } from './retry-budget.ts'

/** What of the configuration it needs. */
export type StandingConfig = Pick<ProviderConfig, 'id' | 'circuitBreaker' | 'retryBudget' | 'healthCheck'>

export interface HealthChange {
  healthy: 'Healthy' | 'Unhealthy'
  why: string
}

export interface ProviderStandingEvents {
  onCircuit(change: CircuitChange): void
  /** Not for a first check that passes, which is no news. */
  onHealth(change: HealthChange): void
}

/** JSON, but for what is undefined. How the provider's keys are doing is known elsewhere. */
export type StandingReport = Omit<ProviderReport, 'credentials'>

const INDEX: Readonly<Record<Operation, number>> = {
  Chat: 0,
  Completions: 1,
  Responses: 2,
  Messages: 3,
  Embeddings: 4,
  Images: 5,
  Audio: 6,
  Rerank: 7,
  Models: 8,
  Other: 9,
}

/** One attempt under way. Opaque: goes back to the standing that gave it, and nowhere else. */
export class AttemptPermit {
  readonly circuit: Circuit
  readonly beganMs: number
  permit: Permit
  phase: 'Waiting' | 'FirstByte' | 'Ended' = 'Waiting'
  /** Its success was counted when its first byte came. */
  succeeded = false

  constructor(circuit: Circuit, permit: Permit, beganMs: number) {
    this.circuit = circuit
    this.permit = permit
    this.beganMs = beganMs
  }
}

export class ProviderStanding {
  readonly retryBudget: RetryBudget
  #config: StandingConfig
  readonly #events: ProviderStandingEvents
  /** Made with the first request for an operation: most providers see one or two. */
  readonly #circuits: (Circuit | undefined)[] = Object.keys(INDEX).map(() => undefined)
  readonly #timeToFirstByte = new PeakEwma()
  #inFlight = 0
  /** Undefined: no check is declared, or none has come to a result yet. */
  #health: (HealthChange & { atMs: number }) | undefined

  constructor(config: StandingConfig, events: ProviderStandingEvents) {
    this.#config = config
    this.#events = events
    this.retryBudget = new RetryBudget(config.retryBudget)
  }

  /** Attempts that began and have not ended. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** New limits for the same provider; how it is doing stays. Where no check is declared any more, its result says nothing. */
  configure(config: StandingConfig): void {
    this.#config = config
    this.retryBudget.configure(config.retryBudget)
    for (const circuit of this.#circuits) circuit?.breaker.configure(config.circuitBreaker)
    if (config.healthCheck === undefined) this.#health = undefined
  }

  /** Undefined: may be asked. Takes nothing. */
  blocked(operation: Operation, nowMs: number): 'CircuitOpen' | 'Unhealthy' | undefined {
    if (this.#health?.healthy === 'Unhealthy') return 'Unhealthy'
    const circuit = this.#circuits[INDEX[operation]]
    return circuit === undefined || circuit.breaker.admits(nowMs) ? undefined : 'CircuitOpen'
  }

  circuit(operation: Operation, nowMs: number): CircuitState {
    return this.#circuits[INDEX[operation]]?.breaker.state(nowMs) ?? 'Closed'
  }

  /** When the circuit lets probes go; undefined while it is not open. Monotonic milliseconds, may be past. */
  openUntilMs(operation: Operation): number | undefined {
    return this.#circuits[INDEX[operation]]?.breaker.openUntilMs
  }

  /**
   * Undefined exactly when `blocked` says why; never in panic, which goes whatever health says. `Again`: this provider saw the
   * request before, so it adds nothing to the retry budget's share; who sends it has taken it from there.
   */
  begin(
    operation: Operation,
    mode: 'Healthy' | 'Panic',
    nowMs: number,
    turn: 'First' | 'Again' = 'First',
  ): AttemptPermit | undefined {
    if (mode === 'Healthy' && this.#health?.healthy === 'Unhealthy') return undefined
    const circuit = this.#circuits[INDEX[operation]] ?? this.#createCircuit(operation, nowMs)
    circuit.nowMs = nowMs
    const permit = mode === 'Panic' ? circuit.breaker.force(nowMs) : circuit.breaker.enter(nowMs)
    if (permit === undefined) return undefined
    this.#inFlight++
    if (turn === 'First') this.retryBudget.noteRequest(nowMs)
    return new AttemptPermit(circuit, permit, nowMs)
  }

  /**
   * The first byte of an answer that is a success so far, once per attempt at most: an error that comes fast is not speed.
   * `ttfbMs` from sending. For a probe this is its success, since streams last minutes; what fails later counts like any failure.
   */
  firstByte(attempt: AttemptPermit, ttfbMs: number, nowMs: number): void {
    if (attempt.phase !== 'Waiting') return
    attempt.phase = 'FirstByte'
    this.#timeToFirstByte.observe(ttfbMs, nowMs)
    const { circuit, permit } = attempt
    if (permit.kind === 'Closed') return
    attempt.succeeded = true
    attempt.permit = settledPermit(permit)
    circuit.nowMs = nowMs
    circuit.breaker.settle(permit, 'Success', nowMs)
  }

  /** Exactly once per permit, on every path; a second time has no effect. */
  end(attempt: AttemptPermit, verdict: Verdict, nowMs: number): void {
    const { phase, circuit } = attempt
    if (phase === 'Ended') return
    attempt.phase = 'Ended'
    this.#inFlight--
    // Otherwise a provider that hangs would fade into the fastest one.
    if (phase === 'Waiting') this.#timeToFirstByte.observeAtLeast(nowMs - attempt.beganMs, nowMs)
    if (attempt.succeeded && verdict === 'Success') return
    circuit.nowMs = nowMs
    circuit.breaker.settle(attempt.permit, verdict, nowMs)
  }

  /** Peak-sensitive average over all operations; 0 while it was not measured. */
  timeToFirstByteMs(nowMs: number): number {
    return this.#timeToFirstByte.read(nowMs)
  }

  /** The result of active checks, once their threshold is reached; the same one again only says anew why. */
  setHealth(healthy: 'Healthy' | 'Unhealthy', why: string, nowMs: number): void {
    const before = this.#health
    const changed = before?.healthy !== healthy
    this.#health = { healthy, why, atMs: changed ? nowMs : before.atMs }
    if (changed && (before !== undefined || healthy === 'Unhealthy')) this.#events.onHealth({ healthy, why })
  }

  report(nowMs: number): StandingReport {
    const circuits = this.#circuits.filter((circuit) => circuit !== undefined)
    return {
      provider: this.#config.id,
      inFlight: this.#inFlight,
      timeToFirstByteMs: Math.round(this.timeToFirstByteMs(nowMs)),
      health: this.#healthReport(nowMs),
      circuits: circuits.map((circuit) => circuit.report(nowMs)),
      retriesDenied: this.retryBudget.denied,
    }
  }

  #healthReport(nowMs: number): HealthReport | undefined {
    if (this.#health === undefined) return undefined
    const { healthy: state, why, atMs } = this.#health
    return { state, forMs: Math.round(nowMs - atMs), why: state === 'Healthy' ? '' : why }
  }

  #createCircuit(operation: Operation, nowMs: number): Circuit {
    const circuit = new Circuit(operation, this.#config, nowMs, (change) => this.#events.onCircuit(change))
    this.#circuits[INDEX[operation]] = circuit
    return circuit
  }
}
