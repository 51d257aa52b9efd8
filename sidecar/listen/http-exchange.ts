// The Exchange over node:http. It counts what goes out, hands over copies of views, and makes sure that whoever waits for
// the client (for its body, for its socket to drain) learns when it has gone.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Refusal } from '../errors.ts'
import type { RequestHead } from '../request/head.ts'
import type { Exchange, ExchangeObserver } from './exchange.ts'
import { type BodyLimits, readBody } from './read-body.ts'

/** Up to here a body travels in one string with its head: one write to the socket instead of two. */
const ONE_WRITE_BYTES_MAX = 16 * 1024

/** How long a broken-off reply waits for a client that reads nothing. */
const BREAK_TIMEOUT_MS = 60_000

export class HttpExchange implements Exchange {
  readonly head: RequestHead
  readonly requestId: string
  bytesOut = 0
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  readonly #limits: BodyLimits
  #budgeted = 0
  /** The client waits for a word before it sends its body. */
  #expecting: boolean
  #gone = false
  /** Set once the body is asked for. */
  #rejectBody: ((refusal: Refusal) => void) | undefined
  #bodyRefused = false
  #observer: ExchangeObserver | undefined

  constructor(message: IncomingMessage, response: ServerResponse, requestId: string, limits: BodyLimits) {
    this.head = { method: message.method ?? '', target: message.url ?? '', rawHeaders: message.rawHeaders }
    this.requestId = requestId
    this.#message = message
    this.#response = response
    this.#limits = limits
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
    const announced = Number(this.#message.headers['content-length'] ?? 0)
    if (this.#expecting && announced <= this.#limits.bytesMax) {
      this.#expecting = false
      this.#response.writeContinue()
    }
    const broken = Promise.withResolvers<never>()
    this.#rejectBody = broken.reject
    const read = readBody(this.#message, this.head, this.#limits)
    const { body, budgeted } = await Promise.race([read, broken.promise])
    // A client that left while its body was being decoded is not coming back to return the bytes.
    if (this.#gone) this.#limits.budget.give(budgeted)
    else this.#budgeted = budgeted
    return body
  }

  /** Ends the wait for a body that will not come whole. False when nobody waits for it. */
  refuseBody(refusal: Refusal): boolean {
    if (this.#rejectBody === undefined || this.#bodyRefused || this.begun || this.#message.complete) return false
    this.#bodyRefused = true
    this.#rejectBody(refusal)
    return true
  }

  begin(status: number, headers: readonly string[], bodyBytes: number | undefined): void {
    const framing = bodyBytes === undefined ? this.#framingWithoutLength() : ['content-length', String(bodyBytes)]
    this.#response.writeHead(status, headers.concat(framing))
    this.#response.on('drain', () => this.#observer?.onDrain())
  }

  write(chunk: Buffer): boolean {
    this.bytesOut += chunk.length
    return this.#response.write(Buffer.from(chunk))
  }

  end(): void {
    this.#response.end()
  }

  reply(status: number, headers: readonly string[], body: Buffer): void {
    this.bytesOut = body.length
    // Answers to HEAD, 204 and 304 have a body's headers but no body of their own (RFC 9110 §8.6).
    const bodiless = body.length === 0 && (status === 204 || status === 304 || this.head.method === 'HEAD')
    const framing = bodiless ? [] : ['content-length', String(body.length)]
    // Whether its body still comes is the client's choice now, so what follows could be a body or a request.
    if (this.#expecting || this.#bodyRefused) framing.push('connection', 'close')
    this.#response.writeHead(status, headers.concat(framing))
    if (body.length > ONE_WRITE_BYTES_MAX) this.#response.end(body)
    else this.#response.end(body.toString('latin1'), 'latin1')
  }

  break(): void {
    const { httpVersion, socket } = this.#message
    // Where the end of the connection is the end of the reply, only a reset shows that it was not.
    if (httpVersion === '1.0') socket.resetAndDestroy()
    else {
      socket.destroySoon()
      socket.setTimeout(BREAK_TIMEOUT_MS, () => socket.destroy())
    }
  }

  #framingWithoutLength(): string[] {
    // RFC 9112 §6.1: HTTP/1.0 knows no chunks.
    return this.#message.httpVersion === '1.0' ? ['connection', 'close'] : ['transfer-encoding', 'chunked']
  }

  #close(): void {
    this.#limits.budget.give(this.#budgeted)
    this.#budgeted = 0
    if (this.#response.writableFinished) return
    this.#gone = true
    this.#observer?.onGone()
  }
}
