import { expect, test } from '@jest/globals'
import type { Flaw } from '../../../operator/api/problem.ts'
import { compilePrice } from '../../../operator/compile/price.ts'

test('cached input and cache writes cost what input costs, unless they have a price', () => {
  const flaws: Flaw[] = []
  const price = { inputPerMillion: '3', outputPerMillion: '15' }
  expect(compilePrice(price, 'spec.models[0].price', flaws)).toEqual({
    inputPicoUsd: 3_000_000,
    cachedInputPicoUsd: 3_000_000,
    cacheWritePicoUsd: 3_000_000,
    outputPicoUsd: 15_000_000,
    reasoningPicoUsd: 15_000_000,
    tiers: [],
  })
  expect(compilePrice({ ...price, cachedInputPerMillion: '0', cacheWritePerMillion: '3.75' }, '', flaws)).toEqual({
    inputPicoUsd: 3_000_000,
    cachedInputPicoUsd: 0,
    cacheWritePicoUsd: 3_750_000,
    outputPicoUsd: 15_000_000,
    reasoningPicoUsd: 15_000_000,
    tiers: [],
  })
  expect(flaws).toEqual([])
})

test('each amount that cannot be read is a flaw of its own field', () => {
  const flaws: Flaw[] = []
  const tiers = [{ aboveInputTokens: 1, inputPerMillion: '1', outputPerMillion: '1', reasoningPerMillion: 'x' }]
  const prices = { inputPerMillion: '1', cacheWritePerMillion: 'free', outputPerMillion: '1 USD' }
  compilePrice({ ...prices, perImage: '1000', perSecond: '-1', tiers }, 'price', flaws)
  expect(flaws.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
    'price.cacheWritePerMillion InvalidField',
    'price.outputPerMillion InvalidField',
    'price.tiers[0].reasoningPerMillion InvalidField',
    'price.perImage InvalidField',
    'price.perSecond InvalidField',
  ])
})
