import { expect, test } from '@jest/globals'
import { picoUsd, picoUsdEach, picoUsdPerToken } from '../../../operator/compile/money.ts'

type Reader = (text: string) => number | undefined

function check(read: Reader, texts: Record<string, number | undefined>): void {
  for (const [text, expected] of Object.entries(texts)) {
    test(`${read.name}("${text}") is ${expected ?? 'no amount'}`, () => expect(read(text)).toBe(expected))
  }
}

const ILLEGIBLE = {
  '': undefined,
  '.5': undefined,
  '1.': undefined,
  '01': undefined,
  '-1': undefined,
  '1e3': undefined,
}

check(picoUsdPerToken, {
  '0.25': 250_000,
  '0.025': 25_000,
  '2.00': 2_000_000,
  '15': 15_000_000,
  '0': 0,
  '0.000001': 1,
  '1.1': 1_100_000,
  '0.070001': 70_001,
  '999999.999999': 999_999_999_999,
  ...ILLEGIBLE,
  '1,5': undefined,
  '0.0000001': undefined,
  '1000000': undefined,
})

check(picoUsd, {
  '500': 500_000_000_000_000,
  '2.50': 2_500_000_000_000,
  '0.1': 100_000_000_000,
  '0.000001': 1_000_000,
  '9007.199254': 9_007_199_254_000_000,
  '1000000': 1e18,
  ...ILLEGIBLE,
  '0': undefined,
  '0.000000': undefined,
  '0.0000001': undefined,
  '1000000000': undefined,
})

check(picoUsdEach, {
  '0': 0,
  '0.04': 40_000_000_000,
  '0.000000000001': 1,
  '0.1': 100_000_000_000,
  '999.999999999999': 999_999_999_999_999,
  ...ILLEGIBLE,
  '0.0000000000001': undefined,
  '1000': undefined,
})

test('the largest amount is the nearest that a double can hold', () => {
  expect(picoUsd('999999999.999999')).toBe(Number(999_999_999_999_999n * 1_000_000n))
})
