// A client's connection from the moment that node:http reads it. node:http hands over all requests that a client has pipelined
// at once, and tells those whose turn has not come nothing when the client leaves; so they begin here one at a time,
// as on an ordinary connection, and those that have not begun when it closes were never there.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Refusal } from '../errors.ts'
import { type Closing, polled } from './closing.ts'
import { HttpExchange, type HttpExchangeOptions } from './http-exchange.ts'
import type { OrdinaryOptions } from './ordinary-connection.ts'
import { refuseExchange } from './refuse-unread.ts'

export interface HttpHost {
  readonly options: OrdinaryOptions
  readonly closing: Closing
}

/** Nobody pipelines more, nor a large body. The connection ends beyond it. */
const WAITING_MAX = 128

interface Waiting {
  message: IncomingMessage
  response: ServerResponse
}

export class HttpConnection {
  readonly #socket: Socket
  readonly #host: HttpHost
  readonly #exchangeOptions: HttpExchangeOptions
  #exchange: HttpExchange | undefined
  /** The response of the open exchange. */
  #response: ServerResponse | undefined
  /** The exchange has a place that it must give back. */
  #admitted = false
  readonly #waiting: Waiting[] = []
  /** What had been read when the last reply was sent: more than that is a request that is arriving. */
  #idleAtBytes = -1

  constructor(socket: Socket, host: HttpHost) {
    this.#socket = socket
    this.#host = host
    const { body, admission } = host.options
    this.#exchangeOptions = { body, answers: admission.answers, closing: host.closing }
    socket.on('pause', this.#onPause)
  }

  get busy(): boolean {
    return this.#exchange !== undefined
  }

  take(message: IncomingMessage, response: ServerResponse): void {
    if (this.#socket.destroyed) return
    if (this.#exchange === undefined) this.#begin({ message, response })
    else if (this.#waiting.push({ message, response }) > WAITING_MAX) this.#socket.destroy()
  }

  /** Ends the wait for a body that will not come whole. False when nobody waits for it on `response`. */
  refuseBody(response: ServerResponse, refusal: Refusal): boolean {
    return response === this.#response && this.#exchange?.refuseBody(refusal) === true
  }

  /** Closes it, unless there is a request. One may be on its way, so it gets a turn to arrive. */
  endWhenIdle(): void {
    void polled().then(() => {
      if (!this.busy && this.#socket.bytesRead === this.#idleAtBytes) this.#socket.destroySoon()
    })
  }

  #begin({ message, response }: Waiting): void {
    const { options } = this.#host
    const exchange = new HttpExchange(message, response, options.newRequestId(), this.#exchangeOptions)
    this.#exchange = exchange
    this.#response = response
    response.once('close', this.#onClosed)
    const refusal = options.admission.enterRequest()
    this.#admitted = refusal === undefined
    if (refusal === undefined) options.onExchange(exchange)
    else refuseExchange(exchange, refusal, options)
  }

  /** node:http stops reading where nobody takes a body. A socket that is not read does not tell that its client has left. */
  readonly #onPause = (): void => {
    const last = this.#waiting.at(-1)?.message
    if (last !== undefined && last.readableLength >= last.readableHighWaterMark) this.#socket.destroy()
  }

  readonly #onClosed = (): void => {
    const { options, closing } = this.#host
    this.#exchange = undefined
    this.#response = undefined
    if (this.#admitted) options.admission.leaveRequest()
    closing.settled(this)
    const next = this.#waiting.shift()
    // Its socket takes nothing more behind a reply that was the last one.
    if (next !== undefined && this.#socket.writable) return this.#begin(next)
    this.#idleAtBytes = this.#socket.bytesRead
    if (closing.stage === 'Ending') this.endWhenIdle()
  }
}
