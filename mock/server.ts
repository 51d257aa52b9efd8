// The mock provider: a server that the official OpenAI, Azure OpenAI, Anthropic and Gemini SDKs cannot tell from the real
// ones, for `outrigger mock`, for `make run` without keys and for the tests. Requests go in; answers that depend on the
// request alone come out, well-formed, or broken exactly as behaviours.ts describes (that table is the documentation of
// `x-mock-*`); every request is recorded.
//
//   socket → record → decide (authenticate, behaviours, endpoint → Answer) → deliver → record
//
// endpoints.ts lists what is served, completion.ts says what the answers and the token counts are. The mock never imports
// the rest of Outrigger, so that a test compares two independent readings of a provider's format. It never stores anything
// but the record, and never calls out. Rejected: replaying recordings (a test could not ask for its own text, tools or
// failures), and a framework (most of what is tested here is what frameworks hide).
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Asked } from './behaviours.ts'
import { decide, errorDelivery, type Received, readCall, refusalOf } from './decide.ts'
import { type Delivering, type Delivery, deliver, endBody, type Outcome } from './deliver.ts'
import { ProviderError } from './errors.ts'
import { createIds } from './ids.ts'
import { type AnswerAccount, AnswerLedger, type Ledger } from './ledger.ts'
import { isRealtime, RealtimeServer } from './realtime.ts'
import { type RecordedEntry, type RecordedRequest, RequestLog } from './record.ts'

export interface MockOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string
  /** 0, the default: any free port. */
  readonly port?: number
  /** PEM. With `requestCert`, clients must show a certificate that `ca` signed. */
  readonly tls?: {
    readonly key: string
    readonly cert: string
    readonly ca?: string
    readonly requestCert?: boolean
  }
  /** The credentials that are good. Absent: every one that does not begin with `invalid`. */
  readonly keys?: readonly string[]
  /** Asked of every request, unless the request asks otherwise. */
  readonly always?: Asked
  /** Milliseconds since the epoch: what answers say of their time, and the ledger's days. Default: `Date.now`. */
  readonly wallClock?: () => number
  /** Called for each answer that the ledger has added. */
  readonly onAnswer?: (account: AnswerAccount) => void
}

export interface Mock {
  /** Without a path: `http://127.0.0.1:41234`. */
  readonly url: string
  readonly port: number
  /** The last requests, newest last. Bounded: the oldest are dropped. */
  readonly requests: readonly RecordedRequest[]
  /** The first request, past or future, for which `matches` is true. Rejects when the mock closes. */
  waitFor(matches: (request: RecordedRequest) => boolean): Promise<RecordedRequest>
  /** Asks these behaviours of the next requests, one each: `mock.next({ status: '529' }, {})` fails once. */
  next(...asked: readonly Asked[]): void
  /** What was told and sent, since the start. See ledger.ts. */
  ledger(): Ledger
  /** Forgets the recorded requests and what `next` queued. */
  clear(): void
  /** Ends all connections and waits. Leaves no handle open. */
  close(): Promise<void>
}

/** Larger bodies are refused with 413. */
const BODY_BYTES_MAX = 64 * 1024 * 1024
/** Longer than any client keeps an idle connection: the mock never closes one first, unless asked. */
const KEEP_ALIVE_MS = 600_000

/** Rejects when the address cannot be bound. */
export async function startMock(options: MockOptions = {}): Promise<Mock> {
  const { host = '127.0.0.1', port = 0, tls } = options
  const server = tls ? createTlsServer({ ...tls, rejectUnauthorized: tls.requestCert === true }) : createServer()
  server.listen(port, host)
  await once(server, 'listening')
  return new MockServer(server, host, options)
}

class MockServer implements Mock {
  readonly url: string
  readonly port: number
  readonly #server: Server
  readonly #options: MockOptions
  readonly #log = new RequestLog()
  readonly #realtime = new RealtimeServer()
  readonly #wallClock: () => number
  readonly #ledger: AnswerLedger
  readonly #open = new Set<AbortController>()
  #queued: Asked[] = []
  #count = 0

