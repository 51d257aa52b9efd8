import { expect, test } from '@jest/globals'
import type { LimitedQuantity } from '../../../contract/limit-config.ts'
import type { Dialect } from '../../../contract/sidecar-config.ts'
import { Refusal } from '../../../sidecar/errors.ts'
import { limitHeaders } from '../../../sidecar/translate/limit-headers.ts'

const NOW = Date.UTC(2026, 10, 21, 12)

function headersOf(dialect: Dialect, what: LimitedQuantity, retryAfterMs?: number): Record<string, string | undefined> {
  const resetAtMs = retryAfterMs === undefined ? undefined : NOW + retryAfterMs
  const limit = { what, limit: 600, remaining: 4, resetAtMs }
  const headers = limitHeaders(dialect, new Refusal('limit_reached', undefined, { retryAfterMs, limit }))
  return Object.fromEntries(headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1]]] : [])))
}

test.each<[LimitedQuantity, string]>([
  ['Requests', 'requests'],
  ['Tokens', 'tokens'],
  ['InputTokens', 'tokens'],
  ['OutputTokens', 'tokens'],
])("openai's SDKs read of %s", (what, name) => {
  expect(headersOf('OpenAI', what, 12_967)).toEqual({
    [`x-ratelimit-limit-${name}`]: '600',
    [`x-ratelimit-remaining-${name}`]: '4',
    [`x-ratelimit-reset-${name}`]: '12.967s',
  })
})

test.each([
  [0, '0s'],
  [0.2, '1ms'],
  [120, '120ms'],
  [999.5, '1s'],
  [864_000, '14m24s'],
  [7_205_000, '2h0m5s'],
])('a reset in %d ms is written as OpenAI writes it', (ms, text) => {
  expect(headersOf('OpenAI', 'Requests', ms)['x-ratelimit-reset-requests']).toBe(text)
})

test.each<[LimitedQuantity, string]>([
  ['Requests', 'requests'],
  ['Tokens', 'tokens'],
  ['InputTokens', 'input-tokens'],
  ['OutputTokens', 'output-tokens'],
])("anthropic's SDKs read of %s", (what, name) => {
  expect(headersOf('Anthropic', what, 1_200)).toEqual({
    [`anthropic-ratelimit-${name}-limit`]: '600',
    [`anthropic-ratelimit-${name}-remaining`]: '4',
    [`anthropic-ratelimit-${name}-reset`]: '2026-11-21T12:00:02Z',
  })
})

test('what never fits has no reset', () => {
  expect(headersOf('OpenAI', 'Tokens')).toEqual({
    'x-ratelimit-limit-tokens': '600',
    'x-ratelimit-remaining-tokens': '4',
  })
})

test.each<[Dialect, LimitedQuantity]>([
  ['OpenAI', 'Cost'],
  ['Anthropic', 'Concurrency'],
  ['Gemini', 'Requests'],
])('%s has no header for %s', (dialect, what) => {
  expect(headersOf(dialect, what, 1000)).toEqual({})
})

test('other refusals have none', () => {
  expect(limitHeaders('OpenAI', new Refusal('overloaded'))).toEqual([])
})
