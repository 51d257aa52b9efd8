// What a caller is told when there is no room: the limit, and why this request does not fit.
import { expect, test } from '@jest/globals'
import type { Shortage } from '../../../sidecar/limits/counter.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import { reachedRefusal } from '../../../sidecar/limits/reached.ts'
import { budgetRow, limitRow } from './rows.ts'

const OF = 'of rule shop/chat/fast'

function check(name: string, row: CountedRow, shortage: Partial<Shortage>, text: string, capacity = row.limit): void {
  test(name, () => {
    const whole: Shortage = { kind: 'Reached', retryAfterMs: 5000, remaining: 0, ...shortage }
    expect(reachedRefusal({ row, key: '', shortage: whole, capacity }, 0).message).toBe(text)
  })
}

check(
  'a limit that is used up',
  limitRow({ limit: 60, windowMs: 60_000 }),
  {},
  `A limit has no room for this request. Limit "rpm" ${OF}: 60 requests in 1m.`,
)
check(
  'one with a burst says so, since there is room in the window',
  limitRow({ limit: 60, windowMs: 60_000, burst: 2 }),
  {},
  `A limit has no room for this request. Limit "rpm" ${OF}: 60 requests in 1m, at most 2 requests at once.`,
)
check(
  'one with less left than the request is expected to use',
  limitRow({ name: 'tpm', what: 'Tokens', limit: 100, windowMs: 5_400_000 }),
  { remaining: 94.4 },
  `A limit has no room for this request. Limit "tpm" ${OF}: 100 tokens in 1h30m. 94 tokens are left, and this request is ` +
    'expected to use more. A smaller bound on its answer may fit.',
)
check(
  'of input there is no bound to be made smaller',
  limitRow({ name: 'in', what: 'InputTokens', limit: 100, windowMs: 10_000 }),
  { remaining: 5 },
  `A limit has no room for this request. Limit "in" ${OF}: 100 input tokens in 10s. 5 input tokens are left, and this ` +
    'request is expected to use more.',
)
check(
  'a budget',
  budgetRow({ amountPicoUsd: 100_000_000 }),
  { remaining: 91_500_000 },
  `A budget has no room for this request. Budget "month" ${OF}: 0.0001 USD in the month. 0.000092 USD are left, and this ` +
    'request is expected to use more. A smaller bound on its answer may fit.',
)
check(
  'a share',
  limitRow({ limit: 60, windowMs: 60_000 }),
  {},
  `A limit has no room for this request. Limit "rpm" ${OF}: 60 requests in 1m. This pod's share of it is 7 requests now.`,
  7,
)
check(
  'what is larger than all of it',
  limitRow({ name: 'in', what: 'InputTokens', limit: 100, windowMs: 10_000 }),
  { kind: 'TooLarge', retryAfterMs: Number.POSITIVE_INFINITY, remaining: 100 },
  `A limit has no room for this request. Limit "in" ${OF}: 100 input tokens in 10s. This request alone is larger.`,
)
