// The part of the document that says how much may be used: limits, budgets and prices, resolved, in integers.
//
// Amounts are integers in the unit of what is limited: requests, tokens, open requests, and for money pico-USD (1e-12 USD), which
// adds up exactly below 2^53 (9,007 USD) and to a pico-USD per addition above.

/** What is counted. `Tokens` are input and output together, `Cost` is in pico-USD, `Concurrency` counts open requests. */
export type LimitedQuantity = 'Requests' | 'Tokens' | 'InputTokens' | 'OutputTokens' | 'Cost' | 'Concurrency'

/** What a limit keeps a count of its own for, each value of it. */
export type LimitKeyConfig =
  | { type: 'Pod' | 'Workload' | 'Namespace' | 'Provider' | 'Model' }
  /** `name` in lower case. A request without the header has the value ''. */
  | { type: 'Header'; name: string }

/**
 * Whose requests meet in one count: those of one pod, of the pods of one workload (a Deployment, a StatefulSet, …), of one
 * namespace's pods, or of all pods that may use the provider. Follows from owner and `per`; resolved so that nobody works it out twice.
 */
export type LimitScope = 'Pod' | 'Workload' | 'Namespace' | 'Cluster'

/** `Shadow`: counted, logged and measured, never refused. */
export type LimitMode = 'Enforce' | 'Shadow'

interface CountConfig {
  /**
   * Unique in the document, and stable over its versions: `route:shop/chat/fast/rpm` for a limit of a rule, `route:shop/chat//rpm` for
   * one of the whole route, `provider:ai/openai/rpm` for a provider's own. Budgets' are made alike, so a limit and a budget of the same
   * owner have different names.
   */
  id: string
  name: string
  scope: LimitScope
  /** Sorted by type, then name; each once. */
  per: LimitKeyConfig[]
  /** Counts that a pod keeps for different values of `per` (models, headers), 1–10000; values beyond it share one more. */
  keysMax: number
  mode: LimitMode
}

export interface LimitConfig extends CountConfig {
  what: LimitedQuantity
  /** At least 1. */
  limit: number
  /** Any span of this length holds at most `limit`: 10 s to 30 days. Absent exactly for `Concurrency`. */
  windowMs?: number
  /**
   * What may be used in one moment, refilled evenly with `limit` per window; at most `limit`. Absent: all of it, as far as the
   * window allows.
   */
  burst?: number
}

export interface BudgetConfig extends CountConfig {
  /** At least 1. */
  amountPicoUsd: number
  period: PeriodConfig
  /** 1–99, ascending: what is told when so much is used. */
  warnAtPercent: number[]
  /**
   * When it is used up: `Reject` answers 429; `Fallback` goes on with the backends of the lowest declared price only, and counts
   * on.
   */
  onExhausted: 'Reject' | 'Fallback'
}

export type PeriodConfig =
  /** Begins with the hour, the day, Monday, the first of the month in `timeZone` (IANA name, e.g. `UTC`, `Europe/Berlin`). */
  | { type: 'Calendar'; unit: 'Hour' | 'Day' | 'Week' | 'Month'; timeZone: string }
  | { type: 'Rolling'; windowMs: number }

/** What to do with a request whose price is unknown while a Cost limit or a budget would have to count it. */
export type UnknownPrice = 'Reject' | 'AllowUnpriced'

/** Integers, pico-USD (1e-12 USD) per token, so that costs add up exactly: "0.25" USD per million is 250000. */
export interface PriceConfig extends TokenPricesConfig {
  /** Prices for requests whose whole input is larger than so many tokens; ascending, the last that applies counts. */
  tiers: PriceTierConfig[]
  /** For each image made. Absent: images are not charged apart from tokens. */
  perImagePicoUsd?: number
  /** For each second of audio that was read or made. Absent: seconds are not charged. */
  perSecondPicoUsd?: number
}

export interface TokenPricesConfig {
  inputPicoUsd: number
  /** Read from the provider's prompt cache. Absent in the resource: the input price. */
  cachedInputPicoUsd: number
  /** Written to the provider's prompt cache. Absent in the resource: the input price. */
  cacheWritePicoUsd: number
  outputPicoUsd: number
  /** For output that is reasoning. Absent in the resource: the output price. */
  reasoningPicoUsd: number
}

export interface PriceTierConfig extends TokenPricesConfig {
  aboveInputTokens: number
}
