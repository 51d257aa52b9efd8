// Sockets in. The ordinary request is read and answered on the bare socket (ordinary-*.ts); everything else by node:http,
// whose parser (llhttp, strict) refuses ambiguous framing before any of our code runs. Each request becomes an Exchange, and
// nobody behind that knows which of the two it came from; what cannot become one is answered here.
//
// Bounds: head bytes and time, whole-request time, body bytes per request and in all. A client that keeps its connection
// open while draining gets its answers with `connection: close`.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type FailureCode, Refusal } from '../errors.ts'
import type { Address } from '../settings.ts'
import { HttpExchange } from './http-exchange.ts'
import type { OrdinaryOptions } from './ordinary-connection.ts'
import { OrdinaryFront } from './ordinary-front.ts'
import { closingResponse, refusalReply } from './refuse.ts'

export interface ListenerOptions extends Omit<OrdinaryOptions, 'keepAliveMs'> {
  headTimeoutMs: number
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
  const front = new OrdinaryFront(server, { ...options, keepAliveMs: KEEP_ALIVE_MS })
  const accept = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    if (front.draining) response.shouldKeepAlive = false
    // node:http would keep the connection of a request that was open when the drain began.
    response.once('finish', () => front.draining && request.socket.destroySoon())
    options.onExchange(new HttpExchange(request, response, options.newRequestId(), options.body))
  }
  server.on('request', accept)
  // `100 Continue` goes out when the body is wanted, see HttpExchange.
  server.on('checkContinue', accept)
  server.on('checkExpectation', (request, response) => {
    sendRefusal(response, request, new Refusal('expectation_failed'), options.newRequestId())
  })
  server.on('upgrade', options.onUpgrade)
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => answerBrokenRequest(error, socket, options))
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

function sendRefusal(
  response: http.ServerResponse,
  { method, url, rawHeaders }: http.IncomingMessage,
  refusal: Refusal,
  requestId: string,
): void {
  const reply = refusalReply({ method: method ?? '', target: url ?? '/', rawHeaders }, refusal, requestId)
  response.writeHead(reply.status, [...reply.headers, 'content-length', String(reply.body.length)])
  response.end(reply.body)
}

const PARSER_FAILURES: ReadonlyMap<string | undefined, FailureCode> = new Map([
  ['HPE_HEADER_OVERFLOW', 'headers_too_large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'request_timeout'],
])

const NO_HEAD = { method: '', target: '/', rawHeaders: [] }

/** There is no request to answer, only a socket: say why in the one format that can be assumed, and close it. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex, options: ListenerOptions): void {
  // As node:http's own handler decides it: a reply under way must not be mixed with this one.
  const begun = (socket as { _httpMessage?: http.ServerResponse })._httpMessage?.headersSent === true
  if (error.code === 'ECONNRESET' || !socket.writable || begun) return void socket.destroy()
  const refusal = new Refusal(PARSER_FAILURES.get(error.code) ?? 'malformed_request')
  const { status, headers, body } = refusalReply(NO_HEAD, refusal, options.newRequestId())
  socket.end(closingResponse(status, headers, body))
}
