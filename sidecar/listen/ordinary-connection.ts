// A client's connection as long as its requests are ordinary: read and answered on the bare socket, without node:http's
// objects (42 CPU-µs a request in all instead of 61, when it came in). The first request that is not ordinary takes the socket to node:http for good, with the
// bytes that were read put back, before anything of it was answered; so does one that would be refused for its size.
//
// One request at a time: what a client pipelines waits, bounded, until the reply before it has ended (RFC 9112 §9.3.2) and
// its client keeps up. What one client sends without end takes no more of a turn of the event loop than its share.
import type { Socket } from 'node:net'
import { TURN_BYTES_MAX } from '../http/turn-share.ts'
import type { Admission } from './admission.ts'
import { type Closing, polled } from './closing.ts'
import type { Exchange } from './exchange.ts'
import { type ExchangeOwner, OrdinaryExchange } from './ordinary-exchange.ts'
import { type OrdinaryRequest, parseOrdinaryRequest } from './ordinary-request.ts'
import type { BodyLimits } from './read-body.ts'
import { type RefusalSite, refuseExchange } from './refuse-unread.ts'

export interface OrdinaryOptions extends RefusalSite {
  headBytesMax: number
  requestTimeoutMs: number
  keepAliveMs: number
  body: BodyLimits
  admission: Admission
  onExchange(exchange: Exchange): void
  /** Monotonic milliseconds. */
  now(): number
}

export interface ConnectionHost {
  readonly options: OrdinaryOptions
  readonly closing: Closing
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
  /** The exchange has a place that it must give back. */
  #admitted = false
  /** Bytes of answers that the socket could not send yet, as they were counted when it last said so. */
  #waiting = 0
  /** Bytes since it last let others have their turn. */
  #readBytes = 0
  #resting = false
  #handedOver = false

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

  get busy(): boolean {
    return this.#exchange !== undefined
  }

  get lastAnswer(): boolean {
    return this.#host.closing.lastAnswers
  }

  expire(nowMs: number): void {
    this.#exchange?.expire(nowMs)
  }

  write(bytes: Buffer): boolean {
    if (this.socket.write(bytes)) return true
    if (!this.socket.destroyed) this.#count(this.socket.writableLength)
    return false
  }

  replied(exchange: OrdinaryExchange): void {
    this.#release(exchange)
  }

  finished(exchange: OrdinaryExchange): void {
    this.#exchange = undefined
    this.#release(exchange)
    const { closing } = this.#host
    if (closing.lastAnswers) closing.settled(this)
    if (exchange.last) return this.socket.destroySoon()
    if (this.#unread !== undefined) this.#rest()
    else if (closing.stage === 'Ending') this.endWhenIdle()
  }

  /** Closes it, unless there is a request. One may be on its way, so it gets a turn to arrive. */
  endWhenIdle(): void {
    void polled().then(() => {
      const idle = this.#exchange === undefined && this.#unread === undefined && !this.#handedOver
      if (idle) this.socket.destroySoon()
    })
  }

  /** What came before was dealt with, or one request of it: another turn of the event loop has come. */
  wake(): void {
    // Another one reads from it now.
    if (!this.#resting) return
    this.#resting = false
    this.#readOn()
    // More requests wait, or the socket went to node:http.
    if (!this.#resting) this.socket.resume()
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#readBytes += bytes.length
    if (this.#readBytes > TURN_BYTES_MAX) this.#rest()
    if (this.#exchange !== undefined) this.#keep(this.#exchange.receive(bytes))
    // A client that sends requests and reads no replies waits until it does.
    else if (this.#unread !== undefined || this.socket.writableNeedDrain) this.#keep(bytes)
    else this.#read(bytes)
  }

  #readOn(): void {
    const unread = this.#unread
    if (unread === undefined || this.#exchange !== undefined) return
    if (this.socket.destroyed || this.socket.writableNeedDrain) return
    this.#unread = undefined
    this.#read(unread)
  }

  readonly #onDrain = (): void => {
    this.#count(0)
    if (this.#exchange !== undefined) this.#exchange.drained()
    else if (!this.#resting) this.#readOn()
  }

  // As node:http does it: a client that ends its side has gone.
  readonly #onEnd = (): void => void this.socket.destroy()

  readonly #onError = (): void => {}

  readonly #onTimeout = (): void => {
    // A reply that was broken off, to a client that does not read, is not waited for any longer either.
    if (!this.busy || this.socket.writableEnded) this.socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#host.onClosed(this)
    this.#count(0)
    const exchange = this.#exchange
    if (exchange === undefined) return
    this.#exchange = undefined
    this.#release(exchange)
    this.#host.closing.settled(this)
    exchange.gone()
  }

  #keep(bytes: Buffer | undefined): void {
    if (bytes === undefined) return
    this.#unread = this.#unread === undefined ? bytes : Buffer.concat([this.#unread, bytes])
    if (this.#unread.length > WAITING_BYTES_MAX) this.socket.destroy()
    // They came with the end of a body whose reply had ended before.
    else if (this.#exchange === undefined) this.#rest()
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
    const refusal = options.admission.enterRequest()
    this.#admitted = refusal === undefined
    if (refusal === undefined) options.onExchange(exchange)
    else refuseExchange(exchange, refusal, options)
  }

  #fits({ bodyBytes }: OrdinaryRequest): boolean {
    const { bytesMax, budget } = this.#host.options.body
    return bodyBytes <= bytesMax && budget.take(bodyBytes)
  }

  /** Gives back what the request has taken, once. What is left of its body is only dropped. */
  #release(exchange: OrdinaryExchange): void {
    const { body, admission } = this.#host.options
    body.budget.give(exchange.budgeted)
    exchange.budgeted = 0
    if (this.#admitted) admission.leaveRequest()
    this.#admitted = false
  }

  /** So much of its answers waits now. */
  #count(bytes: number): void {
    if (bytes === this.#waiting) return
    this.#host.options.admission.answers.add(bytes - this.#waiting)
    this.#waiting = bytes
  }

  /** Reads nothing more until the other sockets have had their turn. */
  #rest(): void {
    this.#readBytes = 0
    if (this.#resting) return
    this.#resting = true
    this.socket.pause()
    setImmediate(wake, this)
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
    this.#handedOver = true
    this.#resting = false
    if (socket.isPaused()) socket.resume()
    this.#host.handOver(this, unread)
  }
}

/** For `setImmediate`, which passes the connection: no closure per turn. */
function wake(connection: OrdinaryConnection): void {
  connection.wake()
}
