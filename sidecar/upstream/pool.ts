// The connections to one provider: at most `max`, kept alive, handed out last in first out so that the rest can expire.
// Calls that find none wait in order, within their connect limit, and only so many of them. A pool outlives a reload when
// nothing about reaching the provider changed; else it is retired and its connections end with their calls.
import { Refusal } from '../errors.ts'
import type { Call } from './call.ts'
import type { ConnectTarget } from './connect.ts'
import { Connection, type ConnectionOwner, errorCode } from './connection.ts'

export interface PoolOptions {
  target: ConnectTarget
  connectionsMax: number
  idleMs: number
  connectMs: number
  now(): number
}

/**
 * Calls that may wait for a connection. A burst is more than the connections can carry at once; a queue that is much longer
 * than what they carry is not worth the wait, and holds bodies.
 */
const WAITING_PER_CONNECTION = 4
const WAITING_MIN = 64

export class Pool implements ConnectionOwner {
  readonly #options: PoolOptions
  readonly #waitingMax: number
  readonly #all = new Set<Connection>()
  readonly #free: Connection[] = []
  readonly #waiting = new Set<Call>()
  /** In no order; each call knows its place, so that leaving needs no search. */
  readonly #active: Call[] = []
  readonly #connecting = new Set<Connection>()
  #session: Buffer | undefined
  #retired = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#waitingMax = Math.max(WAITING_MIN, WAITING_PER_CONNECTION * options.connectionsMax)
  }

  get target(): ConnectTarget {
    return this.#options.target
  }

  get counts(): { open: number; idle: number; waiting: number } {
    return { open: this.#all.size, idle: this.#free.length, waiting: this.#waiting.size }
  }

  get busy(): boolean {
    return this.#all.size > 0 || this.#waiting.size > 0
  }

  now(): number {
    return this.#options.now()
  }

  /** Where too many wait already, the call's sink hears of it before this returns. */
  send(call: Call): void {
    const connection = this.#free.pop()
    if (connection === undefined) return this.#waitIfRoom(call)
    this.#remember(call)
    connection.send(call)
  }

  /** Forgets the call in whatever phase it is; its sink hears nothing more. */
  abort(call: Call): void {
    this.#waiting.delete(call)
    this.#forget(call)
    call.connection?.drop()
  }

  /** Ends what has run out of time; called every few dozen milliseconds by the one timer of the process. */
  sweep(): void {
    const nowMs = this.now()
    for (const call of this.#waiting) this.#expire(call, nowMs)
    for (const call of [...this.#active]) this.#expire(call, nowMs)
    for (const connection of this.#connecting) {
      if (nowMs - connection.since >= this.#options.connectMs) connection.drop()
    }
    // The oldest lie at the front.
    while (this.#free.length > 0 && nowMs - (this.#free[0] as Connection).since >= this.#options.idleMs) {
      this.#free.shift()?.drop()
    }
  }

  /** No new calls come; connections close as they become free. */
  retire(): void {
    this.#retired = true
    for (const connection of this.#free.splice(0)) connection.drop()
  }

  onSession(session: Buffer): void {
    this.#session = session
  }

  onFree(connection: Connection): void {
    this.#connecting.delete(connection)
    const next = this.#nextFor(connection)
    if (next !== undefined) {
      this.#waiting.delete(next)
      this.#remember(next)
      connection.send(next)
      // Who still waits needs a fresh one, which this one may have no room for.
    } else if (this.#retired || this.#connecting.size < this.#waiting.size) connection.drop()
    else this.#free.push(connection)
  }

  /** A call that met a dead connection goes on a fresh one only, and first: another kept one may be as dead. */
  #nextFor({ kept }: Connection): Call | undefined {
    let first: Call | undefined
    for (const call of this.#waiting) {
      if (call.retried && !kept) return call
      if (!call.retried) first ??= call
      if (kept && first !== undefined) return first
    }
    return first
  }

  onGone(connection: Connection, error: Error | undefined): void {
    this.#all.delete(connection)
    const free = this.#free.indexOf(connection)
    if (free >= 0) this.#free.splice(free, 1)
    const wasConnecting = this.#connecting.delete(connection)
    const [oldest] = this.#waiting
    if (error !== undefined && wasConnecting && oldest !== undefined) {
      this.#waiting.delete(oldest)
      oldest.sink.onError(new Refusal('provider_unreachable', errorCode(error), { cause: error }))
    }
    this.#open()
  }

  onDone(call: Call): void {
    this.#forget(call)
  }

  onFailed(call: Call, refusal: Refusal, retry: 'safe' | 'unsafe'): void {
    this.#forget(call)
    // The provider closed an idle connection at the moment it was used.
    if (retry === 'safe' && !call.retried) {
      call.retried = true
      this.#wait(call)
    } else call.sink.onError(refusal)
  }

  #remember(call: Call): void {
    call.place = this.#active.length
    this.#active.push(call)
  }

  /** The last one takes its place. */
  #forget(call: Call): void {
    if (this.#active[call.place] !== call) return
    const last = this.#active.pop() as Call
    if (last === call) return
    this.#active[call.place] = last
    last.place = call.place
  }

  #waitIfRoom(call: Call): void {
    if (this.#waiting.size < this.#waitingMax) this.#wait(call)
    else call.sink.onError(new Refusal('overloaded', 'Too many requests wait for the provider.'))
  }

  #wait(call: Call): void {
    call.enter('queued', this.now())
    this.#waiting.add(call)
    this.#open()
  }

  /** As many connections on their way as calls that wait, within the limit. */
  #open(): void {
    while (this.#connecting.size < this.#waiting.size && this.#all.size < this.#options.connectionsMax) {
      const connection = new Connection(this.#options.target, this.#session, this)
      this.#all.add(connection)
      this.#connecting.add(connection)
    }
  }

  #expire(call: Call, nowMs: number): void {
    const code = call.expired(nowMs)
    if (code === undefined) return
    // Waiting without a connection on its way is waiting for our own limit.
    const full = code === 'provider_connect_timeout' && this.#connecting.size === 0
    this.abort(call)
    call.sink.onError(
      full ? new Refusal('overloaded', 'All connections to the provider are in use.') : new Refusal(code),
    )
  }
}
