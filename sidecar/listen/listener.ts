// Sockets in. The ordinary request is read and answered on the bare socket (ordinary-*.ts); everything else by node:http
// (http-*.ts), whose parser refuses ambiguous framing before any of our code runs. Each request becomes an Exchange, and
// nobody behind that knows which of the two it came from; what cannot become one is answered here (refuse-unread.ts), and so
// is what there is no room for (admission.ts).
//
// Bounds: connections, requests, head bytes and time, whole-request time, body bytes per request and in all, bytes that wait
// for slow clients. What goes on already is never cut off for something new.
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import type { Address } from '../../process/flag.ts'
import { Closing, polled } from './closing.ts'
import { HttpFront, type HttpFrontOptions } from './http-front.ts'
import { OrdinaryFront } from './ordinary-front.ts'

export interface ListenerOptions extends Omit<HttpFrontOptions, 'keepAliveMs'> {
  headTimeoutMs: number
  /** How long a drain goes on accepting, at most, while requests from before it are open. */
  drainAcceptMs: number
}

export interface Drainable {
  /** Lets what is open end, as long as that takes; resolves when the last connection is gone. */
  drain(): Promise<void>
  /** Ends every connection, whatever it carries. */
  destroy(): void
}

export interface Listener extends Drainable {
  readonly address: Address
  /** Goes on accepting for a while, see Closing. */
  drain(): Promise<void>
}

/** Longer than SDKs keep an unused connection, so that it is they who close it and none meets a closing socket. */
const KEEP_ALIVE_MS = 10 * 60_000

/** A drain accepts what has connected already; this many turns of the event loop, should there be no end to it. */
const ACCEPT_TURNS_MAX = 1000

export async function listen(address: Address, options: ListenerOptions): Promise<Listener> {
  const listener = new SocketListener(options)
  await listener.open(address)
  return listener
}

class SocketListener implements Listener {
  readonly #server: http.Server
  readonly #closing = new Closing()
  readonly #ordinary: OrdinaryFront
  readonly #http: HttpFront
  readonly #drainAcceptMs: number
  #address: Address = { host: '', port: 0 }
  #drained: Promise<void> | undefined

  constructor(options: ListenerOptions) {
    this.#drainAcceptMs = options.drainAcceptMs
    this.#server = createServer(options)
    const frontOptions = { ...options, keepAliveMs: KEEP_ALIVE_MS }
    this.#ordinary = new OrdinaryFront(this.#server, frontOptions, this.#closing)
    this.#http = new HttpFront(this.#server, frontOptions, this.#closing)
  }

  get address(): Address {
    return this.#address
  }

  open({ host, port }: Address): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        const bound = this.#server.address() as AddressInfo
        this.#address = { host: bound.address, port: bound.port }
        resolve()
      })
    })
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  destroy(): void {
    this.#server.close()
    this.#server.closeAllConnections()
    this.#ordinary.destroy()
  }

  async #drain(): Promise<void> {
    const open = [...this.#ordinary.busy(), ...this.#http.busy()]
    await this.#closing.lastAnswersUntil(open, this.#drainAcceptMs)
    await this.#acceptPending()
    // Not node:http's own, which cuts off replies that wait for slow clients and forgets the limits on slow requests.
    const closed = new Promise<void>((resolve) => net.Server.prototype.close.call(this.#server, () => resolve()))
    this.#closing.stage = 'Ending'
    this.#ordinary.endIdle()
    this.#http.endIdle()
    await closed
    this.#server.close()
  }

  /** A closed listening socket resets connections that have been made and not yet accepted. */
  async #acceptPending(): Promise<void> {
    for (let turn = 0, before = -1; turn < ACCEPT_TURNS_MAX && before !== this.#ordinary.accepted; turn++) {
      before = this.#ordinary.accepted
      await polled()
    }
  }
}

function createServer(options: ListenerOptions): http.Server {
  return http.createServer({
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: options.headBytesMax,
    // node:http throws when it is the longer one.
    headersTimeout: Math.min(options.headTimeoutMs, options.requestTimeoutMs),
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1000,
    noDelay: true,
    // Any other Upgrade header (h2c) is an offer that may be declined: the request is served as it is (RFC 9110 §7.8).
    shouldUpgradeCallback: isWebSocket,
  })
}

function isWebSocket({ method, headers }: http.IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}
