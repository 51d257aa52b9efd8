// Stands in front of node:http on the same server: every new connection is an ordinary one until it shows otherwise, and is
// then given to node:http's own connection listener, which finds the unread bytes put back.
import type http from 'node:http'
import type { Socket } from 'node:net'
import { type ConnectionHost, OrdinaryConnection, type OrdinaryOptions } from './ordinary-connection.ts'

/** The precision of the limit on how long a body may take to arrive. */
const SWEEP_MS = 1000

export class OrdinaryFront implements ConnectionHost {
  readonly options: OrdinaryOptions
  draining = false
  readonly #server: http.Server
  readonly #toNode: (socket: Socket) => void
  readonly #connections = new Set<OrdinaryConnection>()

  constructor(server: http.Server, options: OrdinaryOptions) {
    this.options = options
    this.#server = server
    this.#toNode = server.listeners('connection')[0] as (socket: Socket) => void
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => this.#connections.add(new OrdinaryConnection(socket, this)))
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

  /** Ends idle connections; the others end with their replies. */
  drain(): void {
    this.draining = true
    for (const connection of this.#connections) if (connection.idle) connection.socket.destroy()
  }

  destroy(): void {
    for (const { socket } of this.#connections) socket.destroy()
  }

  #sweep(): void {
    const nowMs = this.options.now()
    for (const connection of this.#connections) connection.expire(nowMs)
  }
}
