import { expect, test } from '@jest/globals'
import { meanOpenIn, mostAdmittedIn, mostArrivedIn, mostOpen, type Served, sumIn } from './figures.ts'

const served = (sentMs: number, arrivedMs: number, endedMs: number, amount = 1): Served => ({
  ...{ sentMs, arrivedMs, endedMs, amount },
})

test('a span is found wherever it begins, and holds less than its length', () => {
  const all = [served(0, 0, 1, 5), served(90, 90, 91, 7), served(100, 100, 101, 8), served(150, 150, 151, 2)]
  expect(mostArrivedIn(all, 100)).toBe(17)
  expect(mostAdmittedIn(all, 100)).toBe(17)
})

test('what may have been admitted before or after the span is not in it for certain', () => {
  const all = [served(0, 40, 41), served(50, 60, 61), served(100, 120, 121)]
  expect([mostArrivedIn(all, 100), mostAdmittedIn(all, 100)]).toEqual([3, 2])
})

test('what ends when another begins is not open with it', () => {
  expect(mostOpen([served(0, 0, 10), served(0, 10, 20), served(0, 5, 12)])).toBe(2)
})

test('a phase holds what arrived in it, and what was open in part', () => {
  const all = [served(0, 0, 10, 3), served(5, 5, 25, 4), served(20, 20, 40, 5)]
  expect(sumIn(all, { fromMs: 5, toMs: 20 })).toBe(4)
  expect(meanOpenIn(all, { fromMs: 5, toMs: 20 })).toBeCloseTo((5 + 15) / 15)
})
