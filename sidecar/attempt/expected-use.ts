// What one attempt is expected to use of its limits, and what it used in the end.
import { type Demand, isMeasured, NOTHING_SENT } from '../limits/demand.ts'
import {
  type Asked,
  type Estimator,
  type Expected,
  expectedUsage,
  isBilled,
  isGuess,
  isUnmetered,
} from '../limits/estimate.ts'
import type { CountedRow } from '../limits/limit-row.ts'
import { rowName } from '../limits/reached.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import { type Attempt, quote } from '../request/route.ts'
import type { Usage } from '../stream/usage.ts'
import type { AttemptRecord } from '../telemetry/attempt-record.ts'
import { costPicoUsd } from '../telemetry/cost.ts'
import { askedOf } from './asked.ts'

/** One attempt, as far as limits see it. */
export interface Use {
  rows: readonly CountedRow[]
  /** Its model is undefined for requests that name none: files and the like, and those that leave it to the provider. */
  attempt: Attempt
  /** Whose answers are alike: the rule. */
  owner: string
  request: DecodedRequest
}

/** Of a request that counts, and of which no more is known. */
export const ONE_REQUEST: Demand = Object.freeze({ inputTokens: 0, outputTokens: 0, costPicoUsd: 0 })

export class ExpectedUse {
  /** A limit that may refuse counts money, and why what this uses cannot be counted in it; undefined where it can. */
  readonly unpriced: string | undefined
  readonly #use: Use
  readonly #estimator: Pick<Estimator, 'learn'>
  /** Undefined where nothing but requests is counted. */
  readonly #measured: { asked: Asked; expected: Expected } | undefined

  constructor(use: Use, estimator: Pick<Estimator, 'expect' | 'learn'>) {
    const { rows, attempt, owner, request } = use
    const { model } = attempt
    this.#use = use
    this.#estimator = estimator
    const billed = model !== undefined || isBilled(request)
    const counting = rows.find(countsMoney)
    const why = counting && whyUnpriced(attempt, billed, request)
    this.unpriced = why && `${why}, and ${rowName(counting)} counts money.`
    if (!billed || !rows.some(({ what }) => isMeasured(what))) return
    const asked = askedOf(attempt, owner, request)
    this.#measured = { asked, expected: estimator.expect(asked) }
  }

  /** Input and output together; undefined where nothing but requests is counted. */
  get expectedTokens(): number | undefined {
    if (this.#measured === undefined) return undefined
    const { inputTokens, outputTokens } = this.#measured.expected
    return inputTokens + outputTokens
  }

  /** To be taken before it is sent. */
  expected(): Demand {
    if (this.#measured === undefined) return ONE_REQUEST
    const { expected } = this.#measured
    const demand = this.#demandOf(expectedUsage(expected))
    if (!isGuess(expected)) return demand
    return { ...demand, least: this.#demandOf(expectedUsage({ ...expected, outputTokens: 0 })) }
  }

  /** To be counted instead. What is learnt of it is for the next one. */
  actual({ usage, reason, outcome, status }: AttemptRecord): Demand {
    if (usage !== undefined) {
      if (this.#measured !== undefined) this.#estimator.learn(this.#measured.asked, this.#measured.expected, usage)
      return this.#demandOf(usage)
    }
    if (reason === 'ConnectFailure') return NOTHING_SENT
    // An answer that tells nothing of its use has used what is usual; one that failed cost nothing.
    return outcome === 'Answered' && status < 400 ? this.expected() : ONE_REQUEST
  }

  #demandOf(usage: Usage): Demand {
    const { model, provider } = this.#use.attempt
    const { inputTokens, outputTokens } = usage
    const cost = costPicoUsd(usage, model?.price, provider.models)
    return { inputTokens, outputTokens, costPicoUsd: cost ?? this.#heldCost() }
  }

  /** Counts where the answer used what has no price: another model, images. Unknown is not nothing. */
  #heldCost(): number {
    const held = this.#measured && expectedUsage(this.#measured.expected)
    return costPicoUsd(held, this.#use.attempt.model?.price) ?? 0
  }
}

function whyUnpriced({ provider, model }: Attempt, billed: boolean, request: DecodedRequest): string | undefined {
  if (model !== undefined && isUnmetered(request)) return 'Nobody tells what requests to this endpoint use'
  if (!billed || model?.price !== undefined) return undefined
  if (model === undefined) return `The request leaves the model to ${provider.id}`
  return `Model ${quote(model.name)} of ${provider.id} has no price`
}

function countsMoney({ what, mode }: CountedRow): boolean {
  return what === 'Cost' && mode === 'Enforce'
}
