import type { PriceConfig, TokenPricesConfig } from '../../contract/limit-config.ts'
import type { LLMProviderModelPrice, LLMProviderModelPriceTier } from '../api/llm-provider.ts'
import type { Flaw } from '../api/problem.ts'
import { picoUsdEach, picoUsdPerToken } from './money.ts'

/** `field` is the path of `price`. What cannot be read is added to `flaws`, which keeps the result from being used. */
export function compilePrice(price: LLMProviderModelPrice, field: string, flaws: Flaw[]): PriceConfig {
  const { tiers = [], perImage, perSecond } = price
  return {
    ...compileTokenPrices(price, field, flaws),
    tiers: tiers
      .map(({ aboveInputTokens, ...prices }, index) => ({
        aboveInputTokens,
        ...compileTokenPrices(prices, `${field}.tiers[${index}]`, flaws),
      }))
      .sort((a, b) => a.aboveInputTokens - b.aboveInputTokens),
    ...(perImage !== undefined && { perImagePicoUsd: compileEach(perImage, `${field}.perImage`, flaws) }),
    ...(perSecond !== undefined && { perSecondPicoUsd: compileEach(perSecond, `${field}.perSecond`, flaws) }),
  }
}

function compileTokenPrices(
  prices: Omit<LLMProviderModelPriceTier, 'aboveInputTokens'>,
  field: string,
  flaws: Flaw[],
): TokenPricesConfig {
  const amount = (name: keyof typeof prices, absent = 0): number => {
    const text = prices[name]
    return text === undefined ? absent : compilePerMillion(text, `${field}.${name}`, flaws)
  }
  const inputPicoUsd = amount('inputPerMillion')
  const cachedInputPicoUsd = amount('cachedInputPerMillion', inputPicoUsd)
  const cacheWritePicoUsd = amount('cacheWritePerMillion', inputPicoUsd)
  const outputPicoUsd = amount('outputPerMillion')
  const reasoningPicoUsd = amount('reasoningPerMillion', outputPicoUsd)
  return { inputPicoUsd, cachedInputPicoUsd, cacheWritePicoUsd, outputPicoUsd, reasoningPicoUsd }
}

function compilePerMillion(text: string, field: string, flaws: Flaw[]): number {
  const amount = picoUsdPerToken(text)
  if (amount !== undefined) return amount
  const message = `"${text}" is not a price in USD below 1000000 with at most 6 decimals; write one like "0.25"`
  flaws.push({ field, reason: 'InvalidField', message })
  return 0
}

function compileEach(text: string, field: string, flaws: Flaw[]): number {
  const amount = picoUsdEach(text)
  if (amount !== undefined) return amount
  const message = `"${text}" is not a price in USD below 1000 with at most 12 decimals; write one like "0.04"`
  flaws.push({ field, reason: 'InvalidField', message })
  return 0
}
