import { expect, test } from '@jest/globals'
import { type Failure, failureOfAnswer, failureOfStatus, parseRetryAfter } from '../../../operator/kube/failure.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')

const ANSWERS: readonly [
  name: string,
  status: number,
  retryAfter: string | undefined,
  body: string,
  expected: Failure,
][] = [
  [
    'a Status says reason and message',
    409,
    undefined,
    '{"kind":"Status","message":"it has been\\n  modified","reason":"Conflict","code":409}',
    { status: 409, reason: 'Conflict', message: 'it has been modified' },
  ],
  [
    'a Status without a reason has the one of its HTTP status',
    403,
    undefined,
    '{"kind":"Status","message":"no","reason":""}',
    { status: 403, reason: 'Forbidden', message: 'no' },
  ],
  [
    'text is the message',
    503,
    undefined,
    'upstream is down\n',
    { status: 503, reason: 'ServiceUnavailable', message: 'upstream is down' },
  ],
  ['an unknown status has no known reason', 418, undefined, '', { status: 418, reason: 'Unknown', message: '' }],
  ['Retry-After in seconds', 429, '7', '', { status: 429, reason: 'TooManyRequests', message: '', retryAfterMs: 7000 }],
  [
    'Retry-After as a date',
    429,
    'Sat, 21 Nov 2026 12:00:05 GMT',
    '',
    { status: 429, reason: 'TooManyRequests', message: '', retryAfterMs: 5000 },
  ],
  [
    'the Status says when to come back',
    429,
    undefined,
    '{"reason":"TooManyRequests","message":"m","details":{"retryAfterSeconds":3}}',
    { status: 429, reason: 'TooManyRequests', message: 'm', retryAfterMs: 3000 },
  ],
  [
    'the header counts more than the Status',
    429,
    '1',
    '{"reason":"TooManyRequests","message":"m","details":{"retryAfterSeconds":3}}',
    { status: 429, reason: 'TooManyRequests', message: 'm', retryAfterMs: 1000 },
  ],
]

for (const [name, status, retryAfter, body, expected] of ANSWERS) {
  test(name, () => expect(failureOfAnswer({ status, retryAfter, body, now: NOW })).toEqual(expected))
}

test('a long message is cut', () => {
  expect(
    failureOfAnswer({ status: 500, retryAfter: undefined, body: 'x'.repeat(5000), now: NOW }).message,
  ).toHaveLength(1000)
})

test('a Retry-After that is neither seconds nor a date says nothing', () => {
  const values = [undefined, '', 'soon', '-1', '1.5', 'Infinity', '99999999999999999999', '2026-11-21']
  expect(values.map((value) => parseRetryAfter(value, NOW))).toEqual(values.map(() => undefined))
  expect(parseRetryAfter('Sat, 21 Nov 2026 11:00:00 GMT', NOW)).toBe(0)
  expect(parseRetryAfter('0', NOW)).toBe(0)
})

test('an ERROR event may be anything', () => {
  expect(failureOfStatus(undefined, 0)).toEqual({ status: 0, reason: 'Unknown', message: '' })
  expect(failureOfStatus({ code: 410, message: 'too old' }, 0)).toEqual({
    status: 410,
    reason: 'Gone',
    message: 'too old',
  })
})
