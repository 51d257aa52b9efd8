// The circuit of one operation of one provider, with what people and metrics ask about it.
import type { Operation } from '../../contract/sidecar-config.ts'
import type { CircuitReport } from '../telemetry/provider-report.ts'
import { CircuitBreaker, type CircuitState } from './circuit-breaker.ts'
import type { StandingConfig } from './provider-standing.ts'

export interface CircuitChange {
  operation: Operation
  from: CircuitState
  to: CircuitState
  why: string
}

export class Circuit {
  readonly breaker: CircuitBreaker
  /** Of the call that is under way, set by whoever makes it: a change of state is dated by it. */
  nowMs: number
  readonly #operation: Operation
  #opened = 0
  #why = ''
  #sinceMs: number

  constructor(operation: Operation, config: StandingConfig, nowMs: number, onChange: (change: CircuitChange) => void) {
    this.#operation = operation
    this.#sinceMs = nowMs
    this.nowMs = nowMs
    this.breaker = new CircuitBreaker(config.circuitBreaker, (from, to, why) => {
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
      opened: this.#opened,
      why: this.#why,
    }
  }
}
