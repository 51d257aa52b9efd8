// What the canary test sends and publishes: requests of every kind, with the client's own key wherever a client can put one, all
// that the mock can be asked for, the ways in which the sidecar deals with it, and files that nobody can use.
import type { CircuitBreakerConfig, RetryConfig } from '../../contract/sidecar-config.ts'
import { type AskOptions, chat } from '../support/client.ts'
import { CIRCUIT_BREAKER, RETRY } from '../support/sidecar-config.ts'

export const CLIENT_KEY = 'canary-of-the-client-4kd8s2'

/** Where a client puts a key, whatever it speaks. */
export const CLIENT_HEADERS = {
  authorization: `Bearer ${CLIENT_KEY}`,
  'x-api-key': CLIENT_KEY,
  'api-key': CLIENT_KEY,
  'proxy-authorization': `Basic ${CLIENT_KEY}`,
  cookie: `session=${CLIENT_KEY}`,
}

const MESSAGE = { model: 'claude', max_tokens: 50, messages: [{ role: 'user', content: 'Hello' }] }
const CONTENTS = { contents: [{ parts: [{ text: 'Hello' }] }] }
const ANTHROPIC = { 'anthropic-version': '2023-06-01' }
const GEMINI = { 'x-goog-api-key': CLIENT_KEY }

export const REQUESTS: readonly (readonly [target: string, options: AskOptions])[] = [
  ['/v1/chat/completions', { body: chat('gpt') }],
  ['/v1/chat/completions', { body: chat('gpt', { stream: true }) }],
  ['/v1/responses', { body: { model: 'gpt', input: 'Hello', stream: true } }],
  ['/v1/embeddings', { body: { model: 'gpt', input: 'Hello' } }],
  ['/v1/files', { headers: { 'x-goog-api-client': '' }, method: 'GET' }],
  ['/v1/messages', { body: MESSAGE, headers: ANTHROPIC }],
  ['/v1/messages', { body: { ...MESSAGE, stream: true }, headers: ANTHROPIC }],
  ['/v1/messages/count_tokens', { body: MESSAGE, headers: ANTHROPIC }],
  ['/v1beta/models/gemini:generateContent', { body: CONTENTS, headers: GEMINI }],
  ['/v1beta/models/gemini:streamGenerateContent?alt=sse', { body: CONTENTS, headers: GEMINI }],
  ['/v1beta/models/gemini:streamGenerateContent', { body: CONTENTS, headers: GEMINI }],
]

/** All that the mock can be asked for, and what makes it repeat the key in its own ways. */
export const BEHAVIOURS: readonly Readonly<Record<string, string>>[] = [
  {},
  { 'x-mock-status': '401' },
  { 'x-mock-status': '429', 'x-mock-retry-after': '1' },
  { 'x-mock-status': '500' },
  { 'x-mock-echo-key': '1' },
  { 'x-mock-echo-key': '1', 'x-mock-status': '503' },
  { 'x-mock-echo-key': '1', 'x-mock-status': '200' },
  { 'x-mock-echo-key': '1', 'x-mock-status': '422' },
  { 'x-mock-echo-key': '1', 'x-mock-status': '403' },
  { 'x-mock-echo-key': '1', 'x-mock-status': '429', 'x-mock-error-code': 'insufficient_quota' },
  { 'x-mock-echo-key': '1', 'x-mock-head-delay': '100' },
  { 'x-mock-echo-key': '1', 'x-mock-head-delay': '100', 'x-mock-status': '500' },
  { 'x-mock-echo-key': '1', 'x-mock-head-delay': '100', 'x-mock-error-in-stream': 'first' },
  { 'x-mock-echo-key': '1', 'x-mock-chunk-size': '1' },
  { 'x-mock-echo-key': '1', 'x-mock-gzip': '1' },
  { 'x-mock-echo-key': '1', 'x-mock-no-length': '1' },
  { 'x-mock-echo-key': '1', 'x-mock-cut-after-bytes': '60' },
  { 'x-mock-echo-key': '1', 'x-mock-error-in-stream': 'first' },
  { 'x-mock-echo-key': '1', 'x-mock-error-in-stream': 'after-2' },
  { 'x-mock-echo-key': '1', 'x-mock-error-in-stream': 'after-2', 'x-mock-chunk-size': '1' },
  { 'x-mock-stall': '' },
  { 'x-mock-stall': '2' },
  { 'x-mock-cut-after-events': '1' },
  { 'x-mock-cut-after-bytes': '30', 'x-mock-cut': 'rst' },
  { 'x-mock-cut-after-bytes': '30', 'x-mock-cut': 'clean' },
  { 'x-mock-gzip': '1', 'x-mock-trailers': '1', 'x-mock-early-hints': '1' },
  { 'x-mock-close': '1', 'x-mock-tools': 'parallel' },
  { 'x-mock-nonsense': '1' },
]

/** How the sidecar deals with a provider that fails. */
export interface Policy {
  retry: RetryConfig
  circuitBreaker: CircuitBreakerConfig
}

/** A failure is what the client gets, and has no effect on the next request. */
export const ONCE: Policy = {
  retry: { ...RETRY, attempts: 1 },
  circuitBreaker: { ...CIRCUIT_BREAKER, consecutiveFailures: 0, errorPercent: 0 },
}

/** A failure is kept back while another attempt is made, and a circuit opens soon. */
export const AGAIN: Policy = {
  retry: { ...RETRY, attempts: 2, backoff: { initialMs: 1, maxMs: 5 } },
  circuitBreaker: { ...CIRCUIT_BREAKER, consecutiveFailures: 2 },
}

const SECRET = 'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n'
/** That file mode refuses, each with a key in it. */
export const BAD_FILES: readonly string[] = [
  `${SECRET}stringData: {key: canary-1, key: canary-2}\n`,
  `${SECRET}stringData: {key: [canary-1]}\n`,
  `${SECRET}stringData: {key: "canary-\${UNSET_VARIABLE}"}\n`,
  `${SECRET}data: {key: canary-1}\n`,
  `${SECRET}stringData: canary-1\n`,
  `${SECRET}stringData: {key: "canary-1\n`,
  `${SECRET}stringData: {key: *canary-1}\n`,
  `${SECRET}stringdata: {key: canary-1}\n`,
  `kind: Secret\nstringData: {key: canary-1}\n`,
]
