// One request on its way to a provider: what to send, where its answer goes, and until when. Created per attempt, passed
// from the pool's queue to a connection; a connection that failed before the answer began may hand it back once.
import type { TimeoutsConfig } from '../../contract/sidecar-config.ts'
import type { Refusal } from '../errors.ts'
import type { Connection } from './connection.ts'
import type { Pool } from './pool.ts'

/** Where an answer goes. After onEnd or onError nothing more is called; after `abort` nothing at all. */
export interface ResponseSink {
  onHead(status: number, rawHeaders: string[], bodyBytes: number | undefined): void
  /** A view that is valid until this returns. */
  onBody(chunk: Buffer): void
  onEnd(): void
  onError(refusal: Refusal): void
}

/** What the reader of an answer can do to it: slow it down, or end it, after which it hears nothing more. */
export type Flow = Pick<Call, 'pause' | 'resume' | 'abort' | 'isSent'>

/** Ready bytes: `head` is the request line and all headers with the blank line, latin1. */
export interface WireRequest {
  method: string
  head: string
  body: readonly Buffer[]
}

type Phase = 'queued' | 'awaitingHead' | 'body'

export class Call {
  readonly request: WireRequest
  readonly sink: ResponseSink
  readonly timeouts: TimeoutsConfig
  /** Tried again on a fresh connection already. */
  retried = false
  connection: Connection | undefined
  /** Where the pool keeps it while it is on a connection. */
  place = -1
  readonly #pool: Pool
  #phase: Phase = 'queued'
  #phaseEndsAt: number
  readonly #endsAt: number
  #paused = false

  constructor(request: WireRequest, sink: ResponseSink, timeouts: TimeoutsConfig, pool: Pool) {
    const nowMs = pool.now()
    this.#pool = pool
    this.request = request
    this.sink = sink
    this.timeouts = timeouts
    this.#endsAt = nowMs + timeouts.totalMs
    this.#phaseEndsAt = nowMs + timeouts.connectMs
  }

  enter(phase: Phase, nowMs: number): void {
    this.#phase = phase
    this.#phaseEndsAt = nowMs + this.#phaseMs()
  }

  /** It is on a connection: its provider may have read it. */
  get isSent(): boolean {
    return this.#phase !== 'queued'
  }

  /** Ends it in whatever phase it is: out of the queue, or its connection closed. The sink hears nothing more. */
  abort(): void {
    this.#pool.abort(this)
  }

  /** The provider sent something. */
  touch(nowMs: number): void {
    if (this.#phase === 'body') this.#phaseEndsAt = nowMs + this.timeouts.idleMs
  }

  /** Stops reading: the client is slower than the provider. That time is not the provider's idleness. */
  pause(): void {
    this.#paused = true
    this.connection?.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.touch(this.#pool.now())
    this.connection?.resume()
  }

  /** Milliseconds until the total limit. */
  get leftMs(): number {
    return this.#endsAt - this.#pool.now()
  }

  /** The limit that has passed, if one has. */
  expired(
    nowMs: number,
  ):
    | 'provider_connect_timeout'
    | 'provider_first_byte_timeout'
    | 'provider_idle_timeout'
    | 'provider_total_timeout'
    | 'client_stalled'
    | undefined {
    if (nowMs >= this.#endsAt) return this.#paused ? 'client_stalled' : 'provider_total_timeout'
    if (this.#paused || nowMs < this.#phaseEndsAt) return undefined
    if (this.#phase === 'queued') return 'provider_connect_timeout'
    return this.#phase === 'awaitingHead' ? 'provider_first_byte_timeout' : 'provider_idle_timeout'
  }

  #phaseMs(): number {
    if (this.#phase === 'queued') return this.timeouts.connectMs
    return this.#phase === 'awaitingHead' ? this.timeouts.firstByteMs : this.timeouts.idleMs
  }
}
