// What the mock received: a bounded ring of requests, and promises that wait for one. A request enters when its head has
// come; body, finish and abort are filled in as they happen, and every change wakes the waiting.
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'

export interface RecordedRequest {
  readonly method: string
  /** As sent: path and query, not decoded. */
  readonly path: string
  /** Name, value, name, value, … in the order and case of the wire. */
  readonly rawHeaders: readonly string[]
  /** As UTF-8 text; empty until `bodyComplete`. */
  readonly body: string
  readonly bodyComplete: boolean
  /** Connections count from 1, so that tests can see which requests shared one. */
  readonly connection: number
  /** On TLS: the name asked for (SNI) and the common name of the client's certificate. */
  readonly tls: { readonly serverName: string | undefined; readonly clientName: string | undefined } | undefined
  /** Milliseconds since the epoch, like `abortedAt`. */
  readonly startedAt: number
  /** When the client went away before the answer was complete. */
  readonly abortedAt: number | undefined
  /** The answer went out whole. False for ever when it was cut by a behaviour. */
  readonly finished: boolean
}

interface Waiter {
  readonly matches: (request: RecordedRequest) => boolean
  readonly resolve: (request: RecordedRequest) => void
  readonly reject: (error: Error) => void
}

const REQUESTS_MAX = 1000
/** Bodies together. The newest request is always kept. */
const BODY_BYTES_MAX = 128 * 1024 * 1024

export class RequestLog {
  readonly #entries: RecordedEntry[] = []
  #waiters: Waiter[] = []
  #connections = new WeakMap<object, number>()
  #connectionCount = 0

  get requests(): readonly RecordedRequest[] {
    return this.#entries
  }

  begin(request: IncomingMessage): RecordedEntry {
    const entry = new RecordedEntry(request, this.#connectionOf(request), () => this.#changed(entry))
    this.#entries.push(entry)
    this.#changed(entry)
    return entry
  }

  /** The first request, past or future, for which `matches` is true. Rejects when the mock closes. */
  waitFor(matches: Waiter['matches']): Promise<RecordedRequest> {
    const found = this.#entries.find(matches)
    if (found) return Promise.resolve(found)
    return new Promise((resolve, reject) => this.#waiters.push({ matches, resolve, reject }))
  }

  clear(): void {
    this.#entries.length = 0
  }

  close(): void {
    for (const waiter of this.#waiters) waiter.reject(new Error('The mock was closed before such a request came.'))
    this.#waiters = []
  }

  #connectionOf({ socket }: IncomingMessage): number {
    const known = this.#connections.get(socket)
    if (known !== undefined) return known
    this.#connectionCount += 1
    this.#connections.set(socket, this.#connectionCount)
    return this.#connectionCount
  }

  #changed(entry: RecordedEntry): void {
    for (const waiter of this.#waiters.filter(({ matches }) => matches(entry))) {
      this.#waiters = this.#waiters.filter((other) => other !== waiter)
      waiter.resolve(entry)
    }
    let bytes = this.#entries.reduce((sum, { body }) => sum + body.length, 0)
    while (this.#entries.length > REQUESTS_MAX || (bytes > BODY_BYTES_MAX && this.#entries.length > 1)) {
      bytes -= this.#entries.shift()?.body.length ?? 0
    }
  }
}

/** The writable side of a RecordedRequest. */
export class RecordedEntry implements RecordedRequest {
  readonly method: string
  readonly path: string
  readonly rawHeaders: readonly string[]
  readonly connection: number
  readonly tls: RecordedRequest['tls']
  readonly startedAt = Date.now()
  body = ''
  bodyComplete = false
  abortedAt: number | undefined
  finished = false
  /** A behaviour ends the body early: neither finished nor aborted. */
  cut = false
  readonly #changed: () => void

  constructor(request: IncomingMessage, connection: number, changed: () => void) {
    this.method = request.method ?? ''
    this.path = request.url ?? ''
    this.rawHeaders = request.rawHeaders
    this.connection = connection
    this.tls = request.socket instanceof TLSSocket ? tlsOf(request.socket) : undefined
    this.#changed = changed
  }

  bodyArrived(bytes: Buffer): void {
    this.body = bytes.toString()
    this.bodyComplete = true
    this.#changed()
  }

  finish(): void {
    this.finished = true
    this.#changed()
  }

  abort(): void {
    this.abortedAt = Date.now()
    this.#changed()
  }
}

function tlsOf(socket: TLSSocket): RecordedRequest['tls'] {
  const name = 'servername' in socket ? socket.servername : undefined
  const clientName = socket.getPeerCertificate().subject?.CN
  return {
    serverName: typeof name === 'string' && name !== '' ? name : undefined,
    clientName: Array.isArray(clientName) ? clientName[0] : clientName,
  }
}