  constructor(server: Server, host: string, options: MockOptions) {
    this.#server = server
    this.#options = options
    this.#wallClock = options.wallClock ?? Date.now
    this.#ledger = new AnswerLedger({ wallClock: this.#wallClock, onAnswer: options.onAnswer })
    this.port = (server.address() as AddressInfo).port
    this.url = `${options.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${this.port}`
    server.keepAliveTimeout = KEEP_ALIVE_MS
    server.on('request', (request, response) => {
      this.#serve(request, response).catch((error: unknown) => failLoudly(response, error))
    })
    server.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, socket, head).catch((error: unknown) => socket.destroy(asError(error)))
    })
  }

  get requests(): readonly RecordedRequest[] {
    return this.#log.requests
  }

  waitFor(matches: (request: RecordedRequest) => boolean): Promise<RecordedRequest> {
    return this.#log.waitFor(matches)
  }

  next(...asked: readonly Asked[]): void {
    this.#queued.push(...asked)
  }

  ledger(): Ledger {
    return this.#ledger.report()
  }

  clear(): void {
    this.#log.clear()
    this.#queued = []
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const controller of this.#open) controller.abort()
    this.#realtime.close()
    this.#server.closeAllConnections()
    this.#log.close()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const entry = this.#log.begin(request)
    const gone = this.#watch(response, entry)
    try {
      const bytes = await readBody(request)
      entry.bodyArrived(bytes ?? Buffer.alloc(0))
      const received = this.#read(request, bytes ?? Buffer.alloc(0))
      const tooLarge = new ProviderError(413, 'The request body is too large.')
      const delivery = bytes ? await decide(received, this.#options.keys) : errorDelivery(received, tooLarge)
      const bill = this.#ledger.open(received.call, delivery.answer)
      await send(response, delivery, entry, { signal: gone, bill })
    } catch (error) {
      if (!gone.aborted && !request.socket.destroyed) throw error
    }
  }

  /** Aborts when the client goes away before the answer is complete, and records that, or when the mock closes. */
  #watch(response: ServerResponse, entry: RecordedEntry): AbortSignal {
    const controller = new AbortController()
    this.#open.add(controller)
    response.on('close', () => {
      this.#open.delete(controller)
      if (controller.signal.aborted || entry.cut) return
      if (response.writableFinished) {
        entry.finish()
      } else {
        entry.abort()
        controller.abort()
      }
    })
    return controller.signal
  }

  #read(request: IncomingMessage, bytes: Buffer): Received {
    this.#count += 1
    return readCall({
      method: request.method ?? '',
      target: request.url ?? '',
      headers: request.headers,
      bytes,
      asked: { ...this.#options.always, ...this.#queued.shift() },
      id: createIds(`${this.port}/${this.#count}`),
      nowMs: this.#wallClock(),
    })
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const entry = this.#log.begin(request)
    entry.bodyArrived(Buffer.alloc(0))
    const received = this.#read(request, Buffer.alloc(0))
    const refusal = refusalOf(received, this.#options.keys)
    const known = isRealtime(received.call.url.pathname)
    if (known && !refusal) {
      const closed = (clean: boolean) => (clean ? entry.finish() : entry.abort())
      this.#realtime.accept({ request, socket, head }, received.call, closed)
      return
    }
    const error = refusal ?? new ProviderError(404, 'No WebSocket is served here.')
    const response = responseOn(request, socket)
    const signal = this.#watch(response, entry)
    await send(response, errorDelivery(received, error), entry, { signal, bill: undefined })
  }
}

async function send(
  response: ServerResponse,
  delivery: Delivery,
  entry: RecordedEntry,
  delivering: Delivering,
): Promise<void> {
  let outcome: Outcome | undefined
  try {
    outcome = await deliver(response, delivery, delivering)
  } finally {
    delivering.bill?.close(outcome === 'complete' ? 'Whole' : 'BrokenOff')
  }
  entry.cut = outcome === 'cut'
  endBody(response, outcome, delivery.behaviour)
}

/** An upgrade that is refused is answered over plain HTTP, and the connection closed. */
function responseOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  if (socket instanceof Socket) response.assignSocket(socket)
  response.on('finish', () => socket.end())
  return response
}

/** Undefined when the body is larger than allowed; the rest of it is read and dropped. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request) {
    bytes += piece.length
    if (bytes <= BODY_BYTES_MAX) pieces.push(piece)
  }
  return bytes <= BODY_BYTES_MAX ? Buffer.concat(pieces) : undefined
}

/** A fault of the mock itself: shown to whoever runs the test rather than taken for a provider's error. */
function failLoudly(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy(asError(error))
    return
  }
  response.writeHead(500, { 'content-type': 'text/plain' })
  response.end(`The mock failed: ${asError(error).stack}\n`)
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
