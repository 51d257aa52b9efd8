// One request and its reply, whatever read it off the socket: what `handle.ts` sees of the client. Behind it stands
// the bare socket for the ordinary request (OrdinaryExchange), and node:http for every other (HttpExchange).
import type { RequestHead } from '../request/head.ts'

export interface Exchange {
  readonly head: RequestHead
  /** Unique; goes to the client as `x-outrigger-request-id`. */
  readonly requestId: string
  /** The whole body, its content-encoding undone. Throws a Refusal: too large, too late, badly encoded, client gone. */
  readBody(): Promise<Buffer>
  /**
   * Begins a reply. `headers` is name, value, …, without framing headers; `bodyBytes` undefined means that the length is
   * not known, and a reply that ends without `end` is then visibly broken.
   */
  begin(status: number, headers: readonly string[], bodyBytes: number | undefined): void
  /** Copies what it must keep, so `chunk` may be a view. False when the client is slow: write on after onDrain. */
  write(chunk: Buffer): boolean
  end(): void
  /** A whole reply in one write. */
  reply(status: number, headers: readonly string[], body: Buffer): void
  /** Breaks the connection behind what was written, so that the client notices that the reply is not whole. */
  break(): void
  /** Nothing was sent yet, so another reply is still possible. */
  readonly begun: boolean
  /** Bytes of the reply's body written so far. */
  readonly bytesOut: number
  /** Who must know what the client's connection does; told at once when the client has left already. */
  set observer(observer: ExchangeObserver)
}

/** An object and not callbacks: closures held here per request kept dead requests alive: a fifth of the time was collections. */
export interface ExchangeObserver {
  /** The client takes bytes again. */
  onDrain(): void
  /** The client left before the reply ended. */
  onGone(): void
}
