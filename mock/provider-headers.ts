// The headers that each provider puts on an answer: request ids and rate limits. Resets are written as each writes them:
// OpenAI durations, Azure bare numbers, Anthropic RFC 3339. Gemini has neither ids nor limits.
import type { Call } from './call.ts'
import { tokensOf } from './completion.ts'

export type AnswerHeaders = Readonly<Record<string, string>>

const REQUESTS_LIMIT = 10_000
const TOKENS_LIMIT = 2_000_000
/** Each answer says that this is what is left. A mock that ran out would make tests depend on their order. */
const REQUESTS_REMAINING = REQUESTS_LIMIT - 1

const BY_DIALECT: Readonly<Record<Call['dialect'], (call: Call, requestId: string) => AnswerHeaders>> = {
  openai: openaiHeaders,
  azure: azureHeaders,
  anthropic: anthropicHeaders,
  gemini: geminiHeaders,
}

const REQUEST_ID_PREFIX = { openai: 'req_', azure: '', anthropic: 'req_01', gemini: '' } as const

export function requestIdOf(call: Pick<Call, 'dialect' | 'id'>): string {
  return call.id(REQUEST_ID_PREFIX[call.dialect], call.dialect === 'anthropic' ? 22 : 32)
}

export function providerHeaders(call: Call, requestId: string): AnswerHeaders {
  return BY_DIALECT[call.dialect](call, requestId)
}

function limits(call: Call, requestsReset: string, tokensReset: string): AnswerHeaders {
  return {
    'x-ratelimit-limit-requests': String(REQUESTS_LIMIT),
    'x-ratelimit-limit-tokens': String(TOKENS_LIMIT),
    'x-ratelimit-remaining-requests': String(REQUESTS_REMAINING),
    'x-ratelimit-remaining-tokens': String(tokensLeft(call)),
    'x-ratelimit-reset-requests': requestsReset,
    'x-ratelimit-reset-tokens': tokensReset,
  }
}

function tokensLeft(call: Call): number {
  return TOKENS_LIMIT - tokensOf(call.bytes.toString('latin1'))
}

function openaiHeaders(call: Call, requestId: string): AnswerHeaders {
  return {
    'x-request-id': requestId,
    'openai-organization': 'org-mock',
    'openai-project': 'proj_mock',
    'openai-version': '2020-10-01',
    'openai-processing-ms': '7',
    ...limits(call, '6ms', '0s'),
  }
}

function azureHeaders(call: Call, requestId: string): AnswerHeaders {
  return {
    'x-request-id': requestId,
    'apim-request-id': requestId,
    'x-ms-region': 'East US 2',
    ...(call.model === '' ? {} : { 'x-ms-deployment-name': encodeURIComponent(call.model) }),
    'x-ms-is-spilled-over': 'false',
    'x-ratelimit-renewalperiod-requests': '60',
    'x-ratelimit-renewalperiod-tokens': '60',
    ...limits(call, '1', '7'),
  }
}

function anthropicHeaders(call: Call, requestId: string): AnswerHeaders {
  const reset = new Date(call.nowMs + 60_000).toISOString().replace(/\.\d+Z$/, 'Z')
  const kinds = {
    requests: REQUESTS_LIMIT,
    tokens: TOKENS_LIMIT,
    'input-tokens': TOKENS_LIMIT,
    'output-tokens': 400_000,
  }
  const rows = Object.entries(kinds).flatMap(([kind, limit]) => [
    [`anthropic-ratelimit-${kind}-limit`, String(limit)],
    [`anthropic-ratelimit-${kind}-remaining`, String(kind === 'requests' ? REQUESTS_REMAINING : limit)],
    [`anthropic-ratelimit-${kind}-reset`, reset],
  ])
  return {
    'request-id': requestId,
    'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
    ...Object.fromEntries(rows),
  }
}

function geminiHeaders(): AnswerHeaders {
  return { 'server-timing': 'gfet4t7; dur=7', vary: 'Origin, X-Origin, Referer', 'x-content-type-options': 'nosniff' }
}
