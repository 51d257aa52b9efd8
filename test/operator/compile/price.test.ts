import { expect, test } from '@jest/globals'
import type { Flaw } from '../../../operator/api/problem.ts'
import { compilePrice, picoUsdPerToken } from '../../../operator/compile/price.ts'

function check(perMillion: string, expected: number | undefined): void {
  test(`"${perMillion}" USD per million is ${expected === undefined ? 'no price' : `${expected} pico-USD per token`}`, () => {
    expect(picoUsdPerToken(perMillion)).toBe(expected)
  })
}

check('0.25', 250_000)
check('0.025', 25_000)
check('2.00', 2_000_000)
check('15', 15_000_000)
check('0', 0)
check('0.000001', 1)
check('1.1', 1_100_000)
check('0.070001', 70_001)
check('999999.999999', 999_999_999_999)

check('', undefined)
check('.5', undefined)
check('1.', undefined)
check('01', undefined)
check('-1', undefined)
check('1e3', undefined)
check('1,5', undefined)
check('0.0000001', undefined)
check('1000000', undefined)

test('cached input and cache writes cost what input costs, unless they have a price', () => {
  const flaws: Flaw[] = []
  const price = { inputPerMillion: '3', outputPerMillion: '15' }
  expect(compilePrice(price, 'spec.models[0].price', flaws)).toEqual({
    inputPicoUsd: 3_000_000,
    cachedInputPicoUsd: 3_000_000,
    cacheWritePicoUsd: 3_000_000,
    outputPicoUsd: 15_000_000,
  })
  expect(compilePrice({ ...price, cachedInputPerMillion: '0', cacheWritePerMillion: '3.75' }, '', flaws)).toEqual({
    inputPicoUsd: 3_000_000,
    cachedInputPicoUsd: 0,
    cacheWritePicoUsd: 3_750_000,
    outputPicoUsd: 15_000_000,
  })
  expect(flaws).toEqual([])
})

test('each amount that cannot be read is a flaw of its own field', () => {
  const flaws: Flaw[] = []
  compilePrice({ inputPerMillion: '1', cacheWritePerMillion: 'free', outputPerMillion: '1 USD' }, 'price', flaws)
  expect(flaws.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
    'price.cacheWritePerMillion InvalidField',
    'price.outputPerMillion InvalidField',
  ])
})
