// Brings one attempt's answer to the client: the sink of the upstream call on one side, the client's reply on the other.
//
// Nothing is sent to the client until there is something worth sending, so that whatever fails before that leaves another
// attempt possible: errors are read to their end, small answers too, and a stream's start-up events are held back until content
// comes, within 64 events and 256 KiB. A small answer goes out in one write; a stream goes out as whole events, as they come, at
// the client's pace. An answer that ends too early never ends cleanly: a stream gets the one in-stream error that the client's SDK
// raises, anything else a broken connection. It decides what an answer was; whether another attempt follows is decided elsewhere.

import { FAILURES, type FailureCode, Refusal } from '../errors.ts'
import type { AnswerBudget } from '../listen/answer-budget.ts'
import type { ExchangeObserver } from '../listen/exchange.ts'
import { faultOfStatus } from '../providers/classify.ts'
import { answerHeaders, type ResponseHeaderFilter } from '../providers/response-headers.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import type { Verdict } from '../standing/circuit-breaker.ts'
import type { BodyReader } from '../stream/body-reader.ts'
import {
  type AnswerFormat,
  answerFormat,
  createBodyReader,
  headerUsage,
  isOfEvents,
} from '../stream/create-body-reader.ts'
import { createPrelude, type Prelude } from '../stream/prelude.ts'
import type { ProviderError } from '../stream/provider-error.ts'
import { PieceScrubber } from '../stream/scrub.ts'
import type { Usage } from '../stream/usage.ts'
import { type Assumed, usageSoFar, usageUnseen } from '../stream/usage-so-far.ts'
import type { AttemptRecord } from '../telemetry/attempt-record.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'
import type { Flow, ResponseSink } from '../upstream/call.ts'
import type { Credential } from '../upstream/credentials.ts'
import { type FailedAttempt, failedByAnswer, failedByRefusal, failedByReport } from './failed-attempt.ts'
import { HeldBack } from './held-back.ts'
import type { Reply } from './reply.ts'

export interface RelayOptions {
  reply: Reply
  request: DecodedRequest
  record: RequestRecord
  attempt: AttemptRecord
  credential: Credential
  responseHeaders: ResponseHeaderFilter
  answers: Pick<AnswerBudget, 'add'>
  usageStripping: 'Strip' | 'Keep'
  events: RelayEvents
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since the epoch. */
  wallClock(): number
}

export interface RelayEvents {
  /** The provider has said that an answer comes. */
  onAccepted(): void
  /** The answer begins to go out, `firstByteMs` after the attempt began: no other attempt can follow. */
  onContent(firstByteMs: number): void
  /** A whole stream with so much text has used this. */
  onMetered(contentBytes: number, usage: Usage): void
  /** What an answer that broke off is taken to have used, as far as its provider has not said. */
  assumed(): Assumed
}

/** `Answered`: the client got the answer, or sees that it broke off. */
export type AttemptEnd = { readonly kind: 'Answered'; readonly verdict: Verdict } | FailedAttempt

/** We gave up, and what the provider has made by then is billed. */
export const TIMED_OUT: ReadonlySet<FailureCode | 'Answered' | 'Skipped' | undefined> = new Set([
  'provider_first_byte_timeout',
  'provider_idle_timeout',
  'provider_total_timeout',
] as const)

const HELD_BYTES_MAX = 256 * 1024
const HELD_EVENTS_MAX = 64
const EMPTY = Buffer.alloc(0)

export class Relay implements ResponseSink, ExchangeObserver {
  readonly #options: RelayOptions
  readonly #reply: Reply
  readonly #record: RequestRecord
  readonly #attempt: AttemptRecord
  readonly #done = Promise.withResolvers<AttemptEnd>()
  #call: Flow | undefined
  #rawHeaders: string[] = []
  #bodyBytes: number | undefined
  #format: AnswerFormat = 'opaque'
  /** Undefined for an error, which is kept whole. */
  #reader: BodyReader | undefined
  /** Undefined once content has come. */
  #prelude: Prelude | undefined
  /** An error's body, or start-up events. */
  readonly #held: HeldBack
  /** Masks the key in what goes to the client. */
  readonly #scrubbed: PieceScrubber

  constructor(options: RelayOptions) {
    this.#options = options
    this.#reply = options.reply
    this.#record = options.record
    this.#attempt = options.attempt
    this.#held = new HeldBack(options.answers)
    this.#scrubbed = new PieceScrubber(options.credential.scrubber)
  }

