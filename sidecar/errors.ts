// Every failure that a caller can see, in one table. Code throws `new Refusal('code', detail)` wherever it notices; the
// listener turns it into a response in one place, in the client's dialect. Branch on `code`, never on a message.

/** Who is at fault: the closed vocabulary of metrics, logs and `x-outrigger-reason`. */
export type FaultDomain = 'caller' | 'policy' | 'provider' | 'outrigger'

interface Failure {
  status: number
  fault: FaultDomain
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
  // The provider.
  provider_unreachable: { status: 502, fault: 'provider', message: 'The provider could not be reached.' },
  provider_connect_timeout: { status: 504, fault: 'provider', message: 'Connecting to the provider took too long.' },
  provider_first_byte_timeout: {
    status: 504,
    fault: 'provider',
    message: 'The provider did not begin to answer in time.',
  },
  provider_idle_timeout: { status: 504, fault: 'provider', message: 'The provider stopped sending.' },
  provider_total_timeout: { status: 504, fault: 'provider', message: 'The answer took longer than allowed.' },
  provider_truncated: { status: 502, fault: 'provider', message: 'The provider ended its answer too early.' },
  provider_stream_error: {
    status: 502,
    fault: 'provider',
    message: 'The provider reported an error inside its stream.',
  },
  provider_invalid_response: {
    status: 502,
    fault: 'provider',
    message: 'The provider sent an answer that is not valid HTTP.',
  },
  // Outrigger itself.
  not_configured: { status: 503, fault: 'outrigger', message: 'No configuration has been loaded yet.' },
  credential_unavailable: { status: 503, fault: 'outrigger', message: "The provider's credential cannot be read." },
  overloaded: { status: 503, fault: 'outrigger', message: 'Too much is waiting in this sidecar.' },
  shutting_down: { status: 503, fault: 'outrigger', message: 'The sidecar is shutting down.' },
  internal: { status: 500, fault: 'outrigger', message: 'Outrigger failed.' },
} satisfies Record<string, Failure>

export type FailureCode = keyof typeof FAILURES

export class Refusal extends Error {
  readonly code: FailureCode
  /** A sentence more for the caller: what exactly, and what to do. Names no host, path or key. */
  readonly detail: string | undefined

  constructor(code: FailureCode, detail?: string, options?: ErrorOptions) {
    super(detail === undefined ? FAILURES[code].message : `${FAILURES[code].message} ${detail}`, options)
    this.code = code
    this.detail = detail
  }

  get failure(): Failure {
    return FAILURES[this.code]
  }
}
