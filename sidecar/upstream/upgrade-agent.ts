// The agent for WebSocket upgrades: one socket per upgrade, opened the same way as the pools' (TLS settings, egress proxy),
// but read by node:http, which http-proxy drives.
import http from 'node:http'
import type { Duplex } from 'node:stream'
import { type ConnectTarget, type OpenSocket, openSocket } from './connect.ts'

export class UpgradeAgent extends http.Agent {
  readonly #target: ConnectTarget
  #open: OpenSocket | undefined
  /** node:http compares it with the request's scheme. */
  readonly protocol: string

  constructor(target: ConnectTarget) {
    super({ keepAlive: false })
    this.#target = target
    this.protocol = target.secure ? 'https:' : 'http:'
  }

  override createConnection(_options: object, done: (error: Error | null, socket: Duplex) => void): undefined {
    this.#open = openSocket(this.#target, undefined, {
      onReady: (socket) => done(null, socket),
      onSession: () => {},
      onEnd: () => {},
      onClose: (error) => done(error ?? new Error('closed by the peer'), undefined as unknown as Duplex),
    })
  }

  /** Closes the socket at any stage; node:http knows neither the one that is still being opened nor the upgraded one. */
  override destroy(): void {
    this.#open?.destroy()
    super.destroy()
  }
}
