// The one owner of retries: attempt after attempt, until the client has an answer or it is enough.
//
// In: who may answer a request, and by which policy. Out: one reply, or a Refusal that says why there is none. Whose turn it is
// and whether another attempt is worth it is decided in turns.ts, what an attempt was in relay.ts; here is only the loop, and what the
// client is told when all have failed: what the last provider said, with its status, so that the SDK raises the error that
// it would have raised without a sidecar; how long to wait, if any provider said so; and whether trying again is its to do, so
// that sidecar and SDK do not multiply. That our keys were refused is never said as if the caller's had been.

import type { Adopted } from '../config/configuration.ts'
import { FAILURES, Refusal } from '../errors.ts'
import type { Exchange } from '../listen/exchange.ts'
import { noteFailure } from '../listen/refuse.ts'
import { answerHeaders } from '../providers/response-headers.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import type { Obstacle } from '../request/plan.ts'
import { leaveToSdk, SDK_WAIT_MAX_MS } from '../request/retry.ts'
import type { Choice } from '../request/route.ts'
import type { Standings } from '../standing/standings.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'
import { type AttemptDeps, makeAttempt } from './attempt.ts'
import type { FailedAttempt, HeldAnswer } from './failed-attempt.ts'
import type { KeepAlive } from './keep-alive.ts'
import { faultOfStatus } from './relay.ts'
import { Reply } from './reply.ts'
import { Turns } from './turns.ts'
import { wait } from './wait.ts'

export interface AttemptsDeps extends AttemptDeps {
  standings: Standings
  keepAlive: KeepAlive
  /** In [0, 1). */
  random(): number
}

export interface AttemptsContext {
  exchange: Exchange
  adopted: Adopted
  request: DecodedRequest
  record: RequestRecord
}

/** Resolves when the client has its answer, or sees that it broke off; rejects with a Refusal while nothing was sent. */
export async function makeAttempts(choice: Choice, context: AttemptsContext, deps: AttemptsDeps): Promise<void> {
  const { exchange, adopted, request, record } = context
  const { standings, random, now } = deps
  const turns = new Turns({ choice, request, record, credentials: adopted.credentials, standings, random, now })
  const reply = new Reply(exchange, request)
  const awaited = deps.keepAlive.begin(reply, request)
  try {
    let failed: FailedAttempt | undefined
    for (let turn = turns.next(); turn !== undefined; turn = turns.next()) {
      if (turn.waitMs > 0) await wait(turn.waitMs, reply)
      const taken = turns.take(turn)
      if (taken === undefined) continue
      const end = await makeAttempt(taken, { request, record, reply, awaited }, deps)
      if (end.kind === 'Answered') return
      failed = end
      turns.failed(taken, end)
    }
    conclude(failed, { choice, turns, reply, request, record }, deps)
  } finally {
    if (awaited !== undefined) deps.keepAlive.end(awaited)
    // A comment was all that the client got.
    if (reply.opened) record.status = 200
  }
}

interface Conclusion {
  choice: Choice
  turns: Turns
  reply: Reply
  request: DecodedRequest
  record: RequestRecord
}

function conclude(failed: FailedAttempt | undefined, conclusion: Conclusion, deps: AttemptsDeps): void {
  const advice = adviceOf(conclusion, deps.now())
  const { turns, reply, record } = conclusion
  const answer = failed !== undefined && isOurMatter(failed) ? undefined : failed?.answer
  if (failed !== undefined && answer !== undefined && (!reply.opened || answer.format === 'events')) {
    return passOn(failed, answer, advice, conclusion, deps)
  }
  const refusal = failed === undefined ? nobodyAsked(turns.obstacles, deps.now()) : refusalOf(failed, advice)
  if (!reply.fail(refusal, 'events')) throw refusal
  record.status = 200
  noteFailure(record, refusal)
}

interface Advice {
  retryAfterMs: number | undefined
  tryAgain: 'never' | 'later'
}

function adviceOf({ choice, turns, request, record }: Conclusion, nowMs: number): Advice {
  const { toldUntilMs } = turns
  const retryAfterMs = toldUntilMs === undefined ? undefined : Math.max(0, toldUntilMs - nowMs)
  const later = leaveToSdk(choice.retry, record.attempts, request.head.rawHeaders, retryAfterMs)
  return { retryAfterMs, tryAgain: later ? 'later' : 'never' }
}

/** The provider's own words, with our advice on trying again. */
function passOn(
  { code }: FailedAttempt,
  answer: HeldAnswer,
  advice: Advice,
  { reply, record }: Conclusion,
  { responseHeaders }: AttemptsDeps,
): void {
  const { scrubber } = answer.credential
  // An error that came as a success: a stream says so itself, for a document the status must.
  const reported = answer.status < 400
  const says = code === undefined ? 400 : FAILURES[code].status
  const status = reported && answer.format !== 'events' ? says : answer.status
  const headers = answerHeaders(responseHeaders, answer.rawHeaders, record)
  scrubber.headers(headers)
  record.status = reply.opened ? 200 : status
  record.failure = reported ? 'provider_stream_error' : undefined
  record.fault = reported ? 'provider' : faultOfStatus(status)
  reply.send(status, isRetriedBySdks(status) ? advised(headers, advice) : headers, scrubber.bytes(answer.body))
}

/** The provider's own advice stands, but that another try is not the SDK's to make. */
function advised(headers: string[], { retryAfterMs, tryAgain }: Advice): string[] {
  const names = headers.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : ''))
  if (retryAfterMs !== undefined && !names.includes('retry-after') && !names.includes('retry-after-ms')) {
    headers.push('retry-after', String(Math.ceil(retryAfterMs / 1000)))
  }
  if (tryAgain === 'later') return headers
  const kept = headers.filter((_, i) => names[i - (i % 2)] !== 'x-should-retry')
  return [...kept, 'x-should-retry', 'false']
}

/** As openai's and anthropic's do. */
function isRetriedBySdks(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500
}

/** What nobody answered, or answered in a way that is no matter of the caller's, or that can no longer be passed on. */
function refusalOf(failed: FailedAttempt, { retryAfterMs, tryAgain }: Advice): Refusal {
  const { code, refusal, word, answer } = failed
  if (answer === undefined && refusal !== undefined) {
    const options = { cause: refusal.cause, retryAfterMs, tryAgain }
    return new Refusal(code ?? refusal.code, code === refusal.code ? refusal.detail : undefined, options)
  }
  if (isOurMatter(failed)) return keyRefused(answer?.status, word)
  return new Refusal(code ?? 'provider_error', whatItSaid(answer?.status, word))
}

/** A client that got the provider's own answer would suspect its own key. */
export function isOurMatter({ credential }: Pick<FailedAttempt, 'credential'>): boolean {
  return credential === 'Refused' || credential === 'QuotaExhausted'
}

export function keyRefused(status: number | undefined, word: string | undefined): Refusal {
  return new Refusal('provider_credentials_exhausted', whatItSaid(status, word))
}

function whatItSaid(status: number | undefined, word: string | undefined): string {
  return `It said: ${[status, word].filter((part) => part !== undefined).join(' ')}.`
}

/** All that stands in the way are keys. Where one of them only has to rest, waiting helps. */
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
