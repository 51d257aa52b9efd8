import { expect, test } from '@jest/globals'
import type { AmountCall, AmountReply } from '../../../sidecar/store/amount-script.ts'
import { DENIAL_FRESH_MS, type Denial, shortageBy } from '../../../sidecar/store/denial.ts'

/** A limit of 100 in windows of 1000 ms, leases of 10 ms, buckets of 10 ms. The store's clock shows 50000, ours 7000. */
function denial(call: Partial<AmountCall>, reply: Partial<AmountReply>, endsMs = Number.POSITIVE_INFINITY): Denial {
  return {
    call: {
      bucketMs: 10,
      keptMs: 1010,
      limit: 100,
      burst: 0,
      refillPerMs: 0.1,
      need: 1,
      want: 1,
      parts: 2,
      expiryMs: 1030,
      batch: 0,
      batchExpiryMs: 0,
      changes: [],
      ...call,
    },
    reply: { fits: false, granted: 0, bucket: 5000, storeMs: 50_000, sum: 0, missing: 0, cells: [], ...reply },
    atMs: 7000,
    endsMs,
  }
}

// Bucket 4900 ends at 49010 and is counted for 1010 ms more: until 50020. Bucket 4950 until 50520.
const FULL = denial({}, { sum: 95, cells: [4900, 10, 4950, 85] })
const MONTH = denial({ bucketMs: 0, keptMs: 0 }, { sum: 95, cells: [0, 95] }, 1_007_000)
const BURST = denial({ burst: 20 }, { sum: 50, missing: 18, cells: [4900, 50] })

const CASES: [what: string, denial: Denial, amount: number, nowMs: number, expected: object | undefined][] = [
  ['what fits must be asked for', FULL, 5, 7000, undefined],
  ['what the oldest bucket makes room for', FULL, 15, 7000, { retryAfterMs: 20, remaining: 5 }],
  ['what needs the next bucket, too', FULL, 16, 7000, { retryAfterMs: 520, remaining: 5 }],
  ['a moment later, so much less', FULL, 16, 7015, { retryAfterMs: 505, remaining: 5 }],
  ['when the oldest has left', FULL, 15, 7020, undefined],
  ['when it is too long ago', FULL, 16, 7000 + DENIAL_FRESH_MS, undefined],
  ['a period: until its end', MONTH, 6, 7010, { retryAfterMs: 999_990, remaining: 5 }],
  ['a bucket of tokens: until it has refilled', BURST, 5, 7000, { retryAfterMs: 30, remaining: 2 }],
  ['more than the bucket holds: until it is full', BURST, 40, 7000, { retryAfterMs: 180, remaining: 2 }],
  ['more than the window has, either: the later', BURST, 60, 7000, { retryAfterMs: 180, remaining: 2 }],
]

test.each(CASES)('%s', (_what, given, amount, nowMs, expected) => {
  const found = shortageBy(given, amount, nowMs)
  if (expected === undefined) expect(found).toBeUndefined()
  else expect(found).toEqual({ kind: 'Reached', ...expected })
})
