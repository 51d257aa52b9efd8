// How one provider is doing, as this sidecar sees it: a circuit and the time to the first byte per operation, attempts in flight, what
// its health check says, and how many retries it may still get.
//
// In: the beginning, the first byte and the end of each attempt, and the result of active checks. Out: whether it may be asked now,
// figures to balance by, and a report. It never sends and never chooses. It is on the path of every request: plain fields, one small
// object per attempt.
//
// A failed health check stops all operations, and only a check that passes ends that: requests that still went there (in panic, or
// begun before) may have had luck. Circuits are per operation, since embeddings may well work while chat is down; so are times, since
// embeddings come within the time that chat takes to think.
import type { Operation, ProviderConfig } from '../../contract/sidecar-config.ts'
import type { HealthReport, ProviderReport } from '../telemetry/provider-report.ts'
import { Circuit, type CircuitChange } from './circuit.ts'
import { type CircuitState, type Permit, settledPermit, type Verdict } from './circuit-breaker.ts'
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
  readonly #random: () => number
  /** Made with the first request for an operation: most providers see one or two. */
  readonly #circuits: (Circuit | undefined)[] = Object.keys(INDEX).map(() => undefined)
  #inFlight = 0
  /** Undefined: no check is declared, or none has come to a result yet. */
  #health: (HealthChange & { atMs: number }) | undefined

  /** `random` returns [0, 1). */
  constructor(config: StandingConfig, random: () => number, events: ProviderStandingEvents) {
    this.#config = config
    this.#random = random
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
    if (config.healthCheck === undefined) this.forgetHealth()
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
    const { circuit, permit } = attempt
    circuit.timeToFirstByte.observe(ttfbMs, nowMs)
    if (permit.kind === 'Closed') return
    attempt.succeeded = true
    attempt.permit = settledPermit(permit)
    circuit.nowMs = nowMs
    circuit.breaker.settle(permit, 'Success', nowMs)
  }

  /**
   * The wait for the first byte was given up: it would have taken at least so long. Otherwise a provider that hangs would fade into
   * the fastest one. Before `end`, and not for what failed by itself: a connection that is refused at once tells no time.
   */
  gaveUp({ phase, circuit, beganMs }: AttemptPermit, nowMs: number): void {
    if (phase === 'Waiting') circuit.timeToFirstByte.observeAtLeast(nowMs - beganMs, nowMs)
  }

  /** Exactly once per permit, on every path; a second time has no effect. */
  end(attempt: AttemptPermit, verdict: Verdict, nowMs: number): void {
    const { circuit } = attempt
    if (attempt.phase === 'Ended') return
    attempt.phase = 'Ended'
    this.#inFlight--
    if (attempt.succeeded && verdict === 'Success') return
    circuit.nowMs = nowMs
    circuit.breaker.settle(attempt.permit, verdict, nowMs)
  }

  /** Peak-sensitive average; 0 while it was not measured. */
  timeToFirstByteMs(operation: Operation, nowMs: number): number {
    return this.#circuits[INDEX[operation]]?.timeToFirstByte.read(nowMs) ?? 0
  }

  /** The result of active checks, once their threshold is reached; the same one again only says anew why. */
  setHealth(healthy: 'Healthy' | 'Unhealthy', why: string, nowMs: number): void {
    const before = this.#health
    const changed = before?.healthy !== healthy
    this.#health = { healthy, why, atMs: changed ? nowMs : before.atMs }
    if (changed && (before !== undefined || healthy === 'Unhealthy')) this.#events.onHealth({ healthy, why })
  }

  /** No more checks are made: what the last one saw will not be true for long. */
  forgetHealth(): void {
    this.#health = undefined
  }

  report(nowMs: number): StandingReport {
    const circuits = this.#circuits.filter((circuit) => circuit !== undefined)
    return {
      provider: this.#config.id,
      inFlight: this.#inFlight,
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
    const onChange = (change: CircuitChange): void => this.#events.onCircuit(change)
    const circuit = new Circuit({ operation, config: this.#config, random: this.#random, onChange }, nowMs)
    this.#circuits[INDEX[operation]] = circuit
    return circuit
  }
}
