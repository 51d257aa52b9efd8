// What `parse.ts` accepts as limits, budgets and prices; mirrors `limit-config.ts` field by field. What depends on other fields is
// in `limit-consistency.ts`.

import type {
  BudgetConfig,
  LimitConfig,
  LimitKeyConfig,
  PeriodConfig,
  PriceConfig,
  PriceTierConfig,
  TokenPricesConfig,
  UnknownPrice,
} from './limit-config.ts'
import { type Check, integer, listOf, objectOf, oneOf, optional, text, variantOf } from './shape.ts'
import { isTimeZone } from './time-zone.ts'

const SECOND_MS = 1000
const DAY_MS = 24 * 3600 * SECOND_MS

export const WINDOW_MIN_MS = 10 * SECOND_MS
export const WINDOW_MAX_MS = 30 * DAY_MS

/** A thousand million USD. Above 2^53, where integers are as exact as a double holds them. */
const AMOUNT_MAX = 1e21

const KEYS_MAX = 10_000

const windowMs = integer(WINDOW_MIN_MS, WINDOW_MAX_MS)
const amount = integer(1, AMOUNT_MAX)
const nonEmpty = text('a non-empty string', (value) => value !== '')

const plainKey = objectOf<Exclude<LimitKeyConfig, { type: 'Header' }>>({
  type: oneOf('Pod', 'Workload', 'Namespace', 'Provider', 'Model'),
})

const isLimitKey = variantOf<LimitKeyConfig>({
  Pod: plainKey,
  Workload: plainKey,
  Namespace: plainKey,
  Provider: plainKey,
  Model: plainKey,
  Header: objectOf<Extract<LimitKeyConfig, { type: 'Header' }>>({
    type: oneOf('Header'),
    name: text('a lower-case header name', (value) => /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(value)),
  }),
})

/** What limits and budgets have alike. */
const counted = {
  id: nonEmpty,
  name: nonEmpty,
  scope: oneOf('Pod', 'Workload', 'Namespace', 'Cluster'),
  per: listOf(isLimitKey),
  keysMax: integer(1, KEYS_MAX),
  mode: oneOf('Enforce', 'Shadow'),
}

export const isLimit = objectOf<LimitConfig>({
  ...counted,
  what: oneOf('Requests', 'Tokens', 'InputTokens', 'OutputTokens', 'Cost', 'Concurrency'),
  limit: amount,
  windowMs: optional(windowMs),
  burst: optional(amount),
})

const isPeriod = variantOf<PeriodConfig>({
  Calendar: objectOf<Extract<PeriodConfig, { type: 'Calendar' }>>({
    type: oneOf('Calendar'),
    unit: oneOf('Hour', 'Day', 'Week', 'Month'),
    timeZone: text('a time zone that is known here, such as Europe/Berlin', isTimeZone),
  }),
  Rolling: objectOf<Extract<PeriodConfig, { type: 'Rolling' }>>({ type: oneOf('Rolling'), windowMs }),
})

export const isBudget = objectOf<BudgetConfig>({
  ...counted,
  amountPicoUsd: amount,
  period: isPeriod,
  warnAtPercent: listOf(integer(1, 99)),
  onExhausted: oneOf('Reject', 'Fallback'),
})

export const isUnknownPrice: Check<UnknownPrice> = oneOf('Reject', 'AllowUnpriced')

const tokenPrices = {
  inputPicoUsd: integer(0),
  cachedInputPicoUsd: integer(0),
  cacheWritePicoUsd: integer(0),
  outputPicoUsd: integer(0),
  reasoningPicoUsd: integer(0),
} satisfies Record<keyof TokenPricesConfig, Check<number>>

export const isPrice = objectOf<PriceConfig>({
  ...tokenPrices,
  tiers: listOf(objectOf<PriceTierConfig>({ aboveInputTokens: integer(1), ...tokenPrices })),
  perImagePicoUsd: optional(integer(0)),
  perSecondPicoUsd: optional(integer(0)),
})
