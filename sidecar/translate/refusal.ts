// Says a refusal in the words of the dialect that the client speaks, so that its SDK raises the right error.
//
// In: a Refusal. Out: a whole error body for an answer that has not begun, or, once a stream is under way, the one event
// that makes the dialect's SDKs raise: a stream that merely ends early looks finished to all of them. The forms are not
// interchangeable; a wrong one is yielded as data or dropped without a word. Nothing is decided here: status, headers
// and whether to break the connection afterwards are the listener's.
//
// Messages come from the table in errors.ts and name no host, path or key.
import type { Dialect, Operation } from '../../contract/sidecar-config.ts'
import type { Refusal } from '../errors.ts'

/** What the dialects call an HTTP status. */
interface StatusWords {
  openAi: string
  anthropic: string
  gemini: string
}

// Anthropic's Python SDK picks the class of an in-stream error by its type alone, Google's users branch on the status
// word; the HTTP status decides everywhere else.
const WORDS: Partial<Record<number, StatusWords>> = {
  401: { openAi: 'authentication_error', anthropic: 'authentication_error', gemini: 'UNAUTHENTICATED' },
  403: { openAi: 'permission_error', anthropic: 'permission_error', gemini: 'PERMISSION_DENIED' },
  404: { openAi: 'invalid_request_error', anthropic: 'not_found_error', gemini: 'NOT_FOUND' },
  408: { openAi: 'timeout_error', anthropic: 'timeout_error', gemini: 'DEADLINE_EXCEEDED' },
  413: { openAi: 'invalid_request_error', anthropic: 'request_too_large', gemini: 'INVALID_ARGUMENT' },
  429: { openAi: 'rate_limit_error', anthropic: 'rate_limit_error', gemini: 'RESOURCE_EXHAUSTED' },
  499: { openAi: 'invalid_request_error', anthropic: 'invalid_request_error', gemini: 'CANCELLED' },
  500: { openAi: 'server_error', anthropic: 'api_error', gemini: 'INTERNAL' },
  503: { openAi: 'server_error', anthropic: 'overloaded_error', gemini: 'UNAVAILABLE' },
  504: { openAi: 'server_error', anthropic: 'timeout_error', gemini: 'DEADLINE_EXCEEDED' },
}
const OTHER_CALLER_FAULT: StatusWords = {
  openAi: 'invalid_request_error',
  anthropic: 'invalid_request_error',
  gemini: 'INVALID_ARGUMENT',
}
const OTHER_SERVER_FAULT: StatusWords = { openAi: 'server_error', anthropic: 'api_error', gemini: 'UNAVAILABLE' }

/** The body of an answer that is nothing but this refusal; its status is `refusal.failure.status`. */
export function refusalBody(
  dialect: Dialect,
  refusal: Refusal,
  requestId: string,
): { contentType: string; body: Buffer } {
  // js-genai and openai-node read an error as JSON only under this type.
  return { contentType: 'application/json', body: encode(errorObject(dialect, refusal, requestId)) }
}

/**
 * What to send, last, into a stream of whole events that has begun. For Gemini it must be a write of its own: its Node
 * SDK takes a bare JSON error for one only when it is all of a network chunk. In the same chunk as an event it still
 * raises, though as a generic error; the array form of a Gemini stream becomes invalid JSON by it, which is as loud.
 */
export function refusalEvent(dialect: Dialect, operation: Operation, refusal: Refusal, requestId: string): Buffer {
  const error = errorObject(dialect, refusal, requestId)
  if (dialect === 'Gemini') return encode(error)
  if (dialect === 'Anthropic') return encode(error, 'event: error\ndata: ', '\n\n')
  if (operation !== 'Responses') return encode(error, 'data: ', '\n\n')
  // Documented flat, recorded nested: Node's SDK raises on the name, Python's on the `error` member.
  const { code, message } = openAiError(refusal)
  const event = { type: 'error', ...error, code, message, param: null, sequence_number: 0 }
  return encode(event, 'event: error\ndata: ', '\n\n')
}

function errorObject(dialect: Dialect, refusal: Refusal, requestId: string): object {
  switch (dialect) {
    case 'OpenAI':
      return { error: openAiError(refusal) }
    case 'Anthropic':
      return {
        type: 'error',
        error: { type: words(refusal).anthropic, message: refusal.message },
        request_id: requestId,
      }
    case 'Gemini':
      return { error: { code: refusal.failure.status, message: refusal.message, status: words(refusal).gemini } }
  }
}

function openAiError(refusal: Refusal): { message: string; type: string; param: null; code: string } {
  return { message: refusal.message, type: words(refusal).openAi, param: null, code: refusal.code }
}

function words(refusal: Refusal): StatusWords {
  const { status } = refusal.failure
  return WORDS[status] ?? (status < 500 ? OTHER_CALLER_FAULT : OTHER_SERVER_FAULT)
}

/**
 * JSON without the line separators that JSON allows in strings: python-genai splits its stream with `str.splitlines`,
 * to which U+0085, U+2028 and U+2029 are line ends.
 */
function encode(value: object, before = '', behind = ''): Buffer {
  const json = JSON.stringify(value).replace(
    /[\u0085\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return Buffer.from(`${before}${json}${behind}`)
}
