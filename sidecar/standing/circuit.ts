// One operation of one provider: its circuit, how fast it answers, and what people and metrics ask about both.
import type { Operation } from '../../contract/sidecar-config.ts'
import type { CircuitReport } from '../telemetry/provider-report.ts'
import { CircuitBreaker, type CircuitState } from './circuit-breaker.ts'
import { PeakEwma } from './latency.ts'
import type { StandingConfig } from './provider-standing.ts'

export interface CircuitChange {
  operation: Operation
  from: CircuitState
  to: CircuitState
  why: string
}

export interface CircuitOptions {
  operation: Operation
  config: StandingConfig
  /** In [0, 1). */
  random(): number
  onChange(change: CircuitChange): void
}

export class Circuit {
  readonly breaker: CircuitBreaker
  readonly timeToFirstByte = new PeakEwma()
  /** Of the call that is under way, set by whoever makes it: a change of state is dated by it. */
  nowMs: number
  readonly #operation: Operation
  #opened = 0
  #why = ''
  #sinceMs: number

  constructor({ operation, config, random, onChange }: CircuitOptions, nowMs: number) {
    this.#operation = operation
    this.#sinceMs = nowMs
    this.nowMs = nowMs
    this.breaker = new CircuitBreaker(config.circuitBreaker, random, (from, to, why) => {
      if (to === 'Open') this.#opened++
      this.#why = to === 'Closed' ? '' : why
      this.#sinceMs = this.nowMs
      onChange({ operation, from, to, why })
    })
  }

  report(nowMs: number): CircuitReport {
    const { openUntilMs } = this.breaker
    const state = this.breaker.state(nowMs)
    // It is half-open from that moment on, though no request has noticed.
    const sinceMs = state === 'HalfOpen' && openUntilMs !== undefined ? openUntilMs : this.#sinceMs
    return {
      operation: this.#operation,
      state,
      forMs: Math.round(nowMs - sinceMs),
      leftMs: state === 'Open' && openUntilMs !== undefined ? Math.ceil(openUntilMs - nowMs) : undefined,
      timeToFirstByteMs: Math.round(this.timeToFirstByte.read(nowMs)),
      opened: this.#opened,
      why: this.#why,
    }
  }
}
