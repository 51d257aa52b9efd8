// The Exchange over a bare socket. A reply is put together as text and leaves in one write where it is whole; a stream's
// chunks of one turn of the event loop leave together. The body's length is known and was taken from the budget before
// this was made. A reply may end before the body has come: the rest is read and dropped, so that the client, which is still
// sending, gets to see the reply (a connection closed on unread bytes would be reset).
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Refusal } from '../errors.ts'
import type { RequestHead } from '../request/head.ts'
import type { Exchange, ExchangeObserver } from './exchange.ts'
import type { OrdinaryRequest } from './ordinary-request.ts'

/** The connection that the exchange belongs to. */
export interface ExchangeOwner {
  readonly socket: Socket
  /** The client is to be told that this is the last reply. */
  readonly lastAnswer: boolean
  /** To the socket; false when the client is slow. */
  write(bytes: Buffer): boolean
  /** The reply has ended, while bytes of the body still come. */
  replied(exchange: OrdinaryExchange): void
  /** Reply and body have both ended. */
  finished(exchange: OrdinaryExchange): void
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n')
const EMPTY = Buffer.alloc(0)

export class OrdinaryExchange implements Exchange {
  readonly head: RequestHead
  readonly requestId: string
  /** Taken from the budget for the body; the connection gives it back. */
  budgeted: number
  bytesOut = 0
  begun = false
  /** The client was told that nothing follows on this connection. */
  last = false
  readonly #owner: ExchangeOwner
  /** Monotonic milliseconds. */
  readonly #bodyDueAt: number
  #observer: ExchangeObserver | undefined
  #gone = false
  #ended = false
  #parts: Buffer[] = []
  #missing: number
  #body: PromiseWithResolvers<Buffer> | undefined
  /** A head that waits for its first bytes, to leave with them. */
  #head = ''
  #framing: 'length' | 'chunked' = 'length'
  #corked = false

  constructor({ head, bodyBytes }: OrdinaryRequest, requestId: string, bodyDueAt: number, owner: ExchangeOwner) {
    this.head = head
    this.requestId = requestId
    this.budgeted = bodyBytes
    this.#missing = bodyBytes
    this.#bodyDueAt = bodyDueAt
    this.#owner = owner
  }

  set observer(observer: ExchangeObserver) {
    this.#observer = observer
    if (this.#gone) observer.onGone()
  }

  readBody(): Promise<Buffer> {
    if (this.#missing === 0) return Promise.resolve(this.#takeBody())
    if (this.#gone) return Promise.reject(new Refusal('client_closed'))
    this.#body = Promise.withResolvers()
    return this.#body.promise
  }

  begin(status: number, headers: readonly string[], bodyBytes: number | undefined): void {
    this.begun = true
    this.#framing = bodyBytes === undefined ? 'chunked' : 'length'
    const framing = bodyBytes === undefined ? 'transfer-encoding: chunked' : `content-length: ${bodyBytes}`
    this.#head = this.#headText(status, headers, `${framing}\r\n`)
  }

  write(chunk: Buffer): boolean {
    this.bytesOut += chunk.length
    this.#cork()
    return this.#owner.write(this.#framed(chunk))
  }

  end(): void {
    if (this.#head !== '') this.#owner.write(this.#framed(EMPTY))
    if (this.#framing === 'chunked') this.#owner.write(LAST_CHUNK)
    this.#end()
  }

  reply(status: number, headers: readonly string[], body: Buffer): void {
    this.begun = true
    this.bytesOut = body.length
    // Answers with these two have no body, and no length (RFC 9110 §8.6).
    const length = status === 204 || status === 304 ? '' : `content-length: ${body.length}\r\n`
    this.#head = this.#headText(status, headers, length)
    this.#framing = 'length'
    this.#owner.write(this.#framed(body))
    this.#end()
  }

  break(): void {
    this.#owner.socket.destroySoon()
  }

  /** Takes bytes of the body; returns those that lie behind it. */
  receive(bytes: Buffer): Buffer | undefined {
    const own = Math.min(bytes.length, this.#missing)
    this.#missing -= own
    if (own > 0 && !this.#ended) this.#parts.push(own === bytes.length ? bytes : bytes.subarray(0, own))
    if (this.#missing === 0) {
      this.#body?.resolve(this.#takeBody())
      this.#body = undefined
      if (this.#ended) this.#owner.finished(this)
    }
    return own === bytes.length ? undefined : bytes.subarray(own)
  }

  drained(): void {
    this.#observer?.onDrain()
  }

  /** The client left. */
  gone(): void {
    this.#gone = true
    this.#body?.reject(new Refusal('client_closed'))
    if (!this.#ended) this.#observer?.onGone()
  }

  /** Refuses a body that has not come in time; one that is only waited for to be dropped ends the connection. */
  expire(nowMs: number): void {
    if (this.#missing === 0 || nowMs < this.#bodyDueAt) return
    if (this.#body === undefined) return this.break()
    this.#body.reject(new Refusal('request_timeout'))
    this.#body = undefined
  }

  #takeBody(): Buffer {
    const parts = this.#parts
    this.#parts = []
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
  }

  #headText(status: number, headers: readonly string[], framing: string): string {
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
    for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
    this.last = this.#owner.lastAnswer
    return `${text}${framing}${this.last ? 'connection: close\r\n' : ''}\r\n`
  }

  /** The chunk in its framing, behind a head that still waits: one buffer, one copy of what may be a view. */
  #framed(chunk: Buffer): Buffer {
    const chunked = this.#framing === 'chunked' && chunk.length > 0
    const before = chunked ? `${this.#head}${chunk.length.toString(16)}\r\n` : this.#head
    this.#head = ''
    const bytes = Buffer.allocUnsafe(before.length + chunk.length + (chunked ? 2 : 0))
    bytes.write(before, 'latin1')
    chunk.copy(bytes, before.length)
    if (chunked) bytes.write('\r\n', before.length + chunk.length, 'latin1')
    return bytes
  }

  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#owner.socket.cork()
    process.nextTick(uncork, this)
  }

  /** For `process.nextTick`, which passes the exchange: a closure per burst would be one too many. */
  uncork(): void {
    this.#corked = false
    this.#owner.socket.uncork()
  }

  #end(): void {
    this.#ended = true
    // An exchange that lived long enough to be promoted would keep all of its request until a major collection.
    this.#observer = undefined
    // Nobody asks for them any more.
    this.#parts = []
    if (this.#missing === 0) this.#owner.finished(this)
    else this.#owner.replied(this)
  }
}

function uncork(exchange: OrdinaryExchange): void {
  exchange.uncork()
}
