// What one sidecar has used, as it tells on `GET /usage` of its admin server: what people and `outrigger usage` read.
//
// Counts are of the process and begin anew with it: history is what metrics are for. Money is a decimal string, exact to 1e-12 USD, and
// null where no cost is known: a 0 would read as free of charge. Requests count once, where their last attempt went; attempts,
// tokens and cost count where they arose.

export const USAGE_PATH = '/usage'

/** Stands in a row for every value that had no row of its own. */
export const REST = '…'

export interface UsageReport {
  /** ISO 8601: when counting began. */
  since: string
  /** Random, made when the process started: two reports with the same one tell of the same counts. As in `LimitsReport`. */
  instance: string
  /** Of the pod. `workload` and `pod` are '' where they are unknown, as outside of a cluster. */
  namespace: string
  workload: string
  pod: string
  /** By day, then in the order of first use. Bounded; what had no room is in a row of its day whose names are `REST`. */
  rows: UsageRow[]
}

export interface UsageRow extends UsageNames, UsageCounts {
  /** US dollars, at most twelve decimals, no trailing zeros. Null while no cost is known. */
  costUsd: string | null
}

/** Values of the configuration, never a client's; '' where nothing was decided. */
export interface UsageNames {
  /** `YYYY-MM-DD`, in UTC, on which the request ended. */
  day: string
  /** `namespace/name` of the LLMRoute. */
  route: string
  rule: string
  /** `namespace/name` of the LLMProvider; '' for requests that reached none. */
  provider: string
  /** '' also where the client named a model that is not configured. */
  model: string
}

export interface UsageCounts {
  /** Ended, refused ones included. */
  requests: number
  /** Of requests: refused by policy, be it a limit, a budget, a model that is not allowed. */
  refused: number
  /** Sent to a provider. */
  attempts: number
  /** Of attempts: those that did not bring what was asked for, whoever is at fault. */
  failedAttempts: number
  /** The whole prompt. */
  inputTokens: number
  /** Of inputTokens: read from the provider's prompt cache. */
  cachedInputTokens: number
  /** Of inputTokens: written to the provider's prompt cache. */
  cacheWriteTokens: number
  /** Reasoning included. */
  outputTokens: number
  /** Of outputTokens. */
  reasoningTokens: number
  /** Of inputTokens and outputTokens: those of attempts whose provider did not tell all, so that the sidecar counted what was missing. */
  estimatedTokens: number
  /** Requests whose cost here is unknown, since the price is, or the provider told no usage. They are not in `costUsd`. */
  unpriced: number
}

/** All of UsageCounts, in the order in which people read them. */
export const USAGE_COUNTS = [
  'requests',
  'refused',
  'attempts',
  'failedAttempts',
  'inputTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
  'outputTokens',
  'reasoningTokens',
  'estimatedTokens',
  'unpriced',
] as const satisfies readonly (keyof UsageCounts)[]

export const NO_USAGE: Readonly<UsageCounts> = Object.freeze({
  requests: 0,
  refused: 0,
  attempts: 0,
  failedAttempts: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  estimatedTokens: 0,
  unpriced: 0,
})
