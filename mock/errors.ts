// Every error that the mock answers, as each provider words it: one ProviderError, one row per status and dialect.
// Sources: the providers' error references and recorded answers. Gemini refuses a bad key with 400, not 401.
import type { Dialect } from './call.ts'
import type { JsonObject } from './json.ts'

interface ErrorDetail {
  /** OpenAI's `code`, or what stands for it: decides the error type of the other dialects too where they have one. */
  readonly code?: string | undefined
  readonly param?: string
  /** Seconds or an HTTP date, as asked; Gemini repeats seconds as RetryInfo. */
  readonly retryAfter?: string | undefined
}

export class ProviderError extends Error {
  readonly status: number
  readonly detail: ErrorDetail

  constructor(status: number, message: string, detail: ErrorDetail = {}) {
    super(message)
    this.status = status
    this.detail = detail
  }
}

interface ErrorWords {
  readonly openaiType: string
  readonly openaiCode: string | null
  readonly anthropicType: string
  readonly geminiStatus: string
  readonly message: string
}

function words(
  openai: readonly [type: string, code: string | null],
  anthropicType: string,
  geminiStatus: string,
  message: string,
): ErrorWords {
  return { openaiType: openai[0], openaiCode: openai[1], anthropicType, geminiStatus, message }
}

const INVALID = 'invalid_request_error'
const OTHER_CALLER_ERROR = words([INVALID, null], INVALID, 'INVALID_ARGUMENT', 'The request is invalid.')
const OTHER_SERVER_ERROR = words(['server_error', null], 'api_error', 'INTERNAL', 'The server had an error.')

const BY_STATUS: Readonly<Record<number, ErrorWords>> = {
  400: OTHER_CALLER_ERROR,
  401: words([INVALID, 'invalid_api_key'], 'authentication_error', 'UNAUTHENTICATED', 'Incorrect API key provided.'),
  402: words(['insufficient_quota', 'insufficient_quota'], 'billing_error', 'FAILED_PRECONDITION', 'Nothing is paid.'),
  403: words([INVALID, 'forbidden'], 'permission_error', 'PERMISSION_DENIED', 'The key may not do this.'),
  404: words([INVALID, 'not_found'], 'not_found_error', 'NOT_FOUND', 'There is no such resource.'),
  409: words(['conflict_error', null], INVALID, 'ABORTED', 'The resource was changed meanwhile.'),
  413: words([INVALID, null], 'request_too_large', 'INVALID_ARGUMENT', 'The request is too large.'),
  429: words(['requests', 'rate_limit_exceeded'], 'rate_limit_error', 'RESOURCE_EXHAUSTED', 'Rate limit reached.'),
  500: OTHER_SERVER_ERROR,
  503: words(['server_error', 'unavailable'], 'overloaded_error', 'UNAVAILABLE', 'The model is overloaded.'),
  504: words(['server_error', 'timeout'], 'timeout_error', 'DEADLINE_EXCEEDED', 'The request took too long.'),
  529: words(['server_error', 'overloaded'], 'overloaded_error', 'UNAVAILABLE', 'Overloaded'),
}

function wordsOf(status: number): ErrorWords {
  return BY_STATUS[status] ?? (status < 500 ? OTHER_CALLER_ERROR : OTHER_SERVER_ERROR)
}

/** The usual message of a status. */
export function messageOf(status: number): string {
  return wordsOf(status).message
}

type ErrorBody = (error: ProviderError, requestId: string) => JsonObject

function openaiBody(error: ProviderError): JsonObject {
  const { openaiType, openaiCode } = wordsOf(error.status)
  const code = error.detail.code ?? openaiCode
  const type = code === 'insufficient_quota' ? code : openaiType
  return { error: { message: error.message, type, param: error.detail.param ?? null, code } }
}

function anthropicBody(error: ProviderError, requestId: string): JsonObject {
  const type = wordsOf(error.status).anthropicType
  return { type: 'error', error: { type, message: error.message }, request_id: requestId }
}

function geminiBody(error: ProviderError): JsonObject {
  const details = [...geminiReason(error), ...geminiRetry(error)]
  const body = { code: error.status, message: error.message, status: wordsOf(error.status).geminiStatus }
  return { error: details.length > 0 ? { ...body, details } : body }
}

function geminiReason({ detail }: ProviderError): JsonObject[] {
  if (detail.code === undefined) return []
  const metadata = { service: 'generativelanguage.googleapis.com' }
  const type = 'type.googleapis.com/google.rpc.ErrorInfo'
  return [{ '@type': type, reason: detail.code, domain: 'googleapis.com', metadata }]
}

function geminiRetry({ detail }: ProviderError): JsonObject[] {
  const seconds = Number(detail.retryAfter)
  if (detail.retryAfter === undefined || Number.isNaN(seconds)) return []
  return [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${seconds}s` }]
}

const BODIES: Readonly<Record<Dialect, ErrorBody>> = {
  openai: openaiBody,
  azure: openaiBody,
  anthropic: anthropicBody,
  gemini: geminiBody,
}

/** The error as the dialect's JSON body. */
export function errorBody(dialect: Dialect, error: ProviderError, requestId: string): JsonObject {
  return BODIES[dialect](error, requestId)
}

const MODEL_NOT_FOUND: Readonly<Record<Dialect, (model: string) => ProviderError>> = {
  openai: (model) =>
    new ProviderError(404, `The model \`${model}\` does not exist or you do not have access to it.`, {
      code: 'model_not_found',
    }),
  azure: () =>
    new ProviderError(404, 'The API deployment for this resource does not exist.', { code: 'DeploymentNotFound' }),
  anthropic: (model) => new ProviderError(404, `model: ${model}`),
  gemini: (model) =>
    new ProviderError(404, `models/${model} is not found, or is not supported for this method. Call ListModels.`),
}

export function modelNotFound(dialect: Dialect, model: string): ProviderError {
  return MODEL_NOT_FOUND[dialect](model)
}
