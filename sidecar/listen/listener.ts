// Sockets in. The ordinary request is read and answered on the bare socket (ordinary-*.ts); everything else by node:http,
// whose parser (llhttp, strict) refuses ambiguous framing before any of our code runs. Each request becomes an Exchange, and
// nobody behind that knows which of the two it came from; what cannot become one is answered here.
//
// Bounds: head bytes and time, whole-request time, body bytes per request and in all. A client that keeps its connection
// open while draining gets its answers with `connection: close`.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Address } from '../../process/flag.ts'
import { type FailureCode, Refusal } from '../errors.ts'
import type { Exchange } from './exchange.ts'
import { HttpExchange } from './http-exchange.ts'
import type { OrdinaryOptions } from './ordinary-connection.ts'
import { OrdinaryFront } from './ordinary-front.ts'
import { closingResponse, refusalReply } from './refuse.ts'

export type RefusedRequest = Pick<Exchange, 'requestId' | 'head'>

export interface ListenerOptions extends Omit<OrdinaryOptions, 'keepAliveMs'> {
  headTimeoutMs: number
  /** What was answered here, with `bytesOut` bytes of body, because it could not become an exchange. */
  onRefused(request: RefusedRequest, refusal: Refusal, bytesOut: number): void
  onUpgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void
}

export interface Drainable {
  /** Takes nothing new and ends what is idle; resolves when the last connection is gone. */
  drain(): Promise<void>
  /** Ends every connection, whatever it carries. */
  destroy(): void
}

export interface Listener extends Drainable {
  readonly address: Address
}

/** Longer than SDKs keep an unused connection, so that it is they who close it and none meets a closing socket. */
const KEEP_ALIVE_MS = 10 * 60_000
const CONNECTIONS_MAX = 10_000

export async function listen(address: Address, options: ListenerOptions): Promise<Listener> {
  const server = http.createServer({
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
  server.maxConnections = CONNECTIONS_MAX
  const exchanges: ExchangesByResponse = new WeakMap()
  const front = new OrdinaryFront(server, { ...options, keepAliveMs: KEEP_ALIVE_MS })
  const accept = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    if (front.draining) response.shouldKeepAlive = false
    // node:http would keep the connection of a request that was open when the drain began.
    response.once('finish', () => front.draining && request.socket.destroySoon())
    const exchange = new HttpExchange(request, response, options.newRequestId(), options.body)
    exchanges.set(response, exchange)
    options.onExchange(exchange)
  }
  server.on('request', accept)
  // `100 Continue` goes out when the body is wanted, see HttpExchange.
  server.on('checkContinue', accept)
  server.on('checkExpectation', (request, response) => {
    refuseExpectation(request, response, options)
  })
  server.on('upgrade', options.onUpgrade)
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    answerBrokenRequest(error, socket, exchanges, options)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address.port, address.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { address: host, port } = server.address() as AddressInfo
  return {
    address: { host, port },
    drain() {
      return new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        front.drain()
      })
    },
    destroy() {
      server.closeAllConnections()
      front.destroy()
    },
  }
}

function isWebSocket({ method, headers }: http.IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

function refuseExpectation(
  { method, url, rawHeaders }: http.IncomingMessage,
  response: http.ServerResponse,
  options: ListenerOptions,
): void {
  const request = { requestId: options.newRequestId(), head: { method: method ?? '', target: url ?? '/', rawHeaders } }
  const refusal = new Refusal('expectation_failed')
  const { status, headers, body } = refusalReply(request.head, refusal, request.requestId)
  // Whether its body still comes is the client's choice now, so what follows could be a body or a request.
  response.writeHead(status, [...headers, 'content-length', String(body.length), 'connection', 'close'])
  response.end(body)
  options.onRefused(request, refusal, body.length)
}

type ExchangesByResponse = WeakMap<http.ServerResponse, HttpExchange>

const PARSER_FAILURES: ReadonlyMap<string | undefined, FailureCode> = new Map([
  ['HPE_HEADER_OVERFLOW', 'headers_too_large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'request_timeout'],
])

/** The client has left; nobody is there to be told. The second: it ended its side in the middle of a request. */
const GONE: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'HPE_INVALID_EOF_STATE'])

const NO_HEAD = { method: '', target: '/', rawHeaders: [] }

/** An exchange whose body broke off refuses it itself; before there is one, there is only a socket to say it on. */
function answerBrokenRequest(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  exchanges: ExchangesByResponse,
  options: ListenerOptions,
): void {
  if (GONE.has(error.code) || !socket.writable) return void socket.destroy()
  const refusal = new Refusal(PARSER_FAILURES.get(error.code) ?? 'malformed_request')
  // node:http's own field: the oldest reply that is owed.
  const owed = (socket as { _httpMessage?: http.ServerResponse | null })._httpMessage ?? undefined
  if (owed === undefined) return refuseOnSocket(socket, refusal, options)
  // Otherwise its request came whole or its reply has begun: neither may get this one for its answer.
  if (!exchanges.get(owed)?.refuseBody(refusal)) socket.destroy()
}

function refuseOnSocket(socket: Duplex, refusal: Refusal, options: ListenerOptions): void {
  const requestId = options.newRequestId()
  const { status, headers, body } = refusalReply(NO_HEAD, refusal, requestId)
  // A client that keeps its side open would otherwise keep the socket.
  socket.end(closingResponse(status, headers, body), () => socket.destroy())
  options.onRefused({ requestId, head: NO_HEAD }, refusal, body.length)
}
