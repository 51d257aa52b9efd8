import { describe, expect, test } from '@jest/globals'
import type { RetryReason } from '../../../contract/sidecar-config.ts'
import { attemptsLeft, backoffMs, isWorthAnother, leaveToSdk } from '../../../sidecar/request/retry.ts'

const ALL: RetryReason[] = ['ConnectFailure', 'ProviderRefused', 'RateLimited', 'ServerError', 'Timeout']

interface Case {
  reason?: RetryReason
  status?: number
  on?: RetryReason[]
  statuses?: number[]
  operation?: 'Chat' | 'Other'
  method?: string
  headers?: string[]
}

function worth(name: string, one: Case, expected: boolean): void {
  test(name, () => {
    const { reason, status = 0, on = ALL, statuses = [], operation = 'Chat', method = 'POST', headers = [] } = one
    const head = { method, target: '/', rawHeaders: headers }
    expect(isWorthAnother({ reason, status }, { on, statuses }, { operation, head })).toBe(expected)
  })
}

describe('another attempt', () => {
  for (const reason of ALL) worth(`follows a ${reason} that the route names`, { reason }, true)
  worth('does not follow what the route does not name', { reason: 'ServerError', on: ['Timeout'] }, false)
  worth('does not follow the caller’s own fault', { status: 400 }, false)
  worth('follows a status that the route names', { status: 404, statuses: [404] }, true)
  worth('creates no second batch', { reason: 'ServerError', operation: 'Other' }, false)
  worth('creates no second batch after a timeout', { reason: 'Timeout', operation: 'Other' }, false)
  worth('creates the batch that nobody was asked for', { reason: 'ConnectFailure', operation: 'Other' }, true)
  worth('creates the batch that was refused for its rate', { reason: 'RateLimited', operation: 'Other' }, true)
  worth('lists batches again', { reason: 'ServerError', operation: 'Other', method: 'GET' }, true)
  worth(
    'creates again what its key makes one',
    { reason: 'ServerError', operation: 'Other', headers: ['Idempotency-Key', 'k'] },
    true,
  )
})

test('the back-off doubles, is a random part of that, and never passes its maximum', () => {
  const backoff = { initialMs: 200, maxMs: 1000 }
  const most = [1, 2, 3, 4, 60].map((tries) => Math.round(backoffMs(backoff, tries, () => 0.999_999)))
  expect(most).toEqual([200, 400, 800, 1000, 1000])
  expect(backoffMs(backoff, 3, () => 0)).toBe(0)
})

test.each([
  [3, [], 3],
  [3, ['X-Stainless-Retry-Count', '0'], 3],
  [3, ['x-stainless-retry-count', '1'], 2],
  [3, ['x-stainless-retry-count', '9'], 1],
  [3, ['x-stainless-retry-count', '-1'], 3],
  [3, ['x-stainless-retry-count', 'many'], 3],
  [1, ['x-stainless-retry-count', '1'], 1],
  [3, ['amz-sdk-request', 'attempt=1; max=3'], 3],
  [3, ['Amz-Sdk-Request', 'attempt=2; max=3'], 2],
  [3, ['amz-sdk-request', 'attempt=1'], 3],
  [3, ['amz-sdk-request', 'attempt=3'], 1],
  [3, ['amz-sdk-request', 'attempt=0'], 3],
  [3, ['amz-sdk-request', 'ttl=20261121T120000Z; attempt=2'], 2],
  [3, ['amz-sdk-request', 'max=3'], 3],
])('of %d attempts, an SDK that says %j has %d left', (attempts, headers, expected) => {
  expect(attemptsLeft({ attempts }, headers)).toBe(expected)
})

test.each([
  ['one attempt of three, nothing told', 3, 1, [], undefined, true],
  ['one attempt of three, half a minute told', 3, 1, [], 30_000, true],
  ['more than SDKs agree about', 3, 1, [], 61_000, false],
  ['two attempts: how many are left could not be known', 3, 2, [], undefined, false],
  ['the bound is one', 1, 1, [], undefined, false],
  ['the last that the bound leaves', 3, 1, ['x-stainless-retry-count', '2'], undefined, false],
  ['the last but one', 3, 1, ['x-stainless-retry-count', '1'], undefined, true],
  ['nobody was asked', 1, 0, [], undefined, true],
] as const)('whether an SDK is left to try again: %s', (_name, attempts, made, headers, retryAfterMs, expected) => {
  expect(leaveToSdk({ attempts }, made, headers, retryAfterMs)).toBe(expected)
})

// The proof of the bound: whatever SDK and sidecar do, what reaches providers stays within it.
test.each([1, 2, 3, 4, 10])('an SDK with ten tries of its own makes at most %d attempts', (attempts) => {
  for (let perRequest = 1; perRequest <= attempts; perRequest++) {
    let made = 0
    for (let count = 0; count <= 10; count++) {
      const headers = ['x-stainless-retry-count', String(count)]
      const here = Math.min(perRequest, attemptsLeft({ attempts }, headers))
      made += here
      if (!leaveToSdk({ attempts }, here, headers, undefined)) break
    }
    expect(made).toBeLessThanOrEqual(attempts)
  }
})
