import { expect, test } from '@jest/globals'
import { backoffMs } from '../../../operator/kube/backoff.ts'

const LIMITS = { backoffFirstMs: 800, backoffMaxMs: 30_000, retryAfterMaxMs: 300_000 }

const CASES: readonly [earlier: number, retryAfterMs: number | undefined, draw: number, expected: number][] = [
  [0, undefined, 0, 800],
  [0, undefined, 0.5, 600],
  [1, undefined, 0, 1600],
  [5, undefined, 0, 25_600],
  [6, undefined, 0, 30_000],
  [6, undefined, 0.999, 15_015],
  [5000, undefined, 0, 30_000],
  [0, 5000, 0, 5000],
  [0, 5000, 0.5, 5250],
  [6, 1000, 0, 30_000],
  [0, 86_400_000, 0, 300_000],
]

for (const [earlier, retryAfterMs, draw, expected] of CASES) {
  test(`after ${earlier} setbacks, asked for ${retryAfterMs} ms, by a draw of ${draw}: ${expected} ms`, () => {
    expect(backoffMs(LIMITS, { earlier, retryAfterMs, draw })).toBe(expected)
  })
}
