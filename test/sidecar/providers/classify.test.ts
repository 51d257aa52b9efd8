import { describe, expect, test } from '@jest/globals'
import type { Dialect } from '../../../contract/sidecar-config.ts'
import { type Classified, classifyAnswer, classifyReported } from '../../../sidecar/providers/classify.ts'
import { HAS_RECORDINGS, recordedErrors } from '../stream/recordings.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0)
const family = HAS_RECORDINGS ? describe : describe.skip

/** `reason verdict credential`, and what else there is: one line a case, so that the tables can be read. */
function said({ reason, verdict, credential, word, retryAfterMs }: Partial<Classified>): string {
  const wait = retryAfterMs === undefined ? '' : ` wait ${retryAfterMs}`
  return `${reason ?? 'caller'} ${verdict} ${credential}${word === undefined ? '' : ` ${word}`}${wait}`
}

function classified(
  dialect: Dialect,
  status: number,
  body: unknown,
  rawHeaders: string[] = [],
  hasCredential = true,
): string {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return said(classifyAnswer({ dialect, status, rawHeaders, body: bytes, hasCredential }, NOW_MS))
}

function anthropic(type: string, message = 'm') {
  return { type: 'error', error: { type, message }, request_id: 'req_1' }
}

function google(code: number, status: string, reason?: string) {
  const details = reason && [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' }]
  return { error: { code, message: 'm', status, details } }
}

describe('an answer', () => {
  test.each<[Dialect, number, unknown, string]>([
    // By status.
    [
      'OpenAI',
      400,
      { error: { type: 'invalid_request_error', code: null } },
      'caller Success Fine invalid_request_error',
    ],
    ['OpenAI', 401, { error: { code: 'invalid_api_key' } }, 'ProviderRefused Neutral Refused invalid_api_key'],
    ['OpenAI', 402, { error: { message: 'Insufficient Balance' } }, 'ProviderRefused Neutral Refused'],
    ['OpenAI', 403, { error: { code: 'model_not_found' } }, 'ProviderRefused Neutral Refused model_not_found'],
    ['OpenAI', 404, { error: { code: 'model_not_found' } }, 'caller Success Fine model_not_found'],
    ['OpenAI', 408, {}, 'Timeout Failure Fine'],
    ['OpenAI', 409, {}, 'caller Success Fine'],
    ['OpenAI', 413, {}, 'caller Success Fine'],
    ['OpenAI', 422, { detail: [{ msg: 'm' }] }, 'caller Success Fine'],
    ['OpenAI', 429, { error: { code: 'rate_limit_exceeded' } }, 'RateLimited Neutral RateLimited rate_limit_exceeded'],
    ['OpenAI', 500, { error: { type: 'server_error', code: null } }, 'ServerError Failure Fine server_error'],
    ['OpenAI', 502, '<html>Bad Gateway</html>', 'ServerError Failure Fine'],
    ['OpenAI', 503, '', 'ServerError Failure Fine'],
    ['OpenAI', 504, 'upstream request timeout', 'ServerError Failure Fine'],
    ['OpenAI', 520, 'error code: 520', 'ServerError Failure Fine'],
    ['Anthropic', 400, anthropic('invalid_request_error'), 'caller Success Fine invalid_request_error'],
    ['Anthropic', 402, anthropic('billing_error'), 'ProviderRefused Neutral Refused billing_error'],
    ['Anthropic', 403, anthropic('permission_error'), 'ProviderRefused Neutral Refused permission_error'],
    ['Anthropic', 413, anthropic('request_too_large'), 'caller Success Fine request_too_large'],
    ['Anthropic', 429, anthropic('rate_limit_error'), 'RateLimited Neutral RateLimited rate_limit_error'],
    ['Anthropic', 504, anthropic('timeout_error'), 'ServerError Failure Fine timeout_error'],
    ['Anthropic', 529, anthropic('overloaded_error'), 'ServerError Failure Fine overloaded_error'],
    ['Gemini', 429, google(429, 'RESOURCE_EXHAUSTED'), 'RateLimited Neutral RateLimited RESOURCE_EXHAUSTED'],
    ['Gemini', 503, google(503, 'UNAVAILABLE'), 'ServerError Failure Fine UNAVAILABLE'],
    // The exceptions.
    ['OpenAI', 429, { error: { code: 'insufficient_quota' } }, 'RateLimited Neutral QuotaExhausted insufficient_quota'],
    ['OpenAI', 429, { error: { code: 'x', type: 'insufficient_quota' } }, 'RateLimited Neutral QuotaExhausted x'],
    [
      'OpenAI',
      429,
      { error: { type: 'exceeded_current_quota_error' } },
      'RateLimited Neutral QuotaExhausted exceeded_current_quota_error',
    ],
    ['OpenAI', 429, { error: { code: 'billing_not_active' } }, 'RateLimited Neutral QuotaExhausted billing_not_active'],
    [
      'OpenAI',
      400,
      { error: { code: 'billing_hard_limit_reached' } },
      'RateLimited Neutral QuotaExhausted billing_hard_limit_reached',
    ],
    ['OpenAI', 429, { error: { type: 'engine_overloaded_error' } }, 'ServerError Failure Fine engine_overloaded_error'],
    [
      'OpenAI',
      400,
      { code: 'Client specified an invalid argument', error: 'Incorrect API key provided: xa***zz.' },
      'ProviderRefused Neutral Refused',
    ],
    ['OpenAI', 400, { code: 'Client specified an invalid argument', error: 'No messages.' }, 'caller Success Fine'],
    [
      'OpenAI',
      403,
      { error: { code: 403, metadata: { reasons: ['hate'], flagged_input: '…' } } },
      'caller Success Fine 403',
    ],
    ['OpenAI', 403, { error: { code: 'content_policy_violation' } }, 'caller Success Fine content_policy_violation'],
    [
      'OpenAI',
      400,
      [google(400, 'INVALID_ARGUMENT', 'API_KEY_INVALID')],
      'ProviderRefused Neutral Refused API_KEY_INVALID',
    ],
    [
      'Anthropic',
      400,
      anthropic('invalid_request_error', 'Your credit balance is too low to access it.'),
      'RateLimited Neutral QuotaExhausted invalid_request_error',
    ],
    [
      'Gemini',
      400,
      google(400, 'INVALID_ARGUMENT', 'API_KEY_INVALID'),
      'ProviderRefused Neutral Refused API_KEY_INVALID',
    ],
    ['Gemini', 400, google(400, 'INVALID_ARGUMENT', 'FIELD_INVALID'), 'caller Success Fine FIELD_INVALID'],
    ['Gemini', 400, google(400, 'FAILED_PRECONDITION'), 'caller Success Fine FAILED_PRECONDITION'],
    ['OpenAI', 500, { error: { code: 'insufficient_quota' } }, 'ServerError Failure Fine insufficient_quota'],
    // What a caller wrote is no exception, wherever a provider repeats it.
    ['OpenAI', 400, { error: { message: 'Unknown: "Incorrect API key provided"' } }, 'caller Success Fine'],
    // Shapes.
    [
      'OpenAI',
      400,
      { object: 'error', message: 'm', type: 'BadRequestError', code: 400 },
      'caller Success Fine BadRequestError',
    ],
    ['OpenAI', 400, { error: 'unknown_model' }, 'caller Success Fine unknown_model'],
    ['OpenAI', 400, '\ufeff {"error":{"code":"c"}}', 'caller Success Fine c'],
    ['OpenAI', 400, '{"error":{"code":"c"}', 'caller Success Fine'],
    ['OpenAI', 400, 'null', 'caller Success Fine'],
    ['OpenAI', 400, '[]', 'caller Success Fine'],
    // A key in the place of a word, and a sentence.
    [
      'OpenAI',
      401,
      { error: { code: 'sk-proj-a1B2c3D4e5F6g7H8', type: 'auth' } },
      'ProviderRefused Neutral Refused auth',
    ],
    ['OpenAI', 401, { error: { code: 'Wrong key: sk-1' } }, 'ProviderRefused Neutral Refused'],
  ])('of %s, %i %j, is %s', (dialect, status, body, expected) => {
    expect(classified(dialect, status, body)).toBe(expected)
  })

  test.each<[number, unknown, string]>([
    [401, {}, 'caller Neutral Fine'],
    [403, {}, 'caller Neutral Fine'],
    [429, {}, 'RateLimited Neutral Fine'],
    [429, { error: { code: 'insufficient_quota' } }, 'RateLimited Neutral Fine insufficient_quota'],
    [500, {}, 'ServerError Failure Fine'],
  ])('%i to a request without a key of ours says nothing about one', (status, body, expected) => {
    expect(classified('OpenAI', status, body, [], false)).toBe(expected)
  })

  test.each<[number, unknown, string]>([
    [429, {}, 'RateLimited Neutral RateLimited wait 7000'],
    [503, {}, 'ServerError Failure Fine wait 7000'],
    [529, {}, 'ServerError Failure Fine wait 7000'],
    [429, { error: { code: 'insufficient_quota' } }, 'RateLimited Neutral QuotaExhausted insufficient_quota'],
    [400, {}, 'caller Success Fine'],
    [401, {}, 'ProviderRefused Neutral Refused'],
    [500, {}, 'ServerError Failure Fine'],
  ])('%i %j with Retry-After is %s', (status, body, expected) => {
    expect(classified('OpenAI', status, body, ['Retry-After', '7'])).toBe(expected)
  })
})

describe('an error inside a 200', () => {
  test.each<[Dialect, string | undefined, number | undefined, string]>([
    ['OpenAI', 'rate_limit_exceeded', undefined, 'RateLimited Neutral RateLimited'],
    ['OpenAI', 'insufficient_quota', undefined, 'RateLimited Neutral QuotaExhausted'],
    ['OpenAI', 'insufficient_quota', 429, 'RateLimited Neutral QuotaExhausted'],
    ['OpenAI', 'server_error', undefined, 'ServerError Failure Fine'],
    ['OpenAI', 'response.failed', undefined, 'ServerError Failure Fine'],
    ['OpenAI', 'error', undefined, 'ServerError Failure Fine'],
    ['OpenAI', undefined, undefined, 'ServerError Failure Fine'],
    ['OpenAI', 'vector_store_timeout', undefined, 'ServerError Failure Fine'],
    ['OpenAI', 'invalid_prompt', undefined, 'caller Success Fine'],
    ['OpenAI', 'invalid_image_url', undefined, 'caller Success Fine'],
    ['OpenAI', 'image_too_large', undefined, 'caller Success Fine'],
    ['OpenAI', 'context_length_exceeded', undefined, 'caller Success Fine'],
    ['OpenAI', 'content_filter', 400, 'caller Success Fine'],
    ['OpenAI', 'tool_use_failed', 400, 'caller Success Fine'],
    ['OpenAI', 'invalid_api_key', undefined, 'ProviderRefused Neutral Refused'],
    ['OpenAI', '502', 502, 'ServerError Failure Fine'],
    ['OpenAI', '429', 429, 'RateLimited Neutral RateLimited'],
    ['OpenAI', '408', 408, 'Timeout Failure Fine'],
    ['OpenAI', 'overloaded_error', undefined, 'ServerError Failure Fine'],
    ['OpenAI', 'RESOURCE_EXHAUSTED', undefined, 'RateLimited Neutral RateLimited'],
    ['Anthropic', 'overloaded_error', undefined, 'ServerError Failure Fine'],
    ['Anthropic', 'api_error', undefined, 'ServerError Failure Fine'],
    ['Anthropic', 'rate_limit_error', undefined, 'RateLimited Neutral RateLimited'],
    ['Anthropic', 'authentication_error', undefined, 'ProviderRefused Neutral Refused'],
    ['Anthropic', 'invalid_request_error', undefined, 'caller Success Fine'],
    ['Gemini', 'UNAVAILABLE', 503, 'ServerError Failure Fine'],
    ['Gemini', 'INTERNAL', undefined, 'ServerError Failure Fine'],
    ['Gemini', 'RESOURCE_EXHAUSTED', 429, 'RateLimited Neutral RateLimited'],
    ['Gemini', 'PERMISSION_DENIED', 403, 'ProviderRefused Neutral Refused'],
    ['Gemini', 'INVALID_ARGUMENT', 400, 'caller Success Fine'],
  ])('of %s, %s %p, is %s', (dialect, word, status, expected) => {
    expect(said(classifyReported(dialect, word, status))).toBe(expected)
  })
})

family(`a recorded error${HAS_RECORDINGS ? '' : ' (skipped: no recordings on this machine)'}`, () => {
  test('is what the table says', () => {
    const errors = recordedErrors()
    const table = errors.map(({ name, ...answer }) => {
      const { status } = answer
      return `${name}: ${status < 400 ? status : said(classifyAnswer({ ...answer, hasCredential: true }, NOW_MS))}`
    })
    expect(table).toEqual([
      'anthropic-messages/error/400-invalid-request.exchange.json: caller Success Fine invalid_request_error',
      'anthropic-messages/error/401-authentication.exchange.json: ProviderRefused Neutral Refused authentication_error',
      'anthropic-messages/error/404-model.json: caller Success Fine not_found_error',
      'anthropic-messages/error/529-overloaded.json: ServerError Failure Fine overloaded_error',
      'azure-openai/error/200-prompt-filtered-error-body.exchange.json: 200',
      'azure-openai/error/404-deployment-not-found.exchange.json: caller Success Fine DeploymentNotFound',
      'gemini/error/200-finish-message-no-content.json: 200',
      'gemini/error/200-finish-safety.json: 200',
      'gemini/error/200-prompt-blocked.json: 200',
      'gemini/error/400-api-key.json: ProviderRefused Neutral Refused API_KEY_INVALID',
      'gemini/error/400-location.json: caller Success Fine FAILED_PRECONDITION',
      'gemini/error/400-vertex-invalid-argument.exchange.json: caller Success Fine INVALID_ARGUMENT',
      'gemini/error/403-api-not-enabled.json: ProviderRefused Neutral Refused SERVICE_DISABLED',
      'gemini/error/403-vertex-iam.json: ProviderRefused Neutral Refused IAM_PERMISSION_DENIED',
      'gemini/error/404-html-body.html: caller Success Fine',
      'gemini/error/404-model.exchange.json: caller Success Fine NOT_FOUND',
      'gemini/error/404-model.json: caller Success Fine NOT_FOUND',
      'gemini/error/404-vertex-model.json: caller Success Fine NOT_FOUND',
      'gemini/error/429-retry-info.json: RateLimited Neutral RateLimited RESOURCE_EXHAUSTED wait 34400',
      'gemini/error/stream-requested-400-api-key.sse: ProviderRefused Neutral Refused API_KEY_INVALID',
      'gemini/error/stream-requested-400-json.sse: caller Success Fine FAILED_PRECONDITION',
      'openai-chat/error/400-bad-image.exchange.json: caller Success Fine invalid_image_url',
      'openai-chat/error/400-unsupported-parameter.json: caller Success Fine unsupported_parameter',
      'openai-chat/error/401-invalid-key.exchange.json: ProviderRefused Neutral Refused invalid_api_key',
      'openai-chat/error/404-model-not-found.exchange.json: caller Success Fine model_not_found',
      'openai-chat/error/429-insufficient-quota.json: RateLimited Neutral QuotaExhausted insufficient_quota',
      'openai-embeddings/error/404-model.exchange.json: caller Success Fine model_not_found',
      'openai-responses/error/400-temperature-unsupported.json: caller Success Fine invalid_request_error',
      'openai-responses/error/400-unknown-model.exchange.json: caller Success Fine model_not_found',
      'openai-responses/error/401-invalid-key.exchange.json: ProviderRefused Neutral Refused invalid_api_key',
    ])
  })
})
