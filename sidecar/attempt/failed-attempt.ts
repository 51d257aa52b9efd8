// An attempt that failed while nothing of its answer had reached the client: what it says of the provider, and what can be passed
// on to the client if nothing better follows.
import type { Dialect, RetryReason } from '../../contract/sidecar-config.ts'
import { FAILURES, type FailureCode, type Refusal } from '../errors.ts'
import { type Classified, classifyAnswer, classifyReported } from '../providers/classify.ts'
import type { Verdict } from '../standing/circuit-breaker.ts'
import type { AnswerFormat } from '../stream/create-body-reader.ts'
import type { ProviderError } from '../stream/provider-error.ts'
import type { Credential } from '../upstream/credentials.ts'

export interface FailedAttempt {
  readonly kind: 'Failed'
  /** Undefined for an answer that is the caller's own fault. */
  readonly code: FailureCode | undefined
  /** Undefined where another attempt is never worth it, unless the route names the status. */
  readonly reason: RetryReason | undefined
  readonly verdict: Verdict
  readonly credential: Classified['credential']
  readonly retryAfterMs: number | undefined
  /** The provider's word for it. */
  readonly word: string | undefined
  /** What the provider answered; undefined where it did not, or not whole: then there is a refusal. */
  readonly answer: HeldAnswer | undefined
  readonly refusal: Refusal | undefined
}

/** An answer that was kept from the client. Its body counts in the budget of all answers, until whoever keeps it takes it off. */
export interface HeldAnswer {
  readonly dialect: Dialect
  readonly status: number
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly format: AnswerFormat
  /** That it may repeat. */
  readonly credential: Credential
}

/** An answer whose status is an error. `nowMs` since the epoch. */
export function failedByAnswer(answer: HeldAnswer, nowMs: number): FailedAttempt {
  const hasCredential = answer.credential.standing !== undefined
  const classified = classifyAnswer({ ...answer, hasCredential }, nowMs)
  return {
    kind: 'Failed',
    code: codeOf(classified.reason, 'provider_error'),
    ...classified,
    word: classified.word && answer.credential.scrubber.text(classified.word),
    answer,
    refusal: undefined,
  }
}

/** An error that the provider reports inside an answer that began as a success. */
export function failedByReport(answer: HeldAnswer, error: ProviderError | undefined): FailedAttempt {
  const reported = classifyReported(answer.dialect, error?.word, error?.status)
  // What was sent no key cannot have refused ours.
  const aboutKey = reported.credential === 'Refused' && answer.credential.standing === undefined
  const classified = aboutKey ? ({ reason: undefined, verdict: 'Neutral', credential: 'Fine' } as const) : reported
  const code = codeOf(classified.reason, 'provider_stream_error') ?? 'provider_stream_error'
  const word = error && answer.credential.scrubber.text(error.word)
  return { kind: 'Failed', code, ...classified, retryAfterMs: undefined, word, answer, refusal: undefined }
}

/** No answer, or none that was whole. */
export function failedByRefusal(refusal: Refusal): FailedAttempt {
  const { reason, fault } = FAILURES[refusal.code] as Refusal['failure']
  return {
    kind: 'Failed',
    code: refusal.code,
    reason,
    verdict: fault === 'provider' ? 'Failure' : 'Neutral',
    credential: 'Fine',
    retryAfterMs: undefined,
    word: systemWord(refusal.cause),
    answer: undefined,
    refusal,
  }
}

/** `ECONNREFUSED`, `ENOTFOUND` and the like. */
function systemWord(cause: unknown): string | undefined {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined
}

function codeOf(reason: RetryReason | undefined, otherwise: FailureCode): FailureCode | undefined {
  if (reason === 'RateLimited') return 'provider_rate_limited'
  if (reason === 'ProviderRefused') return 'provider_credentials_exhausted'
  return reason === undefined ? undefined : otherwise
}
