import { describe, expect, test } from '@jest/globals'
import type { PriceConfig } from '../../../contract/limit-config.ts'
import type { Usage } from '../../../sidecar/stream/usage.ts'
import { costPicoUsd } from '../../../sidecar/telemetry/cost.ts'

/** Different in every place, so that a swapped price shows. */
const PRICE: PriceConfig = {
  inputPicoUsd: 1_000_000,
  cachedInputPicoUsd: 20_000,
  cacheWritePicoUsd: 1_300_000,
  outputPicoUsd: 7_000_000,
  reasoningPicoUsd: 11_000_000,
  tiers: [],
}

const TIERED: PriceConfig = {
  ...PRICE,
  tiers: [
    { ...PRICE, aboveInputTokens: 1000, inputPicoUsd: 2_000_000, outputPicoUsd: 8_000_000 },
    { ...PRICE, aboveInputTokens: 5000, inputPicoUsd: 3_000_000, outputPicoUsd: 9_000_000 },
  ],
}

function used(change: Partial<Usage>): Usage {
  return { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0, ...change }
}

describe('tokens', () => {
  test.each<[string, Partial<Usage>, number]>([
    ['input', { inputTokens: 3 }, 3_000_000],
    ['input read from a cache', { inputTokens: 3, cachedInputTokens: 2 }, 1_040_000],
    ['input written to a cache', { inputTokens: 3, cacheWriteTokens: 1 }, 3_300_000],
    ['output', { outputTokens: 2 }, 14_000_000],
    ['output that is reasoning', { outputTokens: 5, reasoningTokens: 4 }, 51_000_000],
    ['none of them', {}, 0],
    [
      'all of them',
      { inputTokens: 10, cachedInputTokens: 4, cacheWriteTokens: 1, outputTokens: 3, reasoningTokens: 1 },
      5_000_000 + 80_000 + 1_300_000 + 14_000_000 + 11_000_000,
    ],
  ])('%s', (_name, usage, cost) => expect(costPicoUsd(used(usage), PRICE)).toBe(cost))

  test('a day of them adds up exactly', () => {
    const usage = used({ inputTokens: 123_457, cachedInputTokens: 23_456, outputTokens: 789, reasoningTokens: 12 })
    const each = costPicoUsd(usage, PRICE) as number
    let sum = 0
    for (let i = 0; i < 1000; i++) sum += costPicoUsd(usage, PRICE) as number
    expect(BigInt(sum)).toBe(
      1000n * (100_001n * 1_000_000n + 23_456n * 20_000n + 777n * 7_000_000n + 12n * 11_000_000n),
    )
    expect(sum).toBe(each * 1000)
  })
})

describe('a tier is for the whole call', () => {
  test.each([
    [1000, 1000 * 1_000_000 + 7_000_000],
    [1001, 1001 * 2_000_000 + 8_000_000],
    [5000, 5000 * 2_000_000 + 8_000_000],
    [5001, 5001 * 3_000_000 + 9_000_000],
  ])('with %i input tokens and one of output', (inputTokens, cost) => {
    expect(costPicoUsd(used({ inputTokens, outputTokens: 1 }), TIERED)).toBe(cost)
  })

  test('cached input counts for its size', () => {
    const usage = used({ inputTokens: 1001, cachedInputTokens: 600, cacheWriteTokens: 401 })
    expect(costPicoUsd(usage, TIERED)).toBe(600 * 20_000 + 401 * 1_300_000)
  })
})

describe('images and seconds', () => {
  const media = { ...PRICE, perImagePicoUsd: 40_000_000_000, perSecondPicoUsd: 100_000_001 }
  test.each<[string, Partial<Usage>, number]>([
    ['an image', { images: 1 }, 40_000_000_000],
    ['images and the tokens for them', { images: 2, outputTokens: 1 }, 80_007_000_000],
    ['whole seconds', { audioMs: 9000 }, 900_000_009],
    ['a part of a second, to the nearest pico-USD', { audioMs: 3320 }, 332_000_003],
    ['an hour', { audioMs: 3_600_000 }, 360_000_003_600],
    ['no seconds at all', { audioMs: 0 }, 0],
  ])('%s', (_name, usage, cost) => expect(costPicoUsd(used(usage), media)).toBe(cost))

  test('are charged within tokens where no price of their own is declared', () => {
    expect(costPicoUsd(used({ images: 1, audioMs: 10, outputTokens: 1 }), PRICE)).toBe(7_000_000)
  })
})

describe('what is unknown is never 0', () => {
  test.each<[string, Usage | undefined, PriceConfig | undefined]>([
    ['the usage', undefined, PRICE],
    ['the price', used({ inputTokens: 1 }), undefined],
    ['the price of an image without tokens', used({ images: 1 }), PRICE],
    ['the price of a second without tokens', used({ audioMs: 1000 }), { ...PRICE, perImagePicoUsd: 1 }],
    ['the price of the model that took over', used({ inputTokens: 1, model: 'large-1' }), PRICE],
  ])('%s', (_name, usage, price) => expect(costPicoUsd(usage, price)).toBeUndefined())
})

describe('several models behind one answer', () => {
  const models = new Map([
    ['large', { upstreamName: 'large-1', price: { ...PRICE, inputPicoUsd: 5, outputPicoUsd: 50 } }],
    ['free', { upstreamName: 'free-1' }],
  ])
  const part = (model: string | undefined, inputTokens: number, outputTokens: number) => ({
    ...used({ inputTokens, outputTokens }),
    model,
  })

  test('who took over is charged at its own price', () => {
    const usage = used({ inputTokens: 10, outputTokens: 1, model: 'large-1' })
    expect(costPicoUsd(usage, PRICE, models)).toBe(100)
    expect(costPicoUsd(usage, undefined, models)).toBe(100)
  })

  test('who was consulted is charged apart from the rest', () => {
    const usage = used({ inputTokens: 12, outputTokens: 3, parts: [part('large-1', 10, 1)] })
    expect(costPicoUsd(usage, PRICE, models)).toBe(100 + 2_000_000 + 14_000_000)
  })

  test('each call has its own tier', () => {
    const usage = used({ inputTokens: 2000, parts: [part(undefined, 1000, 0)] })
    expect(costPicoUsd(usage, TIERED)).toBe(2000 * 1_000_000)
    expect(costPicoUsd({ ...usage, parts: [part(undefined, 1500, 0)] }, TIERED)).toBe(
      500 * 1_000_000 + 1500 * 2_000_000,
    )
  })

  test('one without a known price makes the sum unknown', () => {
    expect(costPicoUsd(used({ inputTokens: 12, parts: [part('free-1', 10, 1)] }), PRICE, models)).toBeUndefined()
    expect(costPicoUsd(used({ inputTokens: 12, parts: [part('other', 10, 1)] }), PRICE, models)).toBeUndefined()
  })
})
