import type { PriceConfig } from '../../contract/sidecar-config.ts'
import type { LLMProviderModelPrice } from '../api/llm-provider.ts'
import type { Flaw } from '../api/problem.ts'

/**
 * Pico-USD per token of a price in USD per million tokens: `"0.25"` is 250000. A millionth of a USD per million tokens is
 * 1e-12 USD per token, so a price with six decimals is exactly an integer, and no float takes part. Undefined for a text
 * that is no such price.
 */
export function picoUsdPerToken(perMillion: string): number | undefined {
  const [, whole, decimals = ''] = /^(0|[1-9][0-9]{0,5})(?:\.([0-9]{1,6}))?$/.exec(perMillion) ?? []
  return whole === undefined ? undefined : Number(whole + decimals.padEnd(6, '0'))
}

/** `field` is the path of `price`. What cannot be read is added to `flaws`, which keeps the result from being used. */
export function compilePrice(price: LLMProviderModelPrice, field: string, flaws: Flaw[]): PriceConfig {
  const { inputPerMillion, cachedInputPerMillion, cacheWritePerMillion, outputPerMillion } = price
  const compileAmount = (text: string, name: keyof LLMProviderModelPrice): number => {
    const amount = picoUsdPerToken(text)
    if (amount !== undefined) return amount
    const message = `"${text}" is not a price in USD below 1000000 with at most 6 decimals; write one like "0.25"`
    flaws.push({ field: `${field}.${name}`, reason: 'InvalidField', message })
    return 0
  }
  const inputPicoUsd = compileAmount(inputPerMillion, 'inputPerMillion')
  return {
    inputPicoUsd,
    cachedInputPicoUsd:
      cachedInputPerMillion === undefined
        ? inputPicoUsd
        : compileAmount(cachedInputPerMillion, 'cachedInputPerMillion'),
    cacheWritePicoUsd:
      cacheWritePerMillion === undefined ? inputPicoUsd : compileAmount(cacheWritePerMillion, 'cacheWritePerMillion'),
    outputPicoUsd: compileAmount(outputPerMillion, 'outputPerMillion'),
  }
}
