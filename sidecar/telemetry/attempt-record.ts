// What one attempt at a provider left behind: begun when the backend is chosen, filled in while its answer comes, finished
// exactly once; or a backend that was passed over, and why. It belongs to its request's record, in order.
//
// Usage and cost belong to the attempt, not to the request: a stream that failed before its first content may have been
// billed, at another provider's price than the one that answered in the end.
import type { PriceConfig } from '../../contract/limit-config.ts'
import type { RetryReason } from '../../contract/sidecar-config.ts'
import type { Model } from '../config/runtime.ts'
import type { FailureCode } from '../errors.ts'
import type { Obstacle } from '../request/plan.ts'
import type { CircuitState } from '../standing/circuit-breaker.ts'
import type { Usage } from '../stream/usage.ts'
import type { PricedModels } from './cost.ts'

/** `Answered`: the provider's own answer, whatever its status; with a `reason` it was an error that counts against the provider. */
export type AttemptOutcome = 'Answered' | 'Skipped' | FailureCode

/** Why a backend was passed over, as a word that programs may compare. */
export type SkipWord =
  | Obstacle['kind']
  | 'RetryBudgetSpent'
  | 'RetryAfterTooLong'
  | 'NoTimeLeft'
  | 'LimitReached'
  | 'BudgetExhausted'
  | 'BudgetFallback'
  | 'PriceUnknown'

export interface AttemptRecord {
  /** Provider id. */
  provider: string
  /** Configured model name; '' where the client named it, so that it is no metric label. */
  model: string
  /** Name of the credential, never its value; '' for none. */
  credential: string
  /** Undefined while it is under way. */
  outcome: AttemptOutcome | undefined
  /** Of the provider's answer; 0 when no head of one came. */
  status: number
  /** Why it failed, where that is something another attempt may mend. */
  reason: RetryReason | undefined
  /** The provider's own word for its error, or the system's (`ECONNREFUSED`); a SkipWord for a backend that was passed over. */
  word: string | undefined
  /** Back-off before it was sent. */
  waitedMs: number
  /** Monotonic milliseconds. */
  startedAt: number
  /** From startedAt to its end. */
  durationMs: number
  /** From startedAt; undefined when no byte of a body came. */
  firstByteMs: number | undefined
  /** The provider's, for this operation, when the backend was chosen. */
  circuit: CircuitState
  /** Why this backend was chosen, or passed over: for people. */
  why: string
  usage: Usage | undefined
  /** Of its model; undefined when it is unknown. */
  price: PriceConfig | undefined
  /** Of its provider: an answer may say that another model took part. */
  models?: PricedModels
  /** Worked out when the request ends; undefined when usage or price is unknown. Integer, 1e-12 USD. */
  costPicoUsd: number | undefined
}

/** The backend of an attempt, how its provider was doing, and why it was chosen or passed over. */
export interface ChosenBackend {
  provider: { readonly id: string; readonly models?: PricedModels }
  model: Model | undefined
  circuit: CircuitState
  why: string
}

export interface Sending {
  /** Name of the credential; '' for none. */
  credential: string
  /** Back-off that came before. */
  waitedMs: number
}

/** An attempt about to be sent. `nowMs` on the monotonic clock. */
export function createAttempt(backend: ChosenBackend, { credential, waitedMs }: Sending, nowMs: number): AttemptRecord {
  return attempt(backend, { outcome: undefined, word: undefined, credential, waitedMs, startedAt: nowMs })
}

/** A backend that was passed over; it is finished. `nowMs` on the monotonic clock. */
export function createSkipped(backend: ChosenBackend, word: SkipWord, nowMs: number): AttemptRecord {
  return attempt(backend, { outcome: 'Skipped', word, credential: '', waitedMs: 0, startedAt: nowMs })
}

function attempt(
  { provider, model, circuit, why }: ChosenBackend,
  start: Pick<AttemptRecord, 'outcome' | 'word' | 'credential' | 'waitedMs' | 'startedAt'>,
): AttemptRecord {
  return {
    provider: provider.id,
    model: model?.source === 'Config' ? model.name : '',
    credential: start.credential,
    outcome: start.outcome,
    status: 0,
    reason: undefined,
    word: start.word,
    waitedMs: start.waitedMs,
    startedAt: start.startedAt,
    durationMs: 0,
    firstByteMs: undefined,
    circuit,
    why,
    usage: undefined,
    price: model?.price,
    ...(provider.models !== undefined && { models: provider.models }),
    costPicoUsd: undefined,
  }
}

/** The first call counts: a client that leaves may meet an attempt that has just ended. `nowMs` on the monotonic clock. */
export function finishAttempt(record: AttemptRecord, outcome: 'Answered' | FailureCode, nowMs: number): void {
  if (record.outcome !== undefined) return
  record.outcome = outcome
  record.durationMs = nowMs - record.startedAt
}

/** Whether it took from the provider what it was asked for: everything else is worth telling. */
export function wentWell({ outcome, reason, status }: AttemptRecord): boolean {
  return outcome === 'Answered' && reason === undefined && status < 400
}
