// The client's side of one request, over all of its attempts: what can still be said to it, and how.
//
// While the first token is awaited a stream can be opened by comments (`: keep-alive`), which the SDKs of its dialect skip and
// which keep their timeouts, and those of whatever lies between, from ending the wait. A comment is no part of an answer:
// another attempt can still follow. But no status can any more, so what goes wrong from then on is said in the stream.
// Rejected: opening each stream at once, for then every error would lose its status and every answer its provider's headers.
import { HEADER_REQUEST_ID } from '../../contract/names.ts'
import type { Refusal } from '../errors.ts'
import type { Exchange, ExchangeObserver } from '../listen/exchange.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import { type AnswerFormat, isOfEvents } from '../stream/create-body-reader.ts'
import { refusalEvent } from '../translate/refusal.ts'

const COMMENT = Buffer.from(': keep-alive\n\n')

export class Reply {
  readonly #exchange: Exchange
  readonly #request: DecodedRequest
  #state: 'Nothing' | 'Comments' | 'Answer' = 'Nothing'

  constructor(exchange: Exchange, request: DecodedRequest) {
    this.#exchange = exchange
    this.#request = request
  }

  /** An answer has begun, and not only comments. */
  get begun(): boolean {
    return this.#state === 'Answer'
  }

  /** Comments have: what follows can have no other status, and be nothing but events. */
  get opened(): boolean {
    return this.#state === 'Comments'
  }

  set observer(observer: ExchangeObserver) {
    this.#exchange.observer = observer
  }

  /** Nothing but a comment has been, and will be, sent by this. */
  keepAlive(): void {
    if (this.#state === 'Answer') return
    if (this.#state === 'Nothing') {
      this.#state = 'Comments'
      const headers = ['content-type', 'text/event-stream', 'cache-control', 'no-store']
      this.#exchange.begin(200, [...headers, HEADER_REQUEST_ID, this.#exchange.requestId], undefined)
    }
    this.#exchange.write(COMMENT)
  }

  /** Begins an answer that goes out as it comes. `bodyBytes` undefined: not known. */
  begin(status: number, headers: readonly string[], bodyBytes: number | undefined): void {
    const opened = this.#state === 'Comments'
    this.#state = 'Answer'
    if (!opened) this.#exchange.begin(status, headers, bodyBytes)
  }

  /** False when the client is slow. */
  write(bytes: Buffer): boolean {
    return this.#exchange.write(bytes)
  }

  end(): void {
    this.#exchange.end()
  }

  /** A whole answer. */
  send(status: number, headers: readonly string[], body: Buffer): void {
    const { opened } = this
    this.#state = 'Answer'
    if (!opened) return this.#exchange.reply(status, headers, body)
    this.#exchange.write(body)
    this.#exchange.end()
  }

  /**
   * Tells the failure when there is no status left to tell it by: by the one in-stream error that the client's SDK raises, where
   * the answer is a stream of events, else by a broken connection. False when nothing has been sent yet.
   */
  fail(refusal: Refusal, format: AnswerFormat): boolean {
    if (this.#state === 'Nothing') return false
    const { dialect, operation } = this.#request
    const inStream = isOfEvents(format) || this.#state === 'Comments'
    this.#state = 'Answer'
    if (inStream) this.#exchange.write(refusalEvent(dialect, operation, refusal, this.#exchange.requestId))
    // Gemini's form of it is no event, and readers of events only (Vercel's AI SDK) pass over it.
    if (inStream && dialect !== 'Gemini') this.#exchange.end()
    else this.#exchange.break()
    return true
  }
}
