// Every failure that a caller can see, in one table. Code throws `new Refusal('code', detail)` wherever it notices; the
// listener turns it into a response in one place, in the client's dialect. Branch on `code`, never on a message.

import type { LimitedQuantity } from '../contract/limit-config.ts'
import type { RetryReason } from '../contract/sidecar-config.ts'

/** Who is at fault: the closed vocabulary of metrics, logs and `x-outrigger-reason`. */
export type FaultDomain = 'caller' | 'policy' | 'provider' | 'outrigger'

interface Failure {
  status: number
  fault: FaultDomain
  /** What the failure of an attempt is in the terms of a route's `retry.on`; absent where another attempt is never worth it. */
  reason?: RetryReason
  /** Shown to the caller, so it names no host, path or key. */
  message: string
  /** `false` tells SDKs that waiting is pointless; absent leaves it to the status. */
  retry?: false
}

export const FAILURES = {
  // The request itself.
  malformed_request: { status: 400, fault: 'caller', message: 'The HTTP request is malformed.' },
  headers_too_large: { status: 431, fault: 'caller', message: 'The request headers are too large.' },
  body_too_large: { status: 413, fault: 'caller', message: 'The request body is too large.' },
  request_timeout: { status: 408, fault: 'caller', message: 'The request did not arrive in time.' },
  expectation_failed: { status: 417, fault: 'caller', message: 'Only "Expect: 100-continue" is supported.' },
  unsupported_encoding: { status: 415, fault: 'caller', message: 'This content-encoding is not supported.' },
  invalid_body: { status: 400, fault: 'caller', message: 'The request body is not what its content type says.' },
  missing_model: { status: 400, fault: 'caller', message: 'The request names no model.' },
  unknown_path: { status: 404, fault: 'caller', message: 'No API is served at this path.' },
  ambiguous_provider: {
    status: 400,
    fault: 'caller',
    message: 'The request names no model and several providers could serve it.',
  },
  client_closed: { status: 499, fault: 'caller', message: 'The client closed the connection.' },
  client_stalled: { status: 408, fault: 'caller', message: 'The client stopped reading the answer.' },
  // What the policy says.
  host_not_allowed: { status: 403, fault: 'policy', message: 'This Host is not served here.', retry: false },
  origin_not_allowed: {
    status: 403,
    fault: 'policy',
    message: 'Requests from web pages are not allowed.',
    retry: false,
  },
  model_not_found: { status: 404, fault: 'policy', message: 'No provider or rule serves this model.' },
  dialect_mismatch: { status: 400, fault: 'policy', message: "The model's provider does not speak this API." },
  rule_unavailable: {
    status: 503,
    fault: 'policy',
    message: 'The rule for this request has no backend.',
    retry: false,
  },
  limit_reached: { status: 429, fault: 'policy', message: 'A limit has no room for this request.' },
  budget_exhausted: { status: 429, fault: 'policy', message: 'A budget has no room for this request.' },
  price_unknown: {
    status: 403,
    fault: 'policy',
    message: 'What this request costs is unknown, and cost is limited here.',
    retry: false,
  },
  // The provider.
  provider_unreachable: {
    status: 502,
    fault: 'provider',
    reason: 'ConnectFailure',
    message: 'The provider could not be reached.',
  },
  provider_connect_timeout: {
    status: 504,
    fault: 'provider',
    reason: 'ConnectFailure',
    message: 'Connecting to the provider took too long.',
  },
  provider_disconnected: {
    status: 502,
    fault: 'provider',
    reason: 'ServerError',
    message: 'The provider closed the connection instead of answering.',
  },
  provider_first_byte_timeout: {
    status: 504,
    fault: 'provider',
    reason: 'Timeout',
    message: 'The provider did not begin to answer in time.',
  },
  provider_idle_timeout: {
    status: 504,
    fault: 'provider',
    reason: 'Timeout',
    message: 'The provider stopped sending.',
  },
  provider_total_timeout: { status: 504, fault: 'provider', message: 'The answer took longer than allowed.' },
  provider_truncated: {
    status: 502,
    fault: 'provider',
    reason: 'ServerError',
    message: 'The provider ended its answer too early.',
  },
  provider_stream_error: {
    status: 502,
    fault: 'provider',
    reason: 'ServerError',
    message: 'The provider reported an error inside its answer.',
  },
  provider_invalid_response: {
    status: 502,
    fault: 'provider',
    reason: 'ServerError',
    message: 'The provider sent an answer that is not valid HTTP.',
  },
  provider_error: {
    status: 502,
    fault: 'provider',
    reason: 'ServerError',
    message: 'The provider answered with an error.',
  },
  provider_rate_limited: {
    status: 429,
    fault: 'provider',
    reason: 'RateLimited',
    message: 'The provider has no capacity for this account at the moment.',
  },
  provider_credentials_exhausted: {
    status: 502,
    fault: 'provider',
    reason: 'ProviderRefused',
    message: 'The provider refuses the credentials that the platform configured for it; yours are not concerned.',
    retry: false,
  },
  // Outrigger itself.
  not_configured: { status: 503, fault: 'outrigger', message: 'No configuration has been loaded yet.' },
  credential_unavailable: { status: 503, fault: 'outrigger', message: "The provider's credential cannot be read." },
  limits_unavailable: {
    status: 503,
    fault: 'outrigger',
    message: 'The store of limits cannot be reached, and the policy is to refuse then.',
  },
  overloaded: {
    status: 503,
    fault: 'outrigger',
    reason: 'ConnectFailure',
    message: 'Too much is waiting in this sidecar.',
  },
  shutting_down: { status: 503, fault: 'outrigger', message: 'The sidecar is shutting down.' },
  internal: { status: 500, fault: 'outrigger', message: 'Outrigger failed.' },
} satisfies Record<string, Failure>

export type FailureCode = keyof typeof FAILURES

/** What a caller is told of the limit that refused it, in the headers that its SDK knows. */
export interface LimitNotice {
  what: LimitedQuantity
  limit: number
  /** What could be taken now. */
  remaining: number
  /** When the request would fit, in milliseconds since the epoch; undefined: never. */
  resetAtMs: number | undefined
}

export interface RefusalOptions extends ErrorOptions {
  /** When it is worth trying again. */
  retryAfterMs?: number | undefined
  limit?: LimitNotice | undefined
  /** `never` tells SDKs that another try is pointless, or is not theirs to make. */
  tryAgain?: 'never' | 'later'
}

export class Refusal extends Error {
  readonly code: FailureCode
  /** A sentence more for the caller: what exactly, and what to do. Names no host, path or key. */
  readonly detail: string | undefined
  readonly retryAfterMs: number | undefined
  readonly limit: LimitNotice | undefined
  readonly tryAgain: 'never' | 'later'

  constructor(code: FailureCode, detail?: string, options: RefusalOptions = {}) {
    super(detail === undefined ? FAILURES[code].message : `${FAILURES[code].message} ${detail}`, options)
    this.code = code
    this.detail = detail
    this.retryAfterMs = options.retryAfterMs
    this.limit = options.limit
    this.tryAgain = options.tryAgain ?? (this.failure.retry === false ? 'never' : 'later')
  }

  get failure(): Failure {
    return FAILURES[this.code]
  }
}
