// What a provider's refusal means: whose fault it is, whether another attempt can help, what to think of the provider and of
// the key. In: status, headers and body as they came. Out: one of six classes, the wait that was asked for, the word for it.
//
// The status decides, but for the exceptions in EXCEPTIONS, a row each, with its source. Errors inside a 200 have no
// status; their words decide (WORDS), then a number that stands for one. An error that nobody knows and that comes after
// a 200 counts as the provider's: it had accepted the request.
// It never decides what happens next, and never looks at a message where a word exists.
import type { Dialect, RetryReason } from '../../contract/sidecar-config.ts'
import type { FaultDomain } from '../errors.ts'
import { retryAfterMs } from '../http/retry-after.ts'
import type { Verdict } from '../standing/circuit-breaker.ts'
import { type ErrorBody, readErrorBody } from './error-body.ts'

export interface FailedAnswer {
  dialect: Dialect
  /** 400 or more. */
  status: number
  /** Name, value, … */
  rawHeaders: readonly string[]
  /** May be cut, and anything. */
  body: Buffer
  /** A key of ours was sent. */
  hasCredential: boolean
}

/** What an error means, wherever it was reported. */
export interface ErrorClass {
  /** Undefined: the caller's fault; never retried unless the route names the status. */
  reason: RetryReason | undefined
  /** For the circuit breaker. A caller's mistake shows a provider at work. */
  verdict: Verdict
  credential: 'Fine' | 'Refused' | 'RateLimited' | 'QuotaExhausted'
}

export interface Classified extends ErrorClass {
  /** As told by the provider, uncapped; only with 429, 503 and 529, and not where waiting does not help. */
  retryAfterMs: number | undefined
  /** The provider's word for it, at most 64 characters of `[A-Za-z0-9_.:-]`; undefined when it has none. */
  word: string | undefined
}

/** `Forbidden`: the provider refuses although it was given no key of ours. */
type Kind = 'CallersFault' | 'Forbidden' | 'Refused' | 'RateLimited' | 'QuotaExhausted' | 'ServerError' | 'Timeout'

const CLASSES: Readonly<Record<Kind, ErrorClass>> = {
  CallersFault: { reason: undefined, verdict: 'Success', credential: 'Fine' },
  Forbidden: { reason: undefined, verdict: 'Neutral', credential: 'Fine' },
  Refused: { reason: 'ProviderRefused', verdict: 'Neutral', credential: 'Refused' },
  RateLimited: { reason: 'RateLimited', verdict: 'Neutral', credential: 'RateLimited' },
  // The same status as a rate limit, and as safe to try elsewhere; but with this key, waiting does not help.
  QuotaExhausted: { reason: 'RateLimited', verdict: 'Neutral', credential: 'QuotaExhausted' },
  ServerError: { reason: 'ServerError', verdict: 'Failure', credential: 'Fine' },
  Timeout: { reason: 'Timeout', verdict: 'Failure', credential: 'Fine' },
}

const QUOTA_CODES = [
  'insufficient_quota',
  'exceeded_current_quota_error',
  'billing_(?:not_active|hard_limit_reached)',
  '(?:organization|project)_(?:usage|spend)_limit_exceeded',
]
const QUOTA = new RegExp(`^(?:${QUOTA_CODES.join('|')})$`)

interface Exception {
  dialects: readonly Dialect[]
  statuses: readonly number[]
  says(body: ErrorBody): boolean
  kind: Kind
}

const EVERY: readonly Dialect[] = ['OpenAI', 'Anthropic', 'Gemini', 'Bedrock']

const EXCEPTIONS: readonly Exception[] = [
  // OpenAI, Moonshot; a hard limit comes as 400.
  { dialects: ['OpenAI'], statuses: [400, 403, 429], says: hasWord(QUOTA), kind: 'QuotaExhausted' },
  // Moonshot: every key would get it.
  { dialects: ['OpenAI'], statuses: [429], says: hasWord(/^engine_overloaded_error$/), kind: 'ServerError' },
  // xAI answers a wrong key with 400 and no word.
  { dialects: ['OpenAI'], statuses: [400], says: begins('Incorrect API key provided'), kind: 'Refused' },
  // OpenRouter: the request was flagged; the key is fine.
  { dialects: ['OpenAI'], statuses: [403], says: ({ flagged }) => flagged, kind: 'CallersFault' },
  { dialects: ['OpenAI'], statuses: [403], says: hasWord(/^content_(?:policy|filter)/), kind: 'CallersFault' },
  // An account without credit is told from a wrong request by its message alone.
  { dialects: ['Anthropic'], statuses: [400], says: begins('Your credit balance is too low'), kind: 'QuotaExhausted' },
  // Bedrock: an account's quota, as a caller's mistake; a model that is not there yet, as a limit; a model that failed.
  { dialects: ['Bedrock'], statuses: [400], says: hasWord(/^ServiceQuotaExceededException$/), kind: 'QuotaExhausted' },
  { dialects: ['Bedrock'], statuses: [429], says: hasWord(/^ModelNotReadyException$/), kind: 'ServerError' },
  { dialects: ['Bedrock'], statuses: [424], says: hasWord(/^Model(?:Stream)?ErrorException$/), kind: 'ServerError' },
  // API_KEY_INVALID and its kin; also through Google's endpoint for OpenAI clients.
  { dialects: EVERY, statuses: [400], says: hasWord(/^API_KEY_/), kind: 'Refused' },
]

