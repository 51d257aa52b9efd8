// What limits and budgets leave to one request: taken before it is sent, settled when it is over.
//
// In: the rows that concern it, and what it is expected to use. Out: a go-ahead for each attempt, or why a backend is passed over;
// and, when none is left for that reason, the 429 that says which limit, and until when. Requests and open requests of rule and route
// are taken once (`admit`), all else per attempt (`reserve`), because model and price are known only then. What was taken is settled
// on every path: with the provider's usage, with nothing for an attempt that never left, with what was expected where nobody told.
// An answer that was admitted is never cut: what it uses beyond its reservation is counted, and refuses the next ones.
// Requests that no row concerns have `UNLIMITED`, which costs nothing.
import type { Backend, Limited, Model, Provider } from '../config/runtime.ts'
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
import { attemptOf, type Choice } from '../request/route.ts'
import type { AttemptRecord, SkipWord } from '../telemetry/attempt-record.ts'
import { type LimitedBy, noteGrant, type RequestRecord } from '../telemetry/request-record.ts'
import { ownerOf } from './asked.ts'
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
  /** Takes what an attempt at this backend is expected to use, or says why it may not be made. */
  reserve(backend: Backend): Reservation | LimitWord | Promise<Reservation | LimitWord>
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
  const limitation = { choice, request, record, deps }
  if (rows.length === 0) return new LimitedAllowance(undefined, limitation)
  const taken = deps.limits.take(rows, { provider: '', model: '', head: request.head }, ONE_REQUEST, deps.now())
  return taken instanceof Promise ? taken.then((result) => admitted(result, limitation)) : admitted(taken, limitation)
}

const NO_ROWS: readonly CountedRow[] = []

function isLimitedPerAttempt({ limited, candidates }: Choice): boolean {
  return (limited?.perAttempt ?? NO_ROWS).length > 0 || candidates.some(({ provider }) => provider.rows.length > 0)
}

interface Limitation {
  choice: Choice
  request: DecodedRequest
  record: RequestRecord
  deps: AllowanceDeps
}

function admitted(result: Grant | Reached, limitation: Limitation): Allowance {
  const { record, deps } = limitation
  if (result instanceof Grant) {
    noteGrant(record, result)
    return new LimitedAllowance(result, limitation)
  }
  record.limited = limitedBy(result)
  throw reachedRefusal(result, deps.wallClock())
}

class LimitedAllowance implements Allowance {
  readonly #whole: Grant | undefined
  readonly #limitation: Limitation
  /** Of all that stood in the way, what passes first. */
  #nearest: { refusal: Refusal; by: LimitedBy | undefined } | undefined

  constructor(whole: Grant | undefined, limitation: Limitation) {
    this.#whole = whole
    this.#limitation = limitation
  }

  reserve(backend: Backend): Reservation | LimitWord | Promise<Reservation | LimitWord> {
    const { choice, request, deps } = this.#limitation
    const { provider } = backend
    const rows = rowsAt(choice.limited, provider)
    if (rows.length === 0) return UNRESERVED
    const attempt = attemptOf(backend, choice.model)
    const owner = ownerOf(choice, provider)
    const use = new ExpectedUse({ rows, attempt, owner, request }, deps.estimator)
    if (use.unpriced !== undefined && choice.limited?.unknownPrice !== 'AllowUnpriced') {
      this.#note(new Refusal('price_unknown', use.unpriced), undefined)
      return 'PriceUnknown'
    }
    const values = { provider: provider.id, model: configuredName(attempt.model), head: request.head }
    if (this.#mustFallBack(rows, values, backend)) return 'BudgetFallback'
    const taken = deps.limits.take(rows, values, use.expected(), deps.now())
    return taken instanceof Promise ? taken.then((result) => this.#reserved(result, use)) : this.#reserved(taken, use)
  }

  refusal(): Refusal | undefined {
    if (this.#nearest === undefined) return undefined
    this.#limitation.record.limited = this.#nearest.by
    return this.#nearest.refusal
  }

  release(): void {
    const { record, deps } = this.#limitation
    // Made, whatever became of its attempts; one that no provider was asked for takes nothing from those that come.
    this.#whole?.settle(record.attempts > 0 ? ONE_REQUEST : NOTHING_SENT, deps.now())
  }

  #reserved(result: Grant | Reached, use: ExpectedUse): Reservation | LimitWord {
    const { record, deps } = this.#limitation
    if (!(result instanceof Grant)) {
      this.#note(reachedRefusal(result, deps.wallClock()), limitedBy(result))
      return result.row.kind === 'Budget' ? 'BudgetExhausted' : 'LimitReached'
    }
    noteGrant(record, result)
    record.reservedTokens = use.expectedTokens
    return {
      settle: (attempt) => result.settle(attempt === 'Unsent' ? NOTHING_SENT : use.actual(attempt), deps.now()),
    }
  }

  #note(refusal: Refusal, by: LimitedBy | undefined): void {
    const waitMs = ({ retryAfterMs = Number.POSITIVE_INFINITY }: Refusal) => retryAfterMs
    if (this.#nearest === undefined || waitMs(refusal) < waitMs(this.#nearest.refusal)) this.#nearest = { refusal, by }
  }

  /** With its budget used up, only the cheapest backends stay. */
  #mustFallBack(rows: readonly CountedRow[], values: KeyValues, backend: Backend): boolean {
    const { choice, deps } = this.#limitation
    const exhausted = rows.some((row) => isFallback(row) && deps.limits.exhausted(row, values, deps.now()))
    return exhausted && choice.candidates.some((other) => isDearer(backend, other, choice.model))
  }
}

function isFallback({ onExhausted, mode }: CountedRow): boolean {
  return onExhausted === 'Fallback' && mode === 'Enforce'
}

function rowsAt(limited: Limited | undefined, { rows }: Provider): readonly CountedRow[] {
  const own = limited?.perAttempt ?? NO_ROWS
  if (rows.length === 0) return own
  return own.length === 0 ? rows : [...own, ...rows]
}

function configuredName(model: Model | undefined): string {
  return model?.source === 'Config' ? model.name : ''
}

function limitedBy({ row, key }: Reached): LimitedBy {
  return { limit: row.id, key, allows: allowedText(row) }
}
