import { describe, expect, test } from '@jest/globals'
import { retryAfterMs } from '../../../sidecar/http/retry-after.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0)
const DAY_MS = 24 * 3600 * 1000

/** `headers`: `name: value` a line. */
function told(headers: string, body = ''): number | undefined {
  const lines = headers.split('\n').filter((line) => line !== '')
  const rawHeaders = lines.flatMap((line) => [
    line.slice(0, line.indexOf(':')),
    line.slice(line.indexOf(':') + 1).trim(),
  ])
  return retryAfterMs(rawHeaders, Buffer.from(body), NOW_MS)
}

function retryInfo(delay: unknown): string {
  const info = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: delay }
  return JSON.stringify({ error: { code: 429, details: [{ '@type': 'type.googleapis.com/google.rpc.Help' }, info] } })
}

describe('a wait is told by', () => {
  test.each<[string, number | undefined]>([
    ['Retry-After: 0', 0],
    ['retry-after: 53', 53_000],
    ['RETRY-AFTER: 1.5', 1500],
    ['retry-after: 2592000', 30 * DAY_MS],
    ['retry-after: Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
    ['retry-after: Saturday, 21-Nov-26 12:01:00 GMT', 60_000],
    ['retry-after: Sat Nov 21 12:00:05 2026', 5000],
    ['retry-after: Tue Dec  1 12:00:00 2026', 10 * DAY_MS],
    ['retry-after: sat, 21 nov 2026 12:00:30 gmt', 30_000],
    // In the past: now. Of these, two digits that lie 51 years ahead mean 1977.
    ['retry-after: Fri, 20 Nov 2026 12:00:00 GMT', 0],
    ['retry-after: Sun Nov  6 08:49:37 1994', 0],
    ['retry-after: Sunday, 06-Nov-77 08:49:37 GMT', 0],
    ['retry-after-ms: 250', 250],
    ['retry-after-ms: 12.5\nretry-after: 1', 12.5],
    ['retry-after: 7\nretry-after: 9', 7000],
    ['x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 120ms', 120],
    ['x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 1m51.595s', 111_595],
    ['x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 14m24s', 864_000],
    ['x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 1h0m1s', 3_601_000],
    ['x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 0s', 0],
    ['x-ratelimit-remaining-tokens-minute: 0\nx-ratelimit-reset-tokens-minute: 11.5', 11_500],
    ['x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 500\nx-ratelimit-renewalperiod-requests: 60', 500],
    // Of what is used up, the last to return; what is not used up says nothing.
    [
      'x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 6ms\nx-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 2s',
      2000,
    ],
    [
      'x-ratelimit-remaining-requests: 9\nx-ratelimit-reset-requests: 9s\nx-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 2s',
      2000,
    ],
    [
      'anthropic-ratelimit-tokens-remaining: 0\nanthropic-ratelimit-tokens-reset: 2026-11-21T12:00:07Z\nanthropic-ratelimit-requests-remaining: 5\nanthropic-ratelimit-requests-reset: 2026-11-21T12:01:00Z',
      7000,
    ],
    [
      'anthropic-ratelimit-input-tokens-remaining: 0\nanthropic-ratelimit-input-tokens-reset: 2026-11-21T14:00:00+02:00',
      0,
    ],
  ])('%j: %p ms', (headers, expected) => {
    expect(told(headers)).toBe(expected)
  })

  test.each<[unknown, number | undefined]>([
    ['34.4s', 34_400],
    ['34s', 34_000],
    ['0.5s', 500],
    ['-3s', undefined],
    ['soon', undefined],
    [{ seconds: 5 }, undefined],
  ])("Google's RetryInfo of %j: %p ms", (delay, expected) => {
    expect(told('', retryInfo(delay))).toBe(expected)
    expect(told('', `[${retryInfo(delay)}]`)).toBe(expected)
  })
})

describe('no wait is told by', () => {
  test.each([
    '',
    'retry-after: ',
    'retry-after: -5',
    'retry-after: NaN',
    'retry-after: Infinity',
    'retry-after: 1e3',
    'retry-after: 0x10',
    'retry-after: soon',
    'retry-after: 2592001',
    'retry-after: 99999999999999999999999999',
    'retry-after: Sat, 21 Nov 2036 12:00:00 GMT',
    'retry-after: Sat, 21 Foo 2026 12:00:30 GMT',
    'retry-after: 2026-11-21T12:00:30Z',
    'retry-after-ms: -1',
    'x-ratelimit-remaining-requests: 0',
    'x-ratelimit-remaining-requests: 3\nx-ratelimit-reset-requests: 6ms',
    'x-ratelimit-reset-requests: 6ms',
    'x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 6 parsecs',
    'x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 1764000000000',
    'anthropic-ratelimit-tokens-remaining: 0\nanthropic-ratelimit-tokens-reset: tomorrow',
    'anthropic-ratelimit-tokens-remaining: 0\nanthropic-ratelimit-tokens-reset: 2026-99-21T12:00:07Z',
  ])('%j', (headers) => {
    expect(told(headers)).toBeUndefined()
  })

  test.each(['google.rpc.RetryInfo', '{"error":"google.rpc.RetryInfo"}', retryInfo('1s').slice(0, -1)])(
    'a body like %j',
    (body) => {
      expect(told('', body)).toBeUndefined()
    },
  )
})

test('what makes no sense gives way to what does', () => {
  expect(told('retry-after-ms: never\nretry-after: 2')).toBe(2000)
  expect(told('retry-after: -1', retryInfo('3s'))).toBe(3000)
  expect(told('retry-after: x\nx-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 4s')).toBe(4000)
})

test('headers come before the body, and the body before resets', () => {
  const reset = 'x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 4s'
  expect(told(`retry-after: 1\n${reset}`, retryInfo('3s'))).toBe(1000)
  expect(told(reset, retryInfo('3s'))).toBe(3000)
})