type WordRow = readonly [words: RegExp, kind: Kind]

const ANTHROPIC_WORDS: readonly WordRow[] = [
  [/^rate_limit_error$/, 'RateLimited'],
  [/^(?:authentication|billing|permission)_error$/, 'Refused'],
  [/^(?:invalid_request_error|not_found_error|request_too_large)$/, 'CallersFault'],
]
const GEMINI_WORDS: readonly WordRow[] = [
  [/^RESOURCE_EXHAUSTED$/, 'RateLimited'],
  [/^(?:UNAUTHENTICATED|PERMISSION_DENIED|API_KEY_[A-Z_]+)$/, 'Refused'],
  [/^(?:INVALID_ARGUMENT|FAILED_PRECONDITION|OUT_OF_RANGE|NOT_FOUND)$/, 'CallersFault'],
]

/** Of exceptions in a stream, which begin in lower case; a model's own errors come in chunks. */
const BEDROCK_WORDS: readonly WordRow[] = [
  [/^throttlingException$/i, 'RateLimited'],
  [/^serviceQuotaExceededException$/i, 'QuotaExhausted'],
  [/^(?:accessDenied|expiredToken|unrecognizedClient)Exception$/i, 'Refused'],
  [/^(?:validation|resourceNotFound)Exception$/i, 'CallersFault'],
  [/^modelTimeoutException$/i, 'Timeout'],
  ...ANTHROPIC_WORDS,
]

/** The first row that knows the word counts. Gateways pass other providers' words on in OpenAI's dialect. */
const WORDS: Readonly<Record<Dialect, readonly WordRow[]>> = {
  OpenAI: [
    [QUOTA, 'QuotaExhausted'],
    [/^(?:rate_limit_exceeded|rate_limit_reached_error)$/, 'RateLimited'],
    [/^(?:invalid_api_key|invalid_authentication_error|incorrect_api_key_error|permission_denied_error)$/, 'Refused'],
    // Responses: ResponseError.code.
    [/^(?:invalid_|image_|unsupported_|empty_image_|failed_to_download_image$)/, 'CallersFault'],
    [/^(?:bio_policy|misalignment_policy_violation|content_(?:filter|policy_violation))$/, 'CallersFault'],
    [/^(?:context_length_exceeded|model_not_found)$/, 'CallersFault'],
    ...ANTHROPIC_WORDS,
    ...GEMINI_WORDS,
  ],
  Anthropic: ANTHROPIC_WORDS,
  Gemini: GEMINI_WORDS,
  Bedrock: BEDROCK_WORDS,
}

const WAIT_STATUSES: ReadonlySet<number> = new Set([429, 503, 529])

/** `nowMs`: time since the epoch. */
export function classifyAnswer(answer: FailedAnswer, nowMs: number): Classified {
  const { status, rawHeaders, body, hasCredential } = answer
  const error = readErrorBody(body, rawHeaders)
  const kind = kindOfAnswer(answer, error)
  const mayWait = WAIT_STATUSES.has(status) && kind !== 'QuotaExhausted'
  const known = CLASSES[kind === 'Refused' && !hasCredential ? 'Forbidden' : kind]
  return {
    ...known,
    credential: hasCredential ? known.credential : 'Fine',
    retryAfterMs: mayWait ? retryAfterMs(rawHeaders, body, nowMs) : undefined,
    word: error.words[0],
  }
}

/** An error reported inside a 200, by its word and number as in ProviderError. */
export function classifyReported(dialect: Dialect, word: string | undefined, status: number | undefined): ErrorClass {
  const row = word === undefined ? undefined : WORDS[dialect].find(([words]) => words.test(word))
  return CLASSES[row?.[1] ?? (status === undefined ? 'ServerError' : kindOfStatus(status))]
}

/** Of what the client is answered. A provider's refusal of our key or our pace is not the caller's fault; other 4xx are. */
export function faultOfStatus(status: number): FaultDomain | undefined {
  if (status < 400) return undefined
  const ours = status >= 500 || status === 401 || status === 402 || status === 403 || status === 429
  return ours ? 'provider' : 'caller'
}

function kindOfAnswer({ dialect, status }: FailedAnswer, error: ErrorBody): Kind {
  const exception = EXCEPTIONS.find(
    ({ dialects, statuses, says }) => dialects.includes(dialect) && statuses.includes(status) && says(error),
  )
  return exception?.kind ?? kindOfStatus(status)
}

function kindOfStatus(status: number): Kind {
  if (status === 401 || status === 402 || status === 403) return 'Refused'
  if (status === 429) return 'RateLimited'
  if (status === 408) return 'Timeout'
  return status >= 500 ? 'ServerError' : 'CallersFault'
}

function hasWord(words: RegExp): (body: ErrorBody) => boolean {
  return (body) => body.words.some((word) => words.test(word))
}

function begins(text: string): (body: ErrorBody) => boolean {
  return ({ message }) => message.startsWith(text)
}
