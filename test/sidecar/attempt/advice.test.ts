// What an SDK reads of trying again, beside a provider's answer.
import { expect, test } from '@jest/globals'
import { advised } from '../../../sidecar/attempt/advice.ts'

interface Case {
  status: number
  /** What the provider says. */
  says?: Readonly<Record<string, string>>
  /** What we make of it; `never` unless given. */
  tryAgain?: 'later'
  retryAfterMs?: number
  expected: Readonly<Record<string, string>>
}

const NO = { 'x-should-retry': 'false' }

const CASES: readonly (readonly [name: string, one: Case])[] = [
  ['what SDKs try again, they are told not to', { status: 500, expected: NO }],
  ['but where that is theirs to do', { status: 500, tryAgain: 'later', expected: {} }],
  ['what they do not needs no word', { status: 404, expected: {} }],
  ['an invitation is not passed on', { status: 500, says: { 'X-Should-Retry': 'true' }, expected: NO }],
  [
    'not to what they would not try by themselves either',
    { status: 404, says: { 'x-should-retry': 'true' }, expected: {} },
  ],
  [
    'but where it is theirs to do',
    { status: 404, says: { 'x-should-retry': 'true' }, tryAgain: 'later', expected: { 'x-should-retry': 'true' } },
  ],
  ['that the provider advises against it stays', { status: 409, says: NO, tryAgain: 'later', expected: NO }],
  [
    'a wait is added, in whole seconds',
    { status: 429, retryAfterMs: 1001, tryAgain: 'later', expected: { 'retry-after': '2' } },
  ],
  ['not to what nobody tries again', { status: 404, retryAfterMs: 1001, expected: {} }],
  [
    'the provider’s own stays',
    { status: 429, says: { 'Retry-After-Ms': '40' }, retryAfterMs: 9000, expected: { 'Retry-After-Ms': '40', ...NO } },
  ],
  [
    'a minute is the longest that SDKs are left to wait',
    { status: 429, retryAfterMs: 60_000, tryAgain: 'later', expected: { 'retry-after': '60' } },
  ],
  [
    'one that is longer is told, and not to be slept through',
    { status: 429, retryAfterMs: 60_001, tryAgain: 'later', expected: { 'retry-after': '61', ...NO } },
  ],
  [
    'also where its status says nothing of waiting',
    { status: 500, says: { 'retry-after': '3600' }, tryAgain: 'later', expected: { 'retry-after': '3600', ...NO } },
  ],
  [
    'and as a date',
    {
      status: 409,
      says: { 'retry-after': 'Thu, 01 Jan 1970 00:02:00 GMT' },
      tryAgain: 'later',
      expected: { 'retry-after': 'Thu, 01 Jan 1970 00:02:00 GMT', ...NO },
    },
  ],
]

test.each(CASES)('%s', (_name, { status, says = {}, tryAgain, retryAfterMs, expected }) => {
  const headers = ['x-request-id', '1', ...Object.entries(says).flat()]
  const flat = ['x-request-id', '1', ...Object.entries(expected).flat()]
  expect(advised(headers, status, { retryAfterMs, tryAgain: tryAgain ?? 'never' }, 0)).toEqual(flat)
})
