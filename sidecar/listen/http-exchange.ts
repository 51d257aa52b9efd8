// The Exchange over node:http. It counts what goes out, hands over copies of views, and makes sure that whoever waits for
// the client (for its body, for its socket to drain) learns when it has gone.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refusal } from '../errors.ts'
import type { RequestHead } from '../request/head.ts'
import type { AnswerBudget } from './answer-budget.ts'
import type { Closing } from './closing.ts'
import type { Exchange, ExchangeObserver } from './exchange.ts'
import { type BodyLimits, readBody } from './read-body.ts'

/** Up to here a body travels in one string with its head: one write to the socket instead of two. */
const ONE_WRITE_BYTES_MAX = 16 * 1024

/** How long a broken-off reply waits for a client that reads nothing. */
const BREAK_TIMEOUT_MS = 60_000

export interface HttpExchangeOptions {
  body: BodyLimits
  answers: AnswerBudget
  closing: Pick<Closing, 'lastAnswers'>
}

export class HttpExchange implements Exchange {
  readonly head: RequestHead
  readonly requestId: string
  bytesOut = 0
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  readonly #options: HttpExchangeOptions
  #budgeted = 0
  /** Bytes of the reply that could not be sent yet, as they were counted when the client was last slow. */
  #waiting = 0
  /** The client waits for a word before it sends its body. */
  #expecting: boolean
  #closed = false
  #gone = false
  /** Set once the body is asked for. */
  #cancelBody: ((refusal: Refusal) => void) | undefined
  #bodyRefused = false
  #observer: ExchangeObserver | undefined

  constructor(message: IncomingMessage, response: ServerResponse, requestId: string, options: HttpExchangeOptions) {
    this.head = { method: message.method ?? '', target: message.url ?? '', rawHeaders: message.rawHeaders }
    this.requestId = requestId
    this.#message = message
    this.#response = response
    this.#options = options
    // RFC 9110 §10.1.1: HTTP/1.0 has no 1xx.
    this.#expecting = message.headers.expect !== undefined && message.httpVersion === '1.1'
    response.sendDate = false
    response.on('close', () => this.#close())
  }

  get begun(): boolean {
    return this.#response.headersSent
  }

  set observer(observer: ExchangeObserver) {
    this.#observer = observer
    if (this.#gone) observer.onGone()
  }

  async readBody(): Promise<Buffer> {
    const limits = this.#options.body
    const announced = Number(this.#message.headers['content-length'] ?? 0)
    if (this.#expecting && announced <= limits.bytesMax) {
      this.#expecting = false
      this.#response.writeContinue()
    }
    const reading = readBody(this.#message, this.head, limits)
    this.#cancelBody = reading.cancel
    const { body, budgeted } = await reading.body
    this.#cancelBody = undefined
    // A client that left while its body was being decoded is not coming back to return the bytes.
    if (this.#closed) limits.budget.give(budgeted)
    else this.#budgeted = budgeted
    return body
  }

  /** Ends the wait for a body that will not come whole. False when nobody waits for it. */
  refuseBody(refusal: Refusal): boolean {
    if (this.#cancelBody === undefined || this.#bodyRefused || this.begun || this.#message.complete) return false
    this.#bodyRefused = true
    this.#cancelBody(refusal)
    return true
  }

  begin(status: number, headers: readonly string[], bodyBytes: number | undefined): void {
    const framing = bodyBytes === undefined ? this.#framingWithoutLength() : ['content-length', String(bodyBytes)]
    this.#writeHead(status, headers.concat(framing))
    this.#response.on('drain', () => {
      this.#count(0)
      this.#observer?.onDrain()
    })
  }

  write(chunk: Buffer): boolean {
    this.bytesOut += chunk.length
    if (this.#response.write(Buffer.from(chunk))) return true
    this.#count(this.#response.writableLength)
    return false
  }

  end(): void {
    this.#response.end()
    this.#count(this.#response.writableLength)
  }

  reply(status: number, headers: readonly string[], body: Buffer): void {
    this.bytesOut = body.length
    // Answers to HEAD, 204 and 304 have a body's headers but no body of their own (RFC 9110 §8.6).
    const bodiless = body.length === 0 && (status === 204 || status === 304 || this.head.method === 'HEAD')
    const framing = bodiless ? [] : ['content-length', String(body.length)]
    // Whether its body still comes is the client's choice now, so what follows could be a body or a request.
    if (this.#expecting || this.#bodyRefused) framing.push('connection', 'close')
    this.#writeHead(status, headers.concat(framing))
    if (body.length > ONE_WRITE_BYTES_MAX) this.#response.end(body)
    else this.#response.end(body.toString('latin1'), 'latin1')
    this.#count(this.#response.writableLength)
  }

  break(): void {
    const { httpVersion, socket } = this.#message
    // node:http keeps what was written in this turn until its end, and a socket that has ended takes none of it.
    // Where the end of the connection is the end of the reply, only a reset shows that it was not.
    process.nextTick(() => (httpVersion === '1.0' ? socket.resetAndDestroy() : socket.destroySoon()))
    if (httpVersion !== '1.0') socket.setTimeout(BREAK_TIMEOUT_MS, () => socket.destroy())
  }

  #writeHead(status: number, headers: string[]): void {
    if (this.#options.closing.lastAnswers) this.#response.shouldKeepAlive = false
    this.#response.writeHead(status, headers)
  }

  /** So much of the reply waits now. */
  #count(bytes: number): void {
    if (bytes === this.#waiting || this.#closed) return
    this.#options.answers.add(bytes - this.#waiting)
    this.#waiting = bytes
  }

  #framingWithoutLength(): string[] {
    // RFC 9112 §6.1: HTTP/1.0 knows no chunks.
    return this.#message.httpVersion === '1.0' ? ['connection', 'close'] : ['transfer-encoding', 'chunked']
  }

  #close(): void {
    this.#options.body.budget.give(this.#budgeted)
    this.#budgeted = 0
    this.#count(0)
    this.#closed = true
    // node:http says nothing more of a body whose reply has ended.
    this.#cancelBody?.(new Refusal('client_closed'))
    if (this.#response.writableFinished) return
    this.#gone = true
    this.#observer?.onGone()
  }
}
