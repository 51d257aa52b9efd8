// From a request to what is sent back, without I/O: read the call, refuse it or let its endpoint answer, add the provider's
// headers. Every ProviderError, wherever it was thrown, becomes the dialect's error body here and nowhere else.
//
// Order of refusals: a wrong behaviour (400), echo-key, the credential, the status asked for, an unknown path, an unknown
// model, then what the endpoint finds. So a bad key stays bad whatever else is asked.
import type { IncomingHttpHeaders } from 'node:http'
import { authenticate, credentialOf, dialectOf } from './authenticate.ts'
import { type Asked, askedByHeaders, askedByName, type Behaviour, behaviourOf, NO_BEHAVIOUR } from './behaviours.ts'
import type { Answer, Call, Dialect, UnaryAnswer } from './call.ts'
import type { Delivery } from './deliver.ts'
import { findEndpoint, type Handler } from './endpoints.ts'
import { errorBody, messageOf, modelNotFound, ProviderError } from './errors.ts'
import { isObject, type JsonObject, stringOf } from './json.ts'
import { type AnswerHeaders, providerHeaders, requestIdOf } from './provider-headers.ts'

export interface Incoming {
  readonly method: string
  /** Path and query as sent. */
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  /** What is asked of this request apart from the request itself. */
  readonly asked: Asked
  readonly id: Call['id']
  readonly nowMs: number
}

export interface Received {
  readonly call: Call
  readonly credential: string
  /** Undefined: nothing is served at this path. */
  readonly handler: Handler | undefined
  /** A behaviour that does not parse. */
  readonly problem: ProviderError | undefined
}

export function readCall(incoming: Incoming): Received {
  const { method, headers, bytes, id, nowMs } = incoming
  const url = urlOf(incoming.target)
  const spoken = dialectOf(headers, url.pathname)
  const match = findEndpoint(method, url.pathname, spoken)
  const dialect = match?.endpoint.dialect ?? spoken
  const json = parseJson(bytes)
  const params = match?.params ?? {}
  const model = params.model ?? (stringOf(json?.model) || (url.searchParams.get('model') ?? ''))
  const credential = credentialOf(dialect, headers, url)
  const { behaviour, problem } = readBehaviour(incoming, credential, model)
  const call = { dialect, url, params, headers, bytes, json, model, behaviour, nowMs, id }
  return { call, credential, handler: match?.endpoint.answer, problem }
}

export async function decide(received: Received, keys: readonly string[] | undefined): Promise<Delivery> {
  const { call, handler } = received
  const refusal = refusalOf(received, keys)
  if (refusal) return errorDelivery(received, refusal)
  try {
    if (!handler) throw new ProviderError(404, `Invalid URL (${call.url.pathname})`)
    if (call.model.startsWith('unknown')) throw modelNotFound(call.dialect, call.model)
    return delivery(received, await handler(call))
  } catch (error) {
    if (error instanceof ProviderError) return errorDelivery(received, error)
    throw error
  }
}

/** Why this caller is refused, whatever the path: its behaviours, its credential. */
export function refusalOf(received: Received, keys: readonly string[] | undefined): ProviderError | undefined {
  const { call, credential, problem } = received
  const { status, echoKey, errorAfterEvents, errorCode, retryAfter } = call.behaviour
  if (problem) return problem
  if (echoKey && errorAfterEvents === undefined) {
    return new ProviderError(status ?? 401, keyMessage(credential), { code: errorCode })
  }
  try {
    authenticate(call.dialect, credential, keys)
  } catch (error) {
    if (error instanceof ProviderError) return error
    throw error
  }
  return status === undefined
    ? undefined
    : new ProviderError(status, messageOf(status), { code: errorCode, retryAfter })
}

export function errorDelivery(received: Received, error: ProviderError): Delivery {
  const { dialect, behaviour } = received.call
  const requestId = requestIdOf(received.call)
  const answer = errorAnswer(dialect, error, requestId)
  const sent = delivery(received, answer, requestId)
  // An error has its own status and no stream to fail in; Anthropic tells its SDKs which errors waiting will not cure.
  const final = dialect === 'anthropic' && error.status < 500 && ![408, 409, 429].includes(error.status)
  const headers = { ...sent.headers, ...(final ? { 'x-should-retry': 'false' } : {}) }
  return { ...sent, headers, behaviour: { ...behaviour, errorAfterEvents: undefined } }
}

function delivery(received: Received, answer: Answer, requestId = requestIdOf(received.call)): Delivery {
  const { call } = received
  return {
    answer,
    headers: { ...providerHeaders(call, requestId), ...askedHeaders(received) },
    behaviour: call.behaviour,
    streamError: streamError(received, requestId),
  }
}

function askedHeaders({ call, credential }: Received): AnswerHeaders {
  const { retryAfter, echoKey } = call.behaviour
  return {
    ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
    ...(echoKey ? { 'x-mock-key': credential } : {}),
  }
}

function errorAnswer(dialect: Dialect, error: ProviderError, requestId: string): UnaryAnswer {
  // Azure labels this one error with no type at all.
  const labelled = error.detail.code !== 'DeploymentNotFound'
  return {
    kind: 'unary',
    status: error.status,
    contentType: labelled ? 'application/json; charset=utf-8' : undefined,
    body: JSON.stringify(errorBody(dialect, error, requestId), null, 2),
  }
}

const STREAM_ERROR_STATUS = { openai: 500, azure: 500, anthropic: 529, gemini: 503 } as const

function streamError({ call, credential }: Received, requestId: string): JsonObject {
  const status = STREAM_ERROR_STATUS[call.dialect]
  const { echoKey, errorCode } = call.behaviour
  const message = echoKey ? keyMessage(credential) : messageOf(status)
  return errorBody(call.dialect, new ProviderError(status, message, { code: errorCode }), requestId)
}

function keyMessage(credential: string): string {
  return `Incorrect API key provided: ${credential}.`
}

function readBehaviour(
  { asked, headers }: Incoming,
  credential: string,
  model: string,
): { behaviour: Behaviour; problem: ProviderError | undefined } {
  try {
    const all = { ...asked, ...askedByName(credential), ...askedByName(model), ...askedByHeaders(headers) }
    return { behaviour: behaviourOf(all), problem: undefined }
  } catch (error) {
    if (error instanceof ProviderError) return { behaviour: NO_BEHAVIOUR, problem: error }
    throw error
  }
}

/** A base URL with a trailing slash makes SDKs send `//openai/…`, which URL would read as a host. */
function urlOf(target: string): URL {
  return URL.parse(target.replace(/^\/+/, '/'), 'http://mock') ?? new URL('http://mock')
}

function parseJson(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
