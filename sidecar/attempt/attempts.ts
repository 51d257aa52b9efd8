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
import { faultOfStatus } from '../providers/classify.ts'
import { answerHeaders } from '../providers/response-headers.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import { leaveToSdk } from '../request/retry.ts'
import type { Choice } from '../request/route.ts'
import type { Standings } from '../standing/standings.ts'
import { isOfEvents } from '../stream/create-body-reader.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'
import { type Advice, advised } from './advice.ts'
import type { Allowance } from './allowance.ts'
import { type AttemptContext, type AttemptDeps, makeAttempt } from './attempt.ts'
import type { FailedAttempt, HeldAnswer } from './failed-attempt.ts'
import type { KeepAlive } from './keep-alive.ts'
import { isOurMatter, nobodyAsked, refusalOf } from './our-refusals.ts'
import type { AttemptEnd } from './relay.ts'
import { Reply } from './reply.ts'
import { type Turn, Turns } from './turns.ts'
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
  allowance: Allowance
}

/** Resolves when the client has its answer, or sees that it broke off; rejects with a Refusal while nothing was sent. */
export async function makeAttempts(choice: Choice, context: AttemptsContext, deps: AttemptsDeps): Promise<void> {
  const { exchange, adopted, request, record, allowance } = context
  const { standings, random, now } = deps
  const turns = new Turns({ choice, request, record, credentials: adopted.credentials, standings, random, now })
  const reply = new Reply(exchange, request)
  const awaited = deps.keepAlive.begin(reply, request)
  let failed: FailedAttempt | undefined
  try {
    for (let turn = turns.next(); turn !== undefined; turn = turns.next()) {
      if (turn.waitMs > 0) await wait(turn.waitMs, reply)
      const end = await attemptOn(turn, turns, { request, record, reply, awaited, allowance }, deps)
      if (end === undefined) continue
      if (end.kind === 'Answered') return
      drop(failed, deps)
      failed = end
    }
    conclude(failed, { choice, turns, reply, request, record, allowance }, deps)
  } catch (error) {
    tellInStream(error, reply, record)
  } finally {
    drop(failed, deps)
    if (awaited !== undefined) deps.keepAlive.end(awaited)
    // A comment was all that the client got.
    if (reply.opened) record.status = 200
  }
}

/** Undefined when the backend is passed over after all. What limits were charged is settled on every path. */
async function attemptOn(
  turn: Turn,
  turns: Turns,
  { allowance, ...context }: AttemptContext & { allowance: Allowance },
  deps: AttemptsDeps,
): Promise<AttemptEnd | undefined> {
  const asked = allowance.reserve(turn.seat.attempt)
  const reserved = asked instanceof Promise ? await asked : asked
  if (typeof reserved === 'string') return turns.passOver(turn, reserved)
  const taken = turns.take(turn)
  if (taken === undefined) return void reserved.settle('Unsent')
  try {
    const end = await makeAttempt(taken, context, deps)
    if (end.kind !== 'Answered') turns.failed(taken, end)
    return end
  } finally {
    reserved.settle(taken.record)
  }
}

/** What was kept of it counted until now. */
function drop(failed: FailedAttempt | undefined, { answers }: AttemptsDeps): void {
  if (failed?.answer !== undefined) answers.add(-failed.answer.body.length)
}

/** Where comments have opened it; otherwise there is a status to tell it by. */
function tellInStream(error: unknown, reply: Reply, record: RequestRecord): void {
  if (!reply.opened || (error instanceof Refusal && error.code === 'client_closed')) throw error
  reply.fail(noteFailure(record, error), 'events')
  record.status = 200
}

interface Conclusion {
  choice: Choice
  turns: Turns
  reply: Reply
  request: DecodedRequest
  record: RequestRecord
  allowance: Allowance
}

/** Passes on what can be; throws a Refusal for the rest. */
function conclude(failed: FailedAttempt | undefined, conclusion: Conclusion, deps: AttemptsDeps): void {
  const advice = adviceOf(conclusion, deps.now())
  const { turns, reply, allowance } = conclusion
  const answer = failed !== undefined && isOurMatter(failed) ? undefined : failed?.answer
  if (failed !== undefined && answer !== undefined && (!reply.opened || answer.format === 'events')) {
    return passOn(failed, answer, advice, conclusion, deps)
  }
  if (failed !== undefined) throw refusalOf(failed, advice)
  throw allowance.refusal() ?? nobodyAsked(turns.obstacles, deps.now())
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
  { responseHeaders, wallClock }: AttemptsDeps,
): void {
  const { scrubber } = answer.credential
  // An error that came as a success: a stream says so itself, for a document the status must.
  const reported = answer.status < 400
  const says = code === undefined ? 400 : FAILURES[code].status
  const status = reported && !isOfEvents(answer.format) ? says : answer.status
  const headers = answerHeaders(responseHeaders, answer.rawHeaders, record)
  scrubber.headers(headers)
  record.status = reply.opened ? 200 : status
  record.failure = reported ? 'provider_stream_error' : undefined
  record.fault = reported ? 'provider' : faultOfStatus(status)
  reply.send(status, advised(headers, status, advice, wallClock()), scrubber.bytes(answer.body))
}
