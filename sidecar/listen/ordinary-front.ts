// Stands in front of node:http on the same server: every new connection is an ordinary one until it shows otherwise, and is
// then given to node:http's own connection listener, which finds the unread bytes put back.
import type http from 'node:http'
import type { Socket } from 'node:net'
import type { Closing } from './closing.ts'
import { type ConnectionHost, OrdinaryConnection, type OrdinaryOptions } from './ordinary-connection.ts'
import { refuseConnection } from './refuse-unread.ts'

/** The precision of the limit on how long a body may take to arrive. */
const SWEEP_MS = 1000

/** Connections beyond the limit that hear so at the same time. Of those beyond that, nothing more is heard than the close. */
const REFUSED_CONNECTIONS_MAX = 256

export class OrdinaryFront implements ConnectionHost {
  readonly options: OrdinaryOptions
  readonly closing: Closing
  /** Connections so far. */
  accepted = 0
  readonly #server: http.Server
  readonly #toNode: (socket: Socket) => void
  readonly #connections = new Set<OrdinaryConnection>()

  constructor(server: http.Server, options: OrdinaryOptions, closing: Closing) {
    this.options = options
    this.closing = closing
    this.#server = server
    this.#toNode = server.listeners('connection')[0] as (socket: Socket) => void
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => this.#accept(socket))
    // node:net closes what comes beyond it before there is a socket.
    server.maxConnections = options.admission.connectionsMax + REFUSED_CONNECTIONS_MAX
    const timer = setInterval(() => this.#sweep(), SWEEP_MS).unref()
    server.once('close', () => clearInterval(timer))
  }

  handOver(connection: OrdinaryConnection, unread: Buffer): void {
    this.#connections.delete(connection)
    const { socket } = connection
    this.#toNode.call(this.#server, socket)
    socket.unshift(unread)
  }

  onClosed(connection: OrdinaryConnection): void {
    this.#connections.delete(connection)
  }

  /** Whatever has a request now, and tells `closing` when that has ended. */
  *busy(): Iterable<object> {
    for (const connection of this.#connections) if (connection.busy) yield connection
  }

  /** Ends idle connections. The others end as they become idle. */
  endIdle(): void {
    for (const connection of this.#connections) connection.endWhenIdle()
  }

  destroy(): void {
    for (const { socket } of this.#connections) socket.destroy()
  }

  #accept(socket: Socket): void {
    this.accepted++
    const { admission } = this.options
    const refusal = admission.enterConnection()
    if (refusal !== undefined) return refuseConnection(socket, refusal, this.options)
    socket.once('close', this.#leave)
    this.#connections.add(new OrdinaryConnection(socket, this))
  }

  readonly #leave = (): void => this.options.admission.leaveConnection()

  #sweep(): void {
    const nowMs = this.options.now()
    for (const connection of this.#connections) connection.expire(nowMs)
  }
}
