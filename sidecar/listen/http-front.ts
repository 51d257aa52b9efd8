// What node:http reads of the connections that it was given: everything that is no ordinary request. Its parser (llhttp,
// strict) refuses ambiguous framing before any of our code runs; upgrades go on from here, with their place among the requests.
import type http from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Closing } from './closing.ts'
import { HttpConnection, type HttpHost } from './http-connection.ts'
import type { OrdinaryOptions } from './ordinary-connection.ts'
import { answerBrokenRequest, refuseExpectation, refuseUpgrade } from './refuse-unread.ts'

export interface HttpFrontOptions extends OrdinaryOptions {
  onUpgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void
}

export class HttpFront implements HttpHost {
  readonly options: HttpFrontOptions
  readonly closing: Closing
  readonly #connections = new Map<Duplex, HttpConnection>()
  /** Sockets that are no longer HTTP. */
  readonly #upgraded = new Set<Duplex>()

  constructor(server: http.Server, options: HttpFrontOptions, closing: Closing) {
    this.options = options
    this.closing = closing
    const take = (message: http.IncomingMessage, response: http.ServerResponse): void => {
      this.#connectionOf(message.socket).take(message, response)
    }
    server.on('request', take)
    // `100 Continue` goes out when the body is wanted, see HttpExchange.
    server.on('checkContinue', take)
    server.on('checkExpectation', (message, response) => refuseExpectation(message, response, options))
    server.on('upgrade', (message, socket, head) => this.#upgrade(message, socket, head))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      answerBrokenRequest(error, socket, this.#connections.get(socket), options)
    })
  }

  /** Whatever has a request now, and tells `closing` when that has ended. */
  *busy(): Iterable<object> {
    for (const connection of this.#connections.values()) if (connection.busy) yield connection
    yield* this.#upgraded
  }

  /** Ends idle connections. The others end as they become idle, or when the rest of a request takes too long. */
  endIdle(): void {
    for (const connection of this.#connections.values()) connection.endWhenIdle()
  }

  #connectionOf(socket: Socket): HttpConnection {
    const known = this.#connections.get(socket)
    if (known !== undefined) return known
    const connection = new HttpConnection(socket, this)
    this.#connections.set(socket, connection)
    socket.once('close', () => this.#connections.delete(socket))
    return connection
  }

  #upgrade(message: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    const { admission, onUpgrade } = this.options
    const refusal = admission.enterRequest()
    if (refusal !== undefined) return refuseUpgrade(message, socket, refusal, this.options)
    this.#upgraded.add(socket)
    socket.once('close', () => {
      this.#upgraded.delete(socket)
      admission.leaveRequest()
      this.closing.settled(socket)
    })
    onUpgrade(message, socket, head)
  }
}
