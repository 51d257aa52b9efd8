// A client's connection as long as its requests are ordinary: read and answered on the bare socket, without node:http's
// objects (42 CPU-µs a request in all instead of 61, when it came in). The first request that is not ordinary takes the socket to node:http for good, with the
// bytes that were read put back, before anything of it was answered; so does one that would be refused for its size.
//
// One request at a time: what a client pipelines waits, bounded, until the reply before it has ended (RFC 9112 §9.3.2).
import type { Socket } from 'node:net'
import type { Exchange } from './exchange.ts'
import { type ExchangeOwner, OrdinaryExchange } from './ordinary-exchange.ts'
import { type OrdinaryRequest, parseOrdinaryRequest } from './ordinary-request.ts'
import type { BodyLimits } from './read-body.ts'

export interface OrdinaryOptions {
  headBytesMax: number
  requestTimeoutMs: number
  keepAliveMs: number
  body: BodyLimits
  newRequestId(): string
  onExchange(exchange: Exchange): void
  /** Monotonic milliseconds. */
  now(): number
}

export interface ConnectionHost {
  readonly options: OrdinaryOptions
  readonly draining: boolean
  /** Takes the socket over, with these bytes unread. */
  handOver(connection: OrdinaryConnection, unread: Buffer): void
  onClosed(connection: OrdinaryConnection): void
}

/**
 * Of pipelined bytes; nobody sends more. The connection ends beyond it: a socket that is not read does not tell that its
 * client has left, and the provider would answer nobody.
 */
const WAITING_BYTES_MAX = 64 * 1024

export class OrdinaryConnection implements ExchangeOwner {
  readonly socket: Socket
  readonly #host: ConnectionHost
  /** Bytes that nobody has looked at yet. */
  #unread: Buffer | undefined
  #exchange: OrdinaryExchange | undefined

  constructor(socket: Socket, host: ConnectionHost) {
    this.socket = socket
    this.#host = host
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    socket.on('timeout', this.#onTimeout)
    socket.setTimeout(host.options.keepAliveMs)
  }

  get idle(): boolean {
    return this.#exchange === undefined
  }

  get closing(): boolean {
    return this.#host.draining
  }

  expire(nowMs: number): void {
    this.#exchange?.expire(nowMs)
  }

  finished(exchange: OrdinaryExchange): void {
    this.#release(exchange)
    if (this.closing) return this.socket.destroySoon()
    // Not before the handler of this reply has returned.
    if (this.#unread !== undefined) queueMicrotask(this.#readOn)
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#exchange !== undefined) this.#keep(this.#exchange.receive(bytes))
    else if (this.#unread !== undefined) this.#keep(bytes)
    else this.#read(bytes)
  }

  readonly #readOn = (): void => {
    const unread = this.#unread
    if (unread === undefined || this.#exchange !== undefined || this.socket.destroyed) return
    this.#unread = undefined
    this.#read(unread)
  }

  readonly #onDrain = (): void => this.#exchange?.drained()

  // As node:http does it: a client that ends its side has gone.
  readonly #onEnd = (): void => void this.socket.destroy()

  readonly #onError = (): void => {}

  readonly #onTimeout = (): void => {
    // A reply that was broken off, to a client that does not read, is not waited for any longer either.
    if (this.idle || this.socket.writableEnded) this.socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#host.onClosed(this)
    const exchange = this.#exchange
    if (exchange === undefined) return
    this.#release(exchange)
    exchange.gone()
  }

  #keep(bytes: Buffer | undefined): void {
    if (bytes === undefined) return
    this.#unread = this.#unread === undefined ? bytes : Buffer.concat([this.#unread, bytes])
    if (this.#unread.length > WAITING_BYTES_MAX) this.socket.destroy()
  }

  #read(bytes: Buffer): void {
    const { options } = this.#host
    const request = parseOrdinaryRequest(bytes, options.headBytesMax)
    if (request === undefined || !this.#fits(request)) return this.#handOver(bytes)
    const exchange = new OrdinaryExchange(
      request,
      options.newRequestId(),
      options.now() + options.requestTimeoutMs,
      this,
    )
    this.#exchange = exchange
    this.#keep(exchange.receive(bytes.subarray(request.headBytes)))
    options.onExchange(exchange)
  }

  #fits({ bodyBytes }: OrdinaryRequest): boolean {
    const { bytesMax, budget } = this.#host.options.body
    return bodyBytes <= bytesMax && budget.take(bodyBytes)
  }

  #release(exchange: OrdinaryExchange): void {
    this.#exchange = undefined
    this.#host.options.body.budget.give(exchange.bodyBytes)
  }

  #handOver(unread: Buffer): void {
    const { socket } = this
    socket.off('data', this.#onData)
    socket.off('drain', this.#onDrain)
    socket.off('end', this.#onEnd)
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
    socket.off('timeout', this.#onTimeout)
    socket.setTimeout(0)
    this.#host.handOver(this, unread)
  }
}