  /**
   * Resolves when the answer has been delivered or broken off visibly, or has failed while nothing of it had been sent. Rejects
   * with a Refusal when the client left, which ends the call.
   */
  follow(call: Flow): Promise<AttemptEnd> {
    this.#call = call
    this.#reply.observer = this
    return this.#done.promise
  }

  onDrain(): void {
    this.#call?.resume()
  }

  onGone(): void {
    this.#call?.abort()
    // openai's SDK leaves with the last event, or with an error: often before the provider ends the body.
    const reader = this.#reply.begun && isOfEvents(this.#format) ? this.#reader : undefined
    const complete = reader?.end().complete === true
    const reported = reader?.providerError()
    if (complete || reported !== undefined) return this.#over(reported)
    this.#attempt.usage = this.#usageSoFar()
    this.#held.settle()
    this.#done.reject(new Refusal('client_closed'))
  }

  onHead(status: number, rawHeaders: string[], bodyBytes: number | undefined): void {
    const { request, usageStripping, events } = this.#options
    this.#attempt.status = status
    this.#rawHeaders = rawHeaders
    this.#bodyBytes = bodyBytes
    this.#format = answerFormat(request, contentType(rawHeaders))
    if (status >= 400) return
    const { dialect, operation } = request
    const framing = bodyBytes === undefined ? 'Chunked' : 'Announced'
    const kind = { dialect, operation, format: this.#format, stripUsage: usageStripping, framing } as const
    this.#reader = createBodyReader(kind)
    if (status >= 300) return
    this.#prelude = createPrelude(kind)
    events.onAccepted()
  }

  onBody(chunk: Buffer): void {
    this.#attempt.firstByteMs ??= this.#options.now() - this.#attempt.startedAt
    const reader = this.#reader
    if (reader === undefined) return this.#holdError(chunk)
    if (!this.#reply.begun) this.#held.count(chunk.length)
    const bytes = reader.push(chunk)
    if (!bytes) return
    if (this.#prelude === undefined) this.#write(this.#scrubbed.push(bytes))
    else this.#forwardContent(this.#prelude, bytes)
  }

  onEnd(): void {
    const reader = this.#reader
    if (reader === undefined) return this.#fail(this.#answeredWithError())
    const { rest, complete } = reader.end()
    const reported = reader.providerError()
    // An error, as the last event of a stream, is the provider's own end: it is passed on as it is.
    if (!complete && reported === undefined && this.#attempt.status < 300) {
      return this.onError(new Refusal('provider_truncated'))
    }
    if (!this.#reply.begun && reported !== undefined) return this.#fail(this.#reported(reader, rest ?? EMPTY))
    if (!this.#fits()) return this.#fail(failedByRefusal(noStream()))
    this.#over(reported)
    if (this.#reply.begun) {
      this.#write(this.#scrubbed.end(rest ?? EMPTY))
      this.#reply.end()
    } else {
      const body = this.#scrubbed.end(this.#held.take(rest ?? EMPTY))
      this.#options.events.onContent(this.#firstByteMs())
      this.#reply.send(this.#attempt.status, this.#headers(), body)
    }
  }

  onError(refusal: Refusal): void {
    if (!this.#reply.begun) {
      const usage = TIMED_OUT.has(refusal.code) ? this.#usageSoFar() : this.#usage()
      return this.#fail(this.#brokenOff(refusal), usage)
    }
    this.#finish(refusal.code)
    this.#record.cause = refusal.cause
    // Behind a whole frame it is the end of a checksum, which the client's SDK waits for.
    if (this.#format === 'eventstream') this.#write(this.#scrubbed.end(EMPTY))
    this.#reply.fail(refusal, this.#format)
    const verdict = FAILURES[refusal.code].fault === 'provider' ? 'Failure' : 'Neutral'
    this.#done.resolve({ kind: 'Answered', verdict })
  }

  #forwardContent(prelude: Prelude, bytes: Buffer): void {
    const seen = prelude.push(bytes)
    if (seen === 'Error') {
      this.#call?.abort()
      this.#held.keep(bytes)
      return this.#fail(this.#reported(this.#reader as BodyReader, EMPTY))
    }
    const room = prelude.events <= HELD_EVENTS_MAX && this.#held.bytes + bytes.length <= HELD_BYTES_MAX
    if (seen === 'Hold' && room) return this.#held.keep(bytes)
    this.#prelude = undefined
    this.#write(this.#scrubbed.push(this.#held.take(bytes)))
  }

  /** Nobody reads more of an error page: it may be without end. */
  #holdError(chunk: Buffer): void {
    const room = HELD_BYTES_MAX - this.#held.bytes
    const kept = chunk.subarray(0, room)
    this.#held.count(kept.length)
    this.#held.keep(kept)
    if (chunk.length <= room) return
    this.#call?.abort()
    this.#fail(this.#answeredWithError())
  }

  /** What is masked. */
  #write(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (!this.#fits()) {
      this.#call?.abort()
      return this.#fail(failedByRefusal(noStream()))
    }
    if (!this.#reply.begun) this.#begin()
    if (!this.#reply.write(bytes)) this.#call?.pause()
  }

  /** What was opened by comments goes on as events: SDKs would take anything else for an answer without content. */
  #fits(): boolean {
    return !this.#reply.opened || this.#format === 'events'
  }

  #begin(): void {
    this.#held.settle()
    this.#record.status = this.#attempt.status
    this.#options.events.onContent(this.#firstByteMs())
    // Of these an unfinished end is not forwarded, so their length is not known.
    const known = !isOfEvents(this.#format) && this.#format !== 'json-array'
    this.#reply.begin(this.#attempt.status, this.#headers(), known ? this.#bodyBytes : undefined)
  }

  /** An answer without a body begins with its head. */
  #firstByteMs(): number {
    return this.#attempt.firstByteMs ?? this.#options.now() - this.#attempt.startedAt
  }

  #headers(): string[] {
    const { responseHeaders, credential } = this.#options
    const headers = answerHeaders(responseHeaders, this.#rawHeaders, this.#record)
    credential.scrubber.headers(headers)
    return headers
  }

  /** What it holds goes on counting, until whoever follows drops it. */
  #fail(failed: FailedAttempt, usage = this.#usage()): void {
    this.#held.settle(failed.answer?.body.length)
    this.#attempt.usage = usage
    this.#done.resolve(failed)
  }

  /** The provider has said all that it had to say. */
  #over(reported: ProviderError | undefined): void {
    this.#finish(reported === undefined ? undefined : 'provider_stream_error')
    this.#done.resolve({ kind: 'Answered', verdict: reported === undefined ? 'Success' : 'Failure' })
  }

