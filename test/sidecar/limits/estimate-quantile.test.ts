// The learned percentile against the exact one, for answers as they are distributed in practice.
import { describe, expect, test } from '@jest/globals'
import { Percentile95 } from '../../../sidecar/limits/estimate-quantile.ts'
import { type Random, seeded } from '../../support/random.ts'

type Draw = (random: Random) => number

/** Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

const DISTRIBUTIONS: Record<string, Draw> = {
  'always the same': () => 300,
  'single tokens': (random) => Math.floor(random() * 4),
  uniform: (random) => 1 + Math.floor(random() * 2000),
  'log-normal, as answers are': (random) => Math.round(Math.exp(5.7 + 0.8 * normal(random))),
  'log-normal with a long tail': (random) => Math.round(Math.exp(6 + 1.6 * normal(random))),
  exponential: (random) => Math.round(-500 * Math.log(1 - random())),
  'short ones and, one in ten, long ones': (random) => (random() < 0.1 ? 8000 + Math.floor(random() * 2000) : 40),
  'none at all, of embeddings': () => 0,
}
const SEEDS = Array.from({ length: 20 }, (_, seed) => seed + 1)

function drawn(draw: Draw, seed: number, count: number): number[] {
  const random = seeded(seed)
  return Array.from({ length: count }, () => draw(random))
}

/** By nearest rank. */
function exact95(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.ceil(values.length * 0.95) - 1] as number
}

function learned(...values: readonly number[][]): Percentile95 {
  const percentile = new Percentile95()
  for (const value of values.flat()) percentile.add(value)
  return percentile
}

function expectWithin(value: number, exact: number): void {
  expect(value).toBeGreaterThanOrEqual(exact)
  expect(value).toBeLessThanOrEqual(exact * 1.1)
}

describe.each(Object.entries(DISTRIBUTIONS))('%s', (_name, draw) => {
  test('after 200 answers it is at most 10 % above the exact percentile, and never below', () => {
    for (const seed of SEEDS) {
      const values = drawn(draw, seed, 200)
      expectWithin(learned(values).value(), exact95(values))
    }
  })

  test('at any time it is so for the answers that it speaks of, the last 100 at least', () => {
    const values = drawn(draw, 77, 700)
    const percentile = new Percentile95()
    for (const [index, value] of values.entries()) {
      percentile.add(value)
      expect(percentile.count).toBeGreaterThanOrEqual(Math.min(index + 1, 101))
      expect(percentile.count).toBeLessThanOrEqual(200)
      expectWithin(percentile.value(), exact95(values.slice(index + 1 - percentile.count, index + 1)))
    }
  })

  test.each(Object.entries(DISTRIBUTIONS))(
    '200 answers after a change from “%s” nothing of it is left',
    (_before, before) => {
      for (const seed of SEEDS.slice(0, 5)) {
        const values = drawn(draw, seed + 100, 200)
        for (const length of [1, 99, 150, 200, 250]) {
          const percentile = learned(drawn(before, seed, length), values)
          expectWithin(percentile.value(), exact95(values.slice(-percentile.count)))
        }
      }
    },
  )
})

test('what is larger than any answer counts as the largest', () => {
  expect(learned([2 ** 40]).value()).toBe(2 ** 24)
  expect(learned([2 ** 24]).value()).toBe(2 ** 24)
})

test('before the first answer it is 0', () => {
  expect(learned().value()).toBe(0)
})
