// One attempt: the request is written for its provider, sent, and its answer relayed. The only place where the key meets the
// request, and it goes straight to the provider's socket. How it ended is told to the standings of provider and key here, once,
// on every path.

import type { TimeoutsConfig } from '../../contract/sidecar-config.ts'
import type { Estimator } from '../limits/estimate.ts'
import type { AnswerBudget } from '../listen/answer-budget.ts'
import { type PreparedRequest, prepare } from '../providers/prepare.ts'
import type { ResponseHeaderFilter } from '../providers/response-headers.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import type { Verdict } from '../standing/circuit-breaker.ts'
import type { Usage } from '../stream/usage.ts'
import type { Assumed } from '../stream/usage-so-far.ts'
import { finishAttempt } from '../telemetry/attempt-record.ts'
import { firstSentAt, type RequestRecord } from '../telemetry/request-record.ts'
import type { WireRequest } from '../upstream/call.ts'
import { type Credential, standingName } from '../upstream/credentials.ts'
import { DecodingSink } from '../upstream/decoding-sink.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { askedOf } from './asked.ts'
import type { FailedAttempt } from './failed-attempt.ts'
import type { Awaited } from './keep-alive.ts'
import { type AttemptEnd, Relay, type RelayEvents, TIMED_OUT } from './relay.ts'
import type { Reply } from './reply.ts'
import type { Taken } from './turns.ts'

export interface AttemptDeps {
  upstream: Pick<Upstream, 'send'>
  responseHeaders: ResponseHeaderFilter
  estimator: Pick<Estimator, 'learnContent' | 'assumed'>
  /** Counts what is kept from clients until more has come. */
  answers: Pick<AnswerBudget, 'add'>
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since the epoch. */
  wallClock(): number
}

export interface AttemptContext {
  request: DecodedRequest
  record: RequestRecord
  reply: Reply
  /** While the first token is; undefined where no comments may be sent. */
  awaited: Awaited | undefined
}

/**
 * Resolves when the answer was relayed or visibly broken off, or when it failed and nothing of it was sent; rejects with a Refusal
 * when the client has left, or the request cannot be written for this provider.
 */
export async function makeAttempt(taken: Taken, context: AttemptContext, deps: AttemptDeps): Promise<AttemptEnd> {
  const { record: attempt, standing, permit } = taken
  let verdict: Verdict = 'Neutral'
  try {
    const end = await relayed(taken, context, deps)
    noteEnd(taken, end, context.record, deps.now())
    // What others left of the total time was too little: that says nothing about this one.
    const cutShort = context.record.attempts > 1 && attempt.outcome === 'provider_total_timeout'
    verdict = cutShort ? 'Neutral' : end.verdict
    return end
  } finally {
    // By ourselves, or by the client, which has no word. What fails by itself may fail fast, and is not fast for it.
    if (attempt.outcome === undefined || TIMED_OUT.has(attempt.outcome)) standing.gaveUp(permit, deps.now())
    standing.end(permit, verdict, deps.now())
    // What was thrown is told by the request's own failure.
    if (attempt.outcome === undefined) attempt.durationMs = deps.now() - attempt.startedAt
  }
}

function relayed(taken: Taken, context: AttemptContext, deps: AttemptDeps): Promise<AttemptEnd> {
  const { attempt, credential, record } = taken
  const { request, reply } = context
  const prepared = prepare(request, attempt)
  const relay = new Relay({
    reply,
    request,
    record: context.record,
    attempt: record,
    credential,
    responseHeaders: deps.responseHeaders,
    answers: deps.answers,
    usageStripping: prepared.usageStripping,
    events: new Progress(taken, context, deps),
    now: deps.now,
    wallClock: deps.wallClock,
  })
  const sink = new DecodingSink(relay)
  // Not sooner: one that was set aside has one try, and a request that cannot be sent is none.
  credential.standing?.used(standingName(attempt.model), record.startedAt)
  sink.call = deps.upstream.send(attempt.provider, wire(prepared, credential), timeoutsOf(taken, context), sink)
  return relay.follow(sink)
}

/** What a provider's progress means to whoever waits for it. */
class Progress implements RelayEvents {
  readonly #taken: Taken
  readonly #context: AttemptContext
  readonly #deps: AttemptDeps

  constructor(taken: Taken, context: AttemptContext, deps: AttemptDeps) {
    this.#taken = taken
    this.#context = context
    this.#deps = deps
  }

  onAccepted(): void {
    const { awaited } = this.#context
    if (awaited !== undefined) awaited.accepted = true
  }

  onContent(firstByteMs: number): void {
    const { attempt, credential, standing, permit } = this.#taken
    const nowMs = this.#deps.now()
    standing.firstByte(permit, firstByteMs, nowMs)
    credential.standing?.succeeded(standingName(attempt.model), nowMs)
  }

  onMetered(contentBytes: number, usage: Usage): void {
    const { model } = this.#taken.attempt
    if (model !== undefined) this.#deps.estimator.learnContent(model.upstreamName, contentBytes, usage)
  }

  assumed(): Assumed {
    return this.#deps.estimator.assumed(askedOf(this.#taken.attempt, this.#context.request))
  }
}

function noteEnd(taken: Taken, end: AttemptEnd, request: RequestRecord, nowMs: number): void {
  const { record } = taken
  if (end.kind === 'Answered') return finishAttempt(record, request.failure ?? 'Answered', nowMs)
  record.reason = end.reason
  record.word = end.word
  finishAttempt(record, end.code ?? 'Answered', nowMs)
  noteCredential(taken, end, record.status, nowMs)
}

/** What an answer says of the key that it was asked with. `status` is the answer's. */
export function noteCredential(
  { attempt, credential }: Pick<Taken, 'attempt' | 'credential'>,
  end: Pick<FailedAttempt, 'credential' | 'retryAfterMs'>,
  status: number,
  nowMs: number,
): void {
  const model = standingName(attempt.model)
  switch (end.credential) {
    case 'Refused':
      return credential.standing?.refused(refusalStatus(status), model, nowMs)
    case 'RateLimited':
      return credential.standing?.rateLimited(model, end.retryAfterMs, nowMs)
    case 'QuotaExhausted':
      return credential.standing?.quotaExhausted(nowMs)
    case 'Fine':
  }
}

/** Google says 400 to a key that it does not know. */
function refusalStatus(status: number): 401 | 402 | 403 {
  return status === 402 || status === 403 ? status : 401
}

/** All attempts together have the total time of the one that is under way. */
function timeoutsOf({ attempt, record }: Taken, { record: request }: AttemptContext): TimeoutsConfig {
  const { timeouts } = attempt.backend
  if (request.attempts === 1) return timeouts
  return { ...timeouts, totalMs: Math.max(1, firstSentAt(request) + timeouts.totalMs - record.startedAt) }
}

function wire(prepared: PreparedRequest, credential: Credential): WireRequest {
  const { method, target, headers, body, bodyBytes, provider } = prepared
  // RFC 9110 §8.6: a length of 0 is sent only for methods that anticipate a body.
  const length = bodyBytes > 0 || method === 'POST' || method === 'PUT' || method === 'PATCH'
  const head =
    `${method} ${target} HTTP/1.1\r\nhost: ${provider.base.authority}\r\n` +
    `${headers}${credential.headerLine()}${length ? `content-length: ${bodyBytes}\r\n` : ''}\r\n`
  return { method, head, body }
}
