// One connection to a provider. It carries one call at a time and belongs to one pool, which it tells when it is ready,
// free or gone. It decides what a failure means for its call; the pool decides whether the call is tried again. Its socket
// rests for one of two reasons: the client is slower than the provider, or it has brought its share of this turn.
import type net from 'node:net'
import { Refusal } from '../errors.ts'
import { TURN_BYTES_MAX } from '../http/turn-share.ts'
import type { Call } from './call.ts'
import { type ConnectTarget, type OpenSocket, openSocket, type SocketEvents } from './connect.ts'
import { ResponseSyntaxError } from './response-head.ts'
import { type ResponseHandler, ResponseParser } from './response-parser.ts'

export interface ConnectionOwner {
  now(): number
  onSession(session: Buffer): void
  /** Ready for a call: just connected, or the last one is complete. */
  onFree(connection: Connection): void
  /** Gone without a call; `error` says why when it never got ready. */
  onGone(connection: Connection, error: Error | undefined): void
  /** The call's answer is not coming; `safe` when the provider cannot have begun with it: see Connection.fail. */
  onFailed(call: Call, refusal: Refusal, retry: 'safe' | 'unsafe'): void
  /** The call's answer was delivered to its end. */
  onDone(call: Call): void
}

export class Connection implements SocketEvents, ResponseHandler {
  readonly #owner: ConnectionOwner
  readonly #parser = new ResponseParser(this)
  readonly #opening: OpenSocket
  #socket: net.Socket | undefined
  #call: Call | undefined
  /** Served or idle before the present call: the provider may have closed it unnoticed. */
  #kept = false
  /** By the call, for a client that is slow. */
  #paused = false
  /** Until the next turn of the event loop, for the other sockets. */
  #resting = false
  /** Bytes since it last rested. */
  #readBytes = 0
  #completed: 'no' | 'reusable' | 'spent' = 'no'
  #gone = false
  #sentAt = 0
  /** When it became free, or began to connect; monotonic milliseconds. */
  since: number

  /** `session` is the TLS ticket of an earlier connection. */
  constructor(target: ConnectTarget, session: Buffer | undefined, owner: ConnectionOwner) {
    this.#owner = owner
    this.since = owner.now()
    this.#opening = openSocket(target, session, this)
  }

  /** It has carried a call, or waited for one. */
  get kept(): boolean {
    return this.#kept
  }