  #finish(failure: FailureCode | undefined): void {
    this.#held.settle()
    this.#attempt.usage = failure === undefined ? this.#metered() : this.#usageSoFar()
    this.#record.status = this.#attempt.status
    this.#record.failure = failure
    this.#record.fault = failure === undefined ? faultOfStatus(this.#attempt.status) : FAILURES[failure].fault
  }

  #metered(): Usage | undefined {
    const usage = this.#usage()
    const contentBytes = isOfEvents(this.#format) ? this.#reader?.contentBytes() : undefined
    if (contentBytes === undefined) return usage
    if (usage === undefined) return this.#usageSoFar()
    this.#options.events.onMetered(contentBytes, usage)
    return usage
  }

  /** Of an answer that broke off, that nobody waits for any more, or that told nothing. */
  #usageSoFar(): Usage | undefined {
    const { request, events } = this.#options
    if (this.#attempt.status >= 400) return undefined
    const assumed = events.assumed()
    const seen = this.#reader && (usageSoFar(this.#reader, assumed) ?? this.#usage())
    if (seen !== undefined || this.#call?.isSent !== true) return seen
    return usageUnseen(assumed, request.stream ? 'Stream' : 'Document')
  }

  /** Undefined for an error. */
  #usage(): Usage | undefined {
    return this.#reader && (this.#reader.usage() ?? headerUsage(this.#options.request.dialect, this.#rawHeaders))
  }

  #answeredWithError(): FailedAttempt {
    return failedByAnswer(this.#heldAnswer(this.#held.take(EMPTY)), this.#options.wallClock())
  }

  /** The provider's own error inside what it called a success. `rest` is no view. */
  #reported(reader: BodyReader, rest: Buffer): FailedAttempt {
    return failedByReport(this.#heldAnswer(this.#held.take(rest)), reader.providerError())
  }

  /** What broke off behind an error's head is that error all the same, though its text is lost. */
  #brokenOff(refusal: Refusal): FailedAttempt {
    if (this.#attempt.status < 400) return failedByRefusal(refusal)
    return { ...this.#answeredWithError(), answer: undefined, refusal }
  }

  #heldAnswer(body: Buffer) {
    const { request, credential } = this.#options
    const { status } = this.#attempt
    return { dialect: request.dialect, status, rawHeaders: this.#rawHeaders, body, credential, format: this.#format }
  }
}

function noStream(): Refusal {
  return new Refusal('provider_error', 'It sent no stream, though one was asked for.')
}

function contentType(rawHeaders: readonly string[]): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 12 && name.toLowerCase() === 'content-type') return rawHeaders[i + 1]
  }
  return undefined
}
