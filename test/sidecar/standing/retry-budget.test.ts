import { expect, test } from '@jest/globals'
import { RetryBudget } from '../../../sidecar/standing/retry-budget.ts'
import { SlidingCount } from '../../../sidecar/standing/sliding-count.ts'
import { below, seeded } from '../../support/random.ts'

/** How many retries are allowed of so many that are tried at once. */
function allowed(budget: RetryBudget, tries: number, nowMs: number): number {
  let taken = 0
  for (let i = 0; i < tries; i++) if (budget.tryTake(nowMs)) taken++
  return taken
}

const CASES: readonly [name: string, percent: number, minPerSecond: number, requests: number, expected: number][] = [
  ['a share of the requests', 20, 0, 100, 20],
  ['a share is never rounded up', 20, 0, 99, 19],
  ['a fraction of a percent of nothing', 20, 0, 4, 0],
  ['some per second whatever the share', 20, 10, 0, 100],
  ['both together', 20, 1, 100, 30],
  ['none at all', 0, 0, 1000, 0],
  ['one for each request', 100, 0, 7, 7],
]

test.each(CASES)('%s', (_name, percent, minPerSecond, requests, expected) => {
  const budget = new RetryBudget({ percent, minPerSecond })
  for (let i = 0; i < requests; i++) budget.noteRequest(5000)
  expect(allowed(budget, 1000, 5000)).toBe(expected)
  expect(budget.denied).toBe(1000 - expected)
})

test('what was taken comes back after ten seconds, and within eleven', () => {
  const budget = new RetryBudget({ percent: 0, minPerSecond: 1 })
  expect(allowed(budget, 99, 5999)).toBe(10)
  expect(allowed(budget, 99, 15_999)).toBe(0)
  expect(allowed(budget, 99, 16_000)).toBe(10)
})

test('requests of more than ten seconds ago count for nothing, however long nothing came', () => {
  const budget = new RetryBudget({ percent: 100, minPerSecond: 0 })
  for (let i = 0; i < 5; i++) budget.noteRequest(5000)
  expect(allowed(budget, 2, 14_999)).toBe(2)
  expect(allowed(budget, 9, 15_000)).toBe(0)
  budget.noteRequest(1e9)
  expect(allowed(budget, 9, 1e9)).toBe(1)
})

test('new limits count what was before', () => {
  const budget = new RetryBudget({ percent: 50, minPerSecond: 0 })
  for (let i = 0; i < 10; i++) budget.noteRequest(0)
  expect(allowed(budget, 99, 0)).toBe(5)
  budget.configure({ percent: 80, minPerSecond: 0 })
  expect(allowed(budget, 99, 0)).toBe(3)
  budget.configure({ percent: 10, minPerSecond: 0 })
  expect(allowed(budget, 99, 0)).toBe(0)
})

test('a sliding count is what lies in the present bucket and those before it, whatever the pauses', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = seeded(seed)
    const buckets = 1 + below(random, 11)
    const bucketMs = 1 + random() * 100
    const count = new SlidingCount(buckets, bucketMs)
    const times: number[] = []
    let nowMs = random() * 1e6
    for (let i = 0; i < 100; i++) {
      nowMs += random() ** 6 * bucketMs * buckets * 3
      if (random() < 0.7) {
        count.add(nowMs)
        times.push(nowMs)
      }
      const oldest = Math.floor(nowMs / bucketMs) - buckets
      expect(count.total(nowMs)).toBe(times.filter((at) => Math.floor(at / bucketMs) > oldest).length)
    }
  }
})
