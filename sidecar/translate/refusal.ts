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
import { writeFrame } from '../stream/eventstream-frame.ts'

/** What the dialects call an HTTP status. */
interface StatusWords {
  openAi: string
  anthropic: string
  gemini: string
  bedrock: string
}

// Anthropic's Python SDK picks the class of an in-stream error by its type alone, and Amazon's of every error, Google's users
// branch on the status word; the HTTP status decides everywhere else.
const WORDS: Partial<Record<number, StatusWords>> = {
  401: {
    openAi: 'authentication_error',
    anthropic: 'authentication_error',
    gemini: 'UNAUTHENTICATED',
    bedrock: 'AccessDeniedException',
  },
  403: {
    openAi: 'permission_error',
    anthropic: 'permission_error',
    gemini: 'PERMISSION_DENIED',
    bedrock: 'AccessDeniedException',
  },
  404: {
    openAi: 'invalid_request_error',
    anthropic: 'not_found_error',
    gemini: 'NOT_FOUND',
    bedrock: 'ResourceNotFoundException',
  },
  408: {
    openAi: 'timeout_error',
    anthropic: 'timeout_error',
    gemini: 'DEADLINE_EXCEEDED',
    bedrock: 'ModelTimeoutException',
  },
  413: {
    openAi: 'invalid_request_error',
    anthropic: 'request_too_large',
    gemini: 'INVALID_ARGUMENT',
    bedrock: 'ValidationException',
  },
  429: {
    openAi: 'rate_limit_error',
    anthropic: 'rate_limit_error',
    gemini: 'RESOURCE_EXHAUSTED',
    bedrock: 'ThrottlingException',
  },
  499: {
    openAi: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    gemini: 'CANCELLED',
    bedrock: 'ValidationException',
  },
  500: { openAi: 'server_error', anthropic: 'api_error', gemini: 'INTERNAL', bedrock: 'InternalServerException' },
  503: {
    openAi: 'server_error',
    anthropic: 'overloaded_error',
    gemini: 'UNAVAILABLE',
    bedrock: 'ServiceUnavailableException',
  },
  504: {
    openAi: 'server_error',
    anthropic: 'timeout_error',
    gemini: 'DEADLINE_EXCEEDED',
    bedrock: 'ModelTimeoutException',
  },
}
const OTHER_CALLER_FAULT: StatusWords = {
  openAi: 'invalid_request_error',
  anthropic: 'invalid_request_error',
  gemini: 'INVALID_ARGUMENT',
  bedrock: 'ValidationException',
}
const OTHER_SERVER_FAULT: StatusWords = {
  openAi: 'server_error',
  anthropic: 'api_error',
  gemini: 'UNAVAILABLE',
  bedrock: 'ModelErrorException',
}

/**
 * The body of an answer that is nothing but this refusal; its status is `refusal.failure.status`. `headers` are those that the
 * dialect has besides: name, value, …
 */
export function refusalBody(
  dialect: Dialect,
  refusal: Refusal,
  requestId: string,
): { contentType: string; headers: string[]; body: Buffer } {
  // Amazon's SDKs find the error's class nowhere else.
  const headers = dialect === 'Bedrock' ? ['x-amzn-errortype', words(refusal).bedrock] : []
  // js-genai and openai-node read an error as JSON only under this type.
  return { contentType: 'application/json', headers, body: encode(errorObject(dialect, refusal, requestId)) }
}

/**
 * What to send, last, into a stream of whole events that has begun. For Gemini it must be a write of its own: its Node
 * SDK takes a bare JSON error for one only when it is all of a network chunk. In the same chunk as an event it still
 * raises, though as a generic error; the array form of a Gemini stream becomes invalid JSON by it, which is as loud.
 */
export function refusalEvent(dialect: Dialect, operation: Operation, refusal: Refusal, requestId: string): Buffer {
  const error = errorObject(dialect, refusal, requestId)
  if (dialect === 'Gemini') return encode(error)
  if (dialect === 'Bedrock') return exceptionFrame(refusal, encode(error))
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
    case 'Bedrock':
      return { message: refusal.message }
    case 'Gemini':
      return { error: geminiError(refusal) }
  }
}

/** When to try again stands in the body: Google's API has no header for it. */
function geminiError(refusal: Refusal): object {
  const { failure, message, retryAfterMs } = refusal
  const error = { code: failure.status, message, status: words(refusal).gemini }
  if (failure.status !== 429 || retryAfterMs === undefined) return error
  const retryDelay = `${Math.ceil(retryAfterMs) / 1000}s`
  return { ...error, details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }] }
}

/** Those that every stream of Bedrock's may hold. */
const STREAM_EXCEPTIONS: ReadonlySet<string> = new Set([
  'internalServerException',
  'serviceUnavailableException',
  'throttlingException',
  'validationException',
])

function exceptionFrame(refusal: Refusal, payload: Buffer): Buffer {
  const type = words(refusal).bedrock.replace(/^./, (first) => first.toLowerCase())
  const headers = {
    ':exception-type': STREAM_EXCEPTIONS.has(type) ? type : 'modelStreamErrorException',
    ':content-type': 'application/json',
    ':message-type': 'exception',
  }
  return writeFrame(headers, payload)
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