  send(call: Call): void {
    const socket = this.#socket as net.Socket
    const { head, body, method } = call.request
    this.#call = call
    call.connection = this
    this.#parser.begin(method)
    this.#sentAt = this.#owner.now()
    call.enter('awaitingHead', this.#sentAt)
    const bytes = inOnePiece(head, body)
    if (bytes !== undefined) return void socket.write(bytes)
    socket.cork()
    socket.write(head, 'latin1')
    for (const piece of body) socket.write(piece)
    socket.uncork()
  }

  pause(): void {
    this.#paused = true
    this.#socket?.pause()
  }

  resume(): void {
    this.#paused = false
    if (!this.#resting) this.#socket?.resume()
  }

  /** Its turn has come again. */
  wake(): void {
    this.#resting = false
    if (!this.#paused && !this.#gone) this.#socket?.resume()
  }

  /** Forgets the call, if any, without telling its sink, and closes. */
  drop(): void {
    if (this.#call !== undefined) this.#call.connection = undefined
    this.#call = undefined
    this.#opening.destroy()
    this.#leave(undefined)
  }

  /**
   * Ends its call with this refusal, and closes. The call may be sent again when its connection had been kept and turned out
   * to be closed at once, without a byte: a provider that had it for longer may have worked on it, which costs money.
   */
  fail(refusal: Refusal): void {
    const call = this.#call
    const foundDead = refusal.code === 'provider_disconnected' && this.#owner.now() - this.#sentAt < FOUND_DEAD_MS
    const retry = foundDead && this.#kept && !this.#parser.begun ? 'safe' : 'unsafe'
    this.drop()
    if (call !== undefined) this.#owner.onFailed(call, refusal, retry)
  }

  onReady(socket: net.Socket): void {
    if (this.#gone) return
    this.#socket = socket
    this.#free()
  }

  onSession(session: Buffer): void {
    this.#owner.onSession(session)
  }

  onRead(bytes: Buffer): void {
    const call = this.#call
    // A provider may close an idle connection with a 408 first: not an answer to anything.
    if (call === undefined) return this.drop()
    call.touch(this.#owner.now())
    this.#readBytes += bytes.length
    if (this.#readBytes > TURN_BYTES_MAX) this.#rest()
    try {
      this.#parser.push(bytes)
    } catch (cause) {
      // Anything else is a fault of ours in the sink: it costs this request and not the process.
      const code = cause instanceof ResponseSyntaxError ? 'provider_invalid_response' : 'internal'
      return this.fail(new Refusal(code, undefined, { cause }))
    }
    // Its sink may have aborted it meanwhile.
    if (this.#completed !== 'no' && this.#call !== undefined) this.#finish()
  }

  onHead(status: number, rawHeaders: string[], bodyBytes: number | undefined): void {
    this.#call?.enter('body', this.#owner.now())
    this.#call?.sink.onHead(status, rawHeaders, bodyBytes)
  }

  onBody(chunk: Buffer): void {
    this.#call?.sink.onBody(chunk)
  }

  onComplete(reusable: boolean): void {
    this.#completed = reusable ? 'reusable' : 'spent'
  }

  onEnd(): void {
    if (this.#call === undefined || this.#parser.close() === 'truncated') this.onClose(undefined)
    else this.#finish()
  }

  onClose(error: Error | undefined): void {
    if (this.#gone) return
    if (this.#call === undefined) return this.#leave(error ?? new Error('closed by the peer'))
    const code = this.#parser.begun ? 'provider_truncated' : 'provider_disconnected'
    this.fail(new Refusal(code, errorCode(error), { cause: error }))
  }

  #rest(): void {
    this.#readBytes = 0
    if (this.#resting) return
    this.#resting = true
    this.#socket?.pause()
    setImmediate(wake, this)
  }

  /** After the read that completed the answer is consumed, so that stray bytes behind it were noticed. */
  #finish(): void {
    const call = this.#call as Call
    // An answer that came before the request was sent whole leaves the rest of that request in the way.
    const reusable = this.#completed === 'reusable' && this.#socket?.writableLength === 0
    this.#completed = 'no'
    this.#call = undefined
    call.connection = undefined
    // The answer's last bytes were too much for its client; the next call has another one.
    if (this.#paused) this.resume()
    this.#kept = true
    try {
      call.sink.onEnd()
    } catch (cause) {
      call.sink.onError(new Refusal('internal', undefined, { cause }))
    }
    this.#owner.onDone(call)
    if (reusable && !this.#gone) this.#free()
    else this.drop()
  }

  #free(): void {
    this.since = this.#owner.now()
    this.#owner.onFree(this)
    if (this.#call === undefined) this.#kept = true
  }

  #leave(error: Error | undefined): void {
    if (this.#gone) return
    this.#gone = true
    this.#opening.destroy()
    this.#owner.onGone(this, error)
  }
}

/** For `setImmediate`, which passes the connection: no closure per turn. */
function wake(connection: Connection): void {
  connection.wake()
}

/** A connection that the provider had closed before says so within a round trip. */
const FOUND_DEAD_MS = 1000

/** Up to here a copy costs less than a write of several pieces. */
const ONE_PIECE_BYTES_MAX = 16 * 1024

/** A small request as one buffer, undefined for a larger one. */
function inOnePiece(head: string, body: readonly Buffer[]): Buffer | undefined {
  let bytes = head.length
  for (const piece of body) bytes += piece.length
  if (bytes > ONE_PIECE_BYTES_MAX) return undefined
  const whole = Buffer.allocUnsafe(bytes)
  let at = whole.write(head, 'latin1')
  for (const piece of body) at += piece.copy(whole, at)
  return whole
}

/** `ECONNREFUSED` and the like: says what happened and names no host. */
export function errorCode(error: Error | undefined): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code === undefined ? 'The connection was closed.' : `(${code})`
}
