// What one attempt is expected to use of its limits, and what it used in the end.
import { type Demand, NOTHING_SENT } from '../limits/demand.ts'
import { type Estimator, type Expected, expectedUsage, isBilled, isGuess, isUnmetered } from '../limits/estimate.ts'
import { rowName } from '../limits/reached.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import { type Attempt, quote } from '../request/route.ts'
import type { Usage } from '../stream/usage.ts'
import type { AttemptRecord } from '../telemetry/attempt-record.ts'
import { costPicoUsd } from '../telemetry/cost.ts'
import { askedOf } from './asked.ts'

/** Of a request that counts, and of which no more is known. */
export const ONE_REQUEST: Demand = Object.freeze({ inputTokens: 0, outputTokens: 0, costPicoUsd: 0 })

export class ExpectedUse {
  /** A limit that may refuse counts money, and why what this uses cannot be counted in it; undefined where it can. */
  readonly unpriced: string | undefined
  readonly #attempt: Attempt
  readonly #estimator: Pick<Estimator, 'learn'>
  /** Undefined where nothing but requests is counted. */
  readonly #expected: Expected | undefined

  /** The attempt's model is undefined for requests that name none: files and the like, and those that leave it to the provider. */
  constructor(attempt: Attempt, request: DecodedRequest, estimator: Pick<Estimator, 'expect' | 'learn'>) {
    const { needsPrice, measured } = attempt.backend.limits
    this.#attempt = attempt
    this.#estimator = estimator
    const billed = attempt.model !== undefined || isBilled(request)
    const why = needsPrice && whyUnpriced(attempt, billed, request)
    this.unpriced = why && `${why}, and ${rowName(needsPrice)} counts money.`
    this.#expected = billed && measured ? estimator.expect(askedOf(attempt, request)) : undefined
  }

  /** Input and output together; undefined where nothing but requests is counted. */
  get expectedTokens(): number | undefined {
    return this.#expected && this.#expected.inputTokens + this.#expected.outputTokens
  }

  /** To be taken before it is sent. */
  expected(): Demand {
    const expected = this.#expected
    if (expected === undefined) return ONE_REQUEST
    const demand = this.#heldFor(expected)
    return isGuess(expected) ? { ...demand, least: this.#heldFor({ ...expected, outputTokens: 0 }) } : demand
  }

  /** To be counted instead. What is learnt of it is for the next one. */
  actual({ usage, reason, outcome, status }: AttemptRecord): Demand {
    if (usage !== undefined) {
      if (this.#expected !== undefined) this.#estimator.learn(this.#expected, usage)
      return { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens, costPicoUsd: this.#costOf(usage) }
    }
    if (reason === 'ConnectFailure') return NOTHING_SENT
    // An answer that tells nothing of its use has used what is usual; one that failed cost nothing.
    return outcome === 'Answered' && status < 400 ? this.expected() : ONE_REQUEST
  }

  #heldFor(expected: Expected): Demand {
    const { inputTokens, outputTokens } = expected
    return { inputTokens, outputTokens, costPicoUsd: this.#heldCost(expected) }
  }

  #heldCost(expected: Expected): number {
    const { backend, model } = this.#attempt
    return backend.limits.priced ? (costPicoUsd(expectedUsage(expected), model?.price) ?? 0) : 0
  }

  /** Counts what was held where the answer used what has no price: another model, images. Unknown is not nothing. */
  #costOf(usage: Usage): number {
    const { backend, model, provider } = this.#attempt
    if (!backend.limits.priced) return 0
    const cost = costPicoUsd(usage, model?.price, provider.models)
    if (cost !== undefined) return cost
    return this.#expected === undefined ? 0 : this.#heldCost(this.#expected)
  }
}

function whyUnpriced({ provider, model }: Attempt, billed: boolean, request: DecodedRequest): string | undefined {
  if (model !== undefined && isUnmetered(request)) return 'Nobody tells what requests to this endpoint use'
  if (!billed || model?.price !== undefined) return undefined
  if (model === undefined) return `The request leaves the model to ${provider.id}`
  return `Model ${quote(model.name)} of ${provider.id} has no price`
}
