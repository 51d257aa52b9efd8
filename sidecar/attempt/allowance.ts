// What limits and budgets leave to one request: taken before it is sent, settled when it is over.
//
// In: the rows that concern it, and what it is expected to use. Out: a go-ahead for each attempt, or why a backend is passed over;
// and, when none is left for that reason, the 429 that says which limit, and until when. Requests and open requests of rule and route
// are taken once (`admit`), all else per attempt (`reserve`), because model and price are known only then. What was taken is settled
// on every path: with the provider's usage, with nothing for an attempt that never left, with what was expected where nobody told.
// An answer that was admitted is never cut: what it uses beyond its reservation is counted, and refuses the next ones.
// Requests that no row concerns have `UNLIMITED`, which costs nothing.
import type { Model } from '../config/runtime.ts'
import { Refusal } from '../errors.ts'
import { NOTHING_SENT } from '../limits/demand.ts'
import type { Estimator } from '../limits/estimate.ts'
import { Grant, type Reached } from '../limits/grant.ts'
import type { CountedRow } from '../limits/limit-row.ts'
import type { Limits } from '../limits/limits.ts'
import { allowedText, reachedRefusal } from '../limits/reached.ts'
import type { KeyValues } from '../limits/row-key.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import { isDearer } from '../request/plan.ts'
import type { Attempt, Choice } from '../request/route.ts'
import type { AttemptRecord, SkipWord } from '../telemetry/attempt-record.ts'
import { type LimitedBy, noteGrant, type RequestRecord } from '../telemetry/request-record.ts'
import { ExpectedUse, ONE_REQUEST } from './expected-use.ts'

export interface AllowanceDeps {
  limits: Pick<Limits, 'take' | 'exhausted'>
  estimator: Pick<Estimator, 'expect' | 'learn'>
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since the epoch. */
  wallClock(): number
}

/** Why a backend is passed over for a limit's sake. */
export type LimitWord = Extract<SkipWord, 'LimitReached' | 'BudgetExhausted' | 'BudgetFallback' | 'PriceUnknown'>

export interface Allowance {
  /** Takes what an attempt is expected to use, or says why it may not be made. */
  reserve(attempt: Attempt): Reservation | LimitWord | Promise<Reservation | LimitWord>
  /** What the client is told when no attempt was made; undefined where no limit stood in the way. */
  refusal(): Refusal | undefined
  /** Gives back what was taken for the whole request. */
  release(): void
}

export interface Reservation {
  /** To be called once. `Unsent`: no attempt was made after all. */
  settle(attempt: AttemptRecord | 'Unsent'): void
}

const UNRESERVED: Reservation = { settle() {} }

export const UNLIMITED: Allowance = {
  reserve: () => UNRESERVED,
  refusal: () => undefined,
  release() {},
}

/** Takes what the whole request counts as. Throws Refusal. */
export function admit(
  choice: Choice,
  request: DecodedRequest,
  record: RequestRecord,
  deps: AllowanceDeps,
): Allowance | Promise<Allowance> {
  const rows = choice.limited?.perRequest ?? NO_ROWS
  if (rows.length === 0 && !isLimitedPerAttempt(choice)) return UNLIMITED
  const allowance = new LimitedAllowance(choice, request, record, deps)
  if (rows.length === 0) return allowance
  const taken = deps.limits.take(rows, { provider: '', model: '', head: request.head }, ONE_REQUEST, deps.now())
  // Apart, as below: a closure would cost those who wait for nothing, too.
  return taken instanceof Promise ? admittedLater(taken, allowance) : allowance.admitted(taken)
}

const NO_ROWS: readonly CountedRow[] = []

function isLimitedPerAttempt({ candidates }: Choice): boolean {
  return candidates.some(({ limits }) => limits.rows.length > 0)
}

async function admittedLater(taken: Promise<Grant | Reached>, allowance: LimitedAllowance): Promise<Allowance> {
  return allowance.admitted(await taken)
}

class LimitedAllowance implements Allowance {
  readonly #choice: Choice
  readonly #request: DecodedRequest
  readonly #record: RequestRecord
  readonly #deps: AllowanceDeps
  /** Taken for the whole request. */
  #whole: Grant | undefined
  /** Of all that stood in the way, what passes first. */
  #nearest: { refusal: Refusal; by: LimitedBy | undefined } | undefined

