// What the client is told in Outrigger's words, where there are none of the provider's that it may get: nobody was asked, nobody
// answered, it was our key that was refused, or comments have opened a stream in which only an event can follow. Upgrades tell the same.
import { Refusal } from '../errors.ts'
import { readErrorBody } from '../providers/error-body.ts'
import type { Obstacle } from '../request/plan.ts'
import { SDK_WAIT_MAX_MS } from '../request/retry.ts'
import type { Advice } from './advice.ts'
import type { FailedAttempt, HeldAnswer } from './failed-attempt.ts'

/** Characters of a provider's message that are repeated. */
const MESSAGE_MAX = 500

/** What nobody answered, or answered in a way that is no matter of the caller's, or that can no longer be passed on. */
export function refusalOf(failed: FailedAttempt, { retryAfterMs, tryAgain }: Advice): Refusal {
  const { code, refusal, word, answer } = failed
  if (answer === undefined && refusal !== undefined) {
    const options = { cause: refusal.cause, retryAfterMs, tryAgain }
    return new Refusal(code ?? refusal.code, code === refusal.code ? refusal.detail : undefined, options)
  }
  if (isOurMatter(failed)) return keyRefused(answer?.status, word)
  return new Refusal(code ?? 'provider_error', `${whatItSaid(answer?.status, word)}${answer ? messageOf(answer) : ''}`)
}

/** A client that got the provider's own answer would suspect its own key. */
export function isOurMatter({ credential }: Pick<FailedAttempt, 'credential'>): boolean {
  return credential === 'Refused' || credential === 'QuotaExhausted'
}

/** Without the provider's message, which is about our account. */
export function keyRefused(status: number | undefined, word: string | undefined): Refusal {
  return new Refusal('provider_credentials_exhausted', whatItSaid(status, word))
}

/** All that stands in the way are keys. Where one of them only has to rest, waiting helps. `nowMs` is monotonic. */
export function nobodyAsked(obstacles: readonly Obstacle[], nowMs: number): Refusal {
  const untils = obstacles.flatMap(({ kind, untilMs }) => (kind === 'RateLimited' ? (untilMs ?? nowMs) : []))
  if (untils.length > 0) {
    const retryAfterMs = Math.max(0, Math.min(...untils) - nowMs)
    const tryAgain = retryAfterMs > SDK_WAIT_MAX_MS ? 'never' : 'later'
    return new Refusal('provider_rate_limited', 'It said to wait.', { retryAfterMs, tryAgain })
  }
  const setAside = obstacles.some(({ kind }) => kind === 'CredentialsSetAside')
  return new Refusal(setAside ? 'provider_credentials_exhausted' : 'credential_unavailable')
}

function whatItSaid(status: number | undefined, word: string | undefined): string {
  return `It said: ${[status, word].filter((part) => part !== undefined).join(' ')}.`
}

/** Masked before it is cut: half a key is none that would be found. */
function messageOf({ body, rawHeaders, credential }: HeldAnswer): string {
  const { message } = readErrorBody(body, rawHeaders)
  return message === '' ? '' : ` ${credential.scrubber.text(message).slice(0, MESSAGE_MAX).toWellFormed()}`
}
