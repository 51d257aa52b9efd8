// What an attempt cost: its usage at the declared prices, in pico-USD (1e-12 USD).
//
// Every price is a whole number per token, image or second, and every count is whole, so a cost is exact while it is below 2^53
// pico-USD, which is 9,007 USD; above that a product may be off by the spacing of doubles (2 pico-USD up to 18,014 USD). Seconds are
// counted in milliseconds, and a cost is rounded to a whole pico-USD once.
//
// What is unknown stays unknown: without usage, without a price, or with nothing in the price for what was used, a cost is undefined
// and never 0. Prices that a resource leaves out (cached input, reasoning) were filled in when the document was compiled.
//
// A tier is chosen by the whole input of a call, cache reads and writes included, and its prices hold for the whole call, output
// included, as both who bill so say: "If a query input context is longer than 200K tokens, all tokens (input and output) are charged
// at long context rates" (https://cloud.google.com/vertex-ai/generative-ai/pricing), "If your request exceeds 200K input tokens, all
// tokens incur premium pricing. The 200K threshold is based solely on input tokens (including cache reads/writes)"
// (https://platform.claude.com/docs/en/about-claude/pricing). Rejected: prices by bracket, as of income tax, which nobody bills.
import type { PriceConfig, TokenPricesConfig } from '../../contract/limit-config.ts'
import type { ModelConfig } from '../../contract/sidecar-config.ts'
import type { TokenCounts, Usage, UsagePart } from '../stream/usage.ts'

/** The models of a provider, by any key. */
export type PricedModels = ReadonlyMap<string, Pick<ModelConfig, 'upstreamName' | 'price'>>

/**
 * `price` is that of the model that was asked. Where the answer says that other models took part, their prices are looked up among the
 * provider's `models`, by its own names. Undefined when usage, or a price that it needs, is unknown.
 */
export function costPicoUsd(
  usage: Usage | undefined,
  price: PriceConfig | undefined,
  models?: PricedModels,
): number | undefined {
  if (usage === undefined) return undefined
  const own = usage.model === undefined ? price : priceOf(usage.model, models)
  if (own === undefined || !isPriced(usage, own)) return undefined
  const apart = costOfParts(usage.parts ?? [], own, models)
  return apart === undefined ? undefined : apart + costOfTokens(ownCounts(usage), own) + costOfMedia(usage, own)
}

/** What was made or read without a token needs a price of its own: 0 tokens at any price are no answer. */
function isPriced(usage: Usage, price: PriceConfig): boolean {
  if (usage.inputTokens + usage.outputTokens > 0) return true
  const { images, audioMs } = usage
  if (images === undefined && audioMs === undefined) return true
  return (
    (images !== undefined && price.perImagePicoUsd !== undefined) ||
    (audioMs !== undefined && price.perSecondPicoUsd !== undefined)
  )
}

function costOfTokens(counts: TokenCounts, price: PriceConfig): number {
  const prices = tierFor(counts.inputTokens, price)
  const uncached = Math.max(0, counts.inputTokens - counts.cachedInputTokens - counts.cacheWriteTokens)
  const answer = Math.max(0, counts.outputTokens - counts.reasoningTokens)
  return (
    uncached * prices.inputPicoUsd +
    counts.cachedInputTokens * prices.cachedInputPicoUsd +
    counts.cacheWriteTokens * prices.cacheWritePicoUsd +
    answer * prices.outputPicoUsd +
    counts.reasoningTokens * prices.reasoningPicoUsd
  )
}

/** Tiers ascend, and the last that applies counts. */
function tierFor(inputTokens: number, price: PriceConfig): TokenPricesConfig {
  return price.tiers.findLast(({ aboveInputTokens }) => inputTokens > aboveInputTokens) ?? price
}

function costOfMedia({ images = 0, audioMs = 0 }: Usage, price: PriceConfig): number {
  const { perImagePicoUsd = 0, perSecondPicoUsd = 0 } = price
  const seconds = Math.floor(audioMs / 1000)
  // Whole seconds apart: milliseconds times a price would pass 2^53 a thousand times earlier.
  const rest = Math.round(((audioMs - seconds * 1000) * perSecondPicoUsd) / 1000)
  return images * perImagePicoUsd + seconds * perSecondPicoUsd + rest
}

function costOfParts(parts: readonly UsagePart[], own: PriceConfig, models?: PricedModels): number | undefined {
  let sum = 0
  for (const part of parts) {
    const price = part.model === undefined ? own : priceOf(part.model, models)
    if (price === undefined) return undefined
    sum += costOfTokens(part, price)
  }
  return sum
}

/** Rare, and there are few: no index by the provider's names is kept. */
function priceOf(upstreamName: string, models: PricedModels | undefined): PriceConfig | undefined {
  return models?.values().find((model) => model.upstreamName === upstreamName)?.price
}

/** The counts less those of the calls on the way. */
function ownCounts(usage: Usage): TokenCounts {
  if (usage.parts === undefined) return usage
  const less = (count: keyof TokenCounts) =>
    (usage.parts ?? []).reduce((left, part) => left - part[count], usage[count])
  return {
    inputTokens: less('inputTokens'),
    cachedInputTokens: less('cachedInputTokens'),
    cacheWriteTokens: less('cacheWriteTokens'),
    outputTokens: less('outputTokens'),
    reasoningTokens: less('reasoningTokens'),
  }
}
