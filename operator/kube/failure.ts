// What an API server's refusal says, read from status, headers and body. Pure: the client throws it as a KubeError.

export interface Failure {
  /** The HTTP status. */
  status: number
  /** `Status.reason`, e.g. `Conflict`; for an answer that is no Status object, the one that its HTTP status stands for. */
  reason: string
  /** The server's words, cut to a line's length. */
  message: string
  /** How long the server asks to be left alone; absent when it does not. */
  retryAfterMs?: number
}

export interface RefusedAnswer {
  status: number
  /** The header as it came. */
  retryAfter: string | undefined
  body: string
  /** Milliseconds since the epoch, for a Retry-After that is a date. */
  now: number
}

const MESSAGE_CHARACTERS_MAX = 1000

/** Proxies in front of an API server, and the server itself before it is up, answer without a Status object. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

/** An answer with a status that is not 2xx. */
export function failureOfAnswer(answer: RefusedAnswer): Failure {
  const status = parsedObject(answer.body)
  const failure = failureOfStatus(status, answer.status)
  if (failure.message === '') failure.message = line(answer.body)
  const retryAfterMs = parseRetryAfter(answer.retryAfter, answer.now) ?? failure.retryAfterMs
  return { ...failure, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/** A `Status` object, as it comes in a body or in a watch's ERROR event. `fallback` stands in for a missing `code`. */
export function failureOfStatus(object: unknown, fallback: number): Failure {
  const status = isObject(object) ? object : {}
  const code = typeof status.code === 'number' ? status.code : fallback
  const details = isObject(status.details) ? status.details : {}
  const seconds = details.retryAfterSeconds
  return {
    status: code,
    reason: typeof status.reason === 'string' && status.reason !== '' ? status.reason : (REASONS[code] ?? 'Unknown'),
    message: typeof status.message === 'string' ? line(status.message) : '',
    ...(typeof seconds === 'number' && seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
  }
}

/** Both forms of RFC 9110 §10.2.3: seconds, or a date. Undefined for what is neither. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  // `Date.parse` takes nearly anything for a date; an HTTP date begins with the day's name.
  const date = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

function parsedObject(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function line(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, MESSAGE_CHARACTERS_MAX)
}
