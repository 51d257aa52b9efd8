import { expect, test } from '@jest/globals'
import { PeakEwma } from '../../../sidecar/standing/latency.ts'

/** What is read at `readAtS` after these values, each at its second; whole milliseconds. */
function read(values: readonly (readonly [atS: number, valueMs: number])[], readAtS: number): number {
  const average = new PeakEwma()
  for (const [atS, valueMs] of values) average.observe(valueMs, atS * 1000)
  return Math.round(average.read(readAtS * 1000))
}

const CASES: readonly [string, readonly (readonly [number, number])[], number, number][] = [
  ['0 while nothing was measured', [], 5, 0],
  ['the first value is believed', [[5, 300]], 5, 300],
  [
    'a higher one at once',
    [
      [5, 300],
      [5, 2000],
    ],
    5,
    2000,
  ],
  [
    'a lower one at the same moment not at all',
    [
      [5, 2000],
      [5, 300],
    ],
    5,
    2000,
  ],
  [
    'a lower one after ten seconds by 63 %',
    [
      [5, 2000],
      [15, 1000],
    ],
    15,
    1368,
  ],
  [
    'many lower ones as much as one, over the same time',
    [
      [5, 2000],
      [10, 1000],
      [15, 1000],
    ],
    15,
    1368,
  ],
  [
    'a lower one after a long time entirely',
    [
      [5, 2000],
      [505, 300],
    ],
    505,
    300,
  ],
  ['what nothing renews fades, so that it is asked again', [[0, 2000]], 60, 736],
  ['and is hardly less after seconds', [[0, 2000]], 3, 1902],
  ['in the end to nothing', [[0, 2000]], 6000, 0],
  [
    'what fades for the reader does not for the average',
    [
      [0, 2000],
      [10, 1900],
    ],
    10,
    1937,
  ],
  [
    'what is no time is passed over',
    [
      [0, 200],
      [0, Number.NaN],
      [0, Number.POSITIVE_INFINITY],
      [0, -5],
    ],
    0,
    200,
  ],
]

test.each(CASES)('%s', (_name, values, readAtS, expected) => {
  expect(read(values, readAtS)).toBe(expected)
})

test('a bound from below raises it, and never lowers it', () => {
  const average = new PeakEwma()
  average.observe(500, 0)
  average.observeAtLeast(400, 0)
  expect(average.read(0)).toBe(500)
  average.observeAtLeast(30_000, 30_000)
  expect(average.read(30_000)).toBe(30_000)
})
