// Brings one attempt's answer to the client: the sink of the upstream call on one side, the exchange on the other.
//
// Nothing is sent to the client until there is something worth sending, so that a failure before that is a clean error
// with a status of its own. A small answer goes out in one write; a stream goes out as whole events, as they come, at the
// client's pace. An answer that ends too early never ends cleanly: a stream gets the one in-stream error that the client's SDK
// raises, anything else a broken connection.
import { FAILURES, type FailureCode, Refusal } from './errors.ts'
import type { Exchange, ExchangeObserver } from './listen/exchange.ts'
import { addOwnHeaders, type ResponseHeaderFilter } from './providers/response-headers.ts'
import type { DecodedRequest } from './request/decoded-request.ts'
import type { BodyReader } from './stream/body-reader.ts'
import { type AnswerFormat, answerFormat, createBodyReader } from './stream/create-body-reader.ts'
import type { Scrubber } from './stream/scrub.ts'
import type { RequestRecord } from './telemetry/request-record.ts'
import { refusalEvent } from './translate/refusal.ts'
import type { Flow, ResponseSink } from './upstream/call.ts'

export interface RelayOptions {
  exchange: Exchange
  request: DecodedRequest
  record: RequestRecord
  scrubber: Scrubber
  responseHeaders: ResponseHeaderFilter
  usageStripping: 'Strip' | 'Keep'
  /** Monotonic milliseconds. */
  now(): number
}

const EMPTY = Buffer.alloc(0)

export class Relay implements ResponseSink, ExchangeObserver {
  readonly #options: RelayOptions
  readonly #exchange: Exchange
  readonly #record: RequestRecord
  #call: Flow | undefined
  readonly #done = Promise.withResolvers<void>()
  #status = 0
  #headers: string[] = []
  #bodyBytes: number | undefined
  #format: AnswerFormat = 'opaque'
  #reader: BodyReader | undefined
  /** The end of what came, when it could be the beginning of the key. */
  #heldBack: Buffer | undefined

  constructor(options: RelayOptions) {
    this.#options = options
    this.#exchange = options.exchange
    this.#record = options.record
  }

  /**
   * Resolves when the answer has been delivered, or broken off visibly. Rejects with a Refusal when it failed while
   * nothing had been sent, or when the client left, which ends the call.
   */
  follow(call: Flow): Promise<void> {
    this.#call = call
    this.#exchange.observer = this
    return this.#done.promise
  }

  onDrain(): void {
    this.#call?.resume()
  }

  onGone(): void {
    this.#call?.abort()
    this.#finishRecord('client_closed')
    this.#done.reject(new Refusal('client_closed'))
  }

  onHead(status: number, rawHeaders: string[], bodyBytes: number | undefined): void {
    const { request, responseHeaders, scrubber, usageStripping } = this.#options
    this.#status = status
    this.#record.status = status
    this.#bodyBytes = bodyBytes
    this.#headers = responseHeaders.pass(rawHeaders)
    scrubber.headers(this.#headers)
    addOwnHeaders(this.#headers, this.#record)
    this.#format = answerFormat(request, contentType(rawHeaders))
    const { dialect, operation } = request
    this.#reader = createBodyReader({ dialect, operation, format: this.#format, stripUsage: usageStripping })
  }

  onBody(chunk: Buffer): void {
    this.#record.firstByteMs ??= this.#options.now() - this.#record.startedAt
    const forwardable = this.#reader?.push(chunk)
    if (forwardable) this.#forward(forwardable)
  }

  onEnd(): void {
    const reader = this.#reader as BodyReader
    const { rest, complete } = reader.end()
    const failed = reader.providerError() !== undefined
    // An error, as the answer or as the last event of a stream, is the provider's own end: it is passed on as it is.
    if (!complete && !failed && this.#status < 300) return this.onError(new Refusal('provider_truncated'))
    this.#finishRecord(failed ? 'provider_stream_error' : undefined)
    if (this.#exchange.begun) {
      this.#forward(this.#joinHeldBack(rest ?? EMPTY), 'last')
      this.#exchange.end()
    } else {
      this.#exchange.reply(this.#status, this.#headers, this.#options.scrubber.bytes(this.#joinHeldBack(rest ?? EMPTY)))
    }
    this.#done.resolve()
  }

  onError(refusal: Refusal): void {
    this.#finishRecord(refusal.code)
    if (!this.#exchange.begun) return this.#done.reject(refusal)
    const { dialect, operation } = this.#options.request
    if (this.#format === 'events') {
      this.#exchange.write(refusalEvent(dialect, operation, refusal, this.#exchange.requestId))
      // Gemini's form of it is no event, and readers of events only (Vercel's AI SDK) pass over it.
      if (dialect === 'Gemini') this.#exchange.break()
      else this.#exchange.end()
    } else this.#exchange.break()
    this.#done.resolve()
  }

  #forward(chunk: Buffer, position: 'middle' | 'last' = 'middle'): void {
    const { scrubber } = this.#options
    let bytes = scrubber.bytes(position === 'last' ? chunk : this.#joinHeldBack(chunk))
    const held = position === 'last' ? 0 : scrubber.heldBack(bytes)
    if (held > 0) {
      this.#heldBack = Buffer.from(bytes.subarray(bytes.length - held))
      bytes = bytes.subarray(0, bytes.length - held)
    }
    if (bytes.length === 0) return
    if (!this.#exchange.begun) {
      // Of these two an unfinished end is not forwarded, so their length is not known.
      const known = this.#format !== 'events' && this.#format !== 'json-array'
      const bodyBytes = known ? this.#bodyBytes : undefined
      this.#exchange.begin(this.#status, this.#headers, bodyBytes)
    }
    if (!this.#exchange.write(bytes)) this.#call?.pause()
  }

  #joinHeldBack(chunk: Buffer): Buffer {
    if (this.#heldBack === undefined) return chunk
    const joined = Buffer.concat([this.#heldBack, chunk])
    this.#heldBack = undefined
    return joined
  }

  #finishRecord(failure: FailureCode | undefined): void {
    this.#record.usage = this.#reader?.usage()
    this.#record.failure = failure
    this.#record.fault = failure === undefined ? faultOfStatus(this.#status) : FAILURES[failure].fault
  }
}

/** A provider's refusal of our key or our pace is not the caller's fault; other 4xx are. */
export function faultOfStatus(status: number): RequestRecord['fault'] {
  if (status < 400) return undefined
  const ours = status >= 500 || status === 401 || status === 402 || status === 403 || status === 429
  return ours ? 'provider' : 'caller'
}

function contentType(rawHeaders: readonly string[]): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 12 && name.toLowerCase() === 'content-type') return rawHeaders[i + 1]
  }
  return undefined
}