  constructor(choice: Choice, request: DecodedRequest, record: RequestRecord, deps: AllowanceDeps) {
    this.#choice = choice
    this.#request = request
    this.#record = record
    this.#deps = deps
  }

  /** Throws Refusal. */
  admitted(result: Grant | Reached): this {
    if (!(result instanceof Grant)) {
      this.#record.limited = limitedBy(result)
      throw reachedRefusal(result, this.#deps.wallClock())
    }
    noteGrant(this.#record, result)
    this.#whole = result
    return this
  }

  reserve(attempt: Attempt): Reservation | LimitWord | Promise<Reservation | LimitWord> {
    const request = this.#request
    const deps = this.#deps
    const { rows, fallback } = attempt.backend.limits
    if (rows.length === 0) return UNRESERVED
    const use = new ExpectedUse(attempt, request, deps.estimator)
    if (use.unpriced !== undefined && this.#choice.limited?.unknownPrice !== 'AllowUnpriced') {
      this.#note(new Refusal('price_unknown', use.unpriced), undefined)
      return 'PriceUnknown'
    }
    const values = { provider: attempt.provider.id, model: configuredName(attempt.model), head: request.head }
    const nowMs = deps.now()
    if (fallback.length > 0 && this.#mustFallBack(attempt, values, nowMs)) return 'BudgetFallback'
    const taken = deps.limits.take(rows, values, use.expected(), nowMs)
    return taken instanceof Promise ? this.#reservedLater(taken, use) : this.#reserved(taken, use)
  }

  refusal(): Refusal | undefined {
    if (this.#nearest === undefined) return undefined
    this.#record.limited = this.#nearest.by
    return this.#nearest.refusal
  }

  release(): void {
    // Made, whatever became of its attempts; one that no provider was asked for takes nothing from those that come.
    this.#whole?.settle(this.#record.attempts > 0 ? ONE_REQUEST : NOTHING_SENT, this.#deps.now())
  }

  async #reservedLater(taken: Promise<Grant | Reached>, use: ExpectedUse): Promise<Reservation | LimitWord> {
    return this.#reserved(await taken, use)
  }

  #reserved(result: Grant | Reached, use: ExpectedUse): Reservation | LimitWord {
    if (!(result instanceof Grant)) {
      this.#note(reachedRefusal(result, this.#deps.wallClock()), limitedBy(result))
      return result.row.kind === 'Budget' ? 'BudgetExhausted' : 'LimitReached'
    }
    noteGrant(this.#record, result)
    this.#record.reservedTokens = use.expectedTokens
    return new Held(result, use, this.#deps)
  }

  #note(refusal: Refusal, by: LimitedBy | undefined): void {
    const waitMs = ({ retryAfterMs = Number.POSITIVE_INFINITY }: Refusal) => retryAfterMs
    if (this.#nearest === undefined || waitMs(refusal) < waitMs(this.#nearest.refusal)) this.#nearest = { refusal, by }
  }

  /** With its budget used up, only the cheapest backends stay. */
  #mustFallBack({ backend }: Attempt, values: KeyValues, nowMs: number): boolean {
    const { candidates, model } = this.#choice
    const exhausted = backend.limits.fallback.some((row) => this.#deps.limits.exhausted(row, values, nowMs))
    return exhausted && candidates.some((other) => isDearer(backend, other, model))
  }
}

/** Taken for an attempt, until it has ended. */
class Held implements Reservation {
  readonly #grant: Grant
  readonly #use: ExpectedUse
  readonly #deps: AllowanceDeps

  constructor(grant: Grant, use: ExpectedUse, deps: AllowanceDeps) {
    this.#grant = grant
    this.#use = use
    this.#deps = deps
  }

  settle(attempt: AttemptRecord | 'Unsent'): void {
    this.#grant.settle(attempt === 'Unsent' ? NOTHING_SENT : this.#use.actual(attempt), this.#deps.now())
  }
}

function configuredName(model: Model | undefined): string {
  return model?.source === 'Config' ? model.name : ''
}

function limitedBy({ row, key }: Reached): LimitedBy {
  return { limit: row.id, key, allows: allowedText(row) }
}
