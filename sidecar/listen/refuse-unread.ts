// Answers to what nobody handles: what there is no room for (connections, requests, upgrades), what node:http could not read,
// expectations that nobody knows. Each is recorded like a request. Only behind a whole request does the connection live on.
import type http from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type FailureCode, Refusal } from '../errors.ts'
import type { RequestHead } from '../request/head.ts'
import type { Exchange } from './exchange.ts'
import type { HttpConnection } from './http-connection.ts'
import { closingResponse, refusalReply } from './refuse.ts'

export type RefusedRequest = Pick<Exchange, 'requestId' | 'head'>

export interface RefusalSite {
  newRequestId(): string
  /** What was answered here, with `bytesOut` bytes of body. */
  onRefused(request: RefusedRequest, refusal: Refusal, bytesOut: number): void
}

const NO_HEAD: RequestHead = { method: '', target: '/', rawHeaders: [] }

/** A close on bytes that nobody has read is a reset, which can overtake the answer: the client may close first. */
const LINGER_MS = 1000
const LINGER_BYTES_MAX = 64 * 1024

/** Answers a connection that is one too many before it has said anything; gone within LINGER_MS. */
export function refuseConnection(socket: Socket, refusal: Refusal, site: RefusalSite): void {
  let bytes = 0
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref()
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > LINGER_BYTES_MAX) socket.destroy()
  })
  socket.once('end', () => socket.destroy())
  socket.once('close', () => clearTimeout(timer))
  answerOn(socket, NO_HEAD, refusal, site)
}

/** Answers a request for which there is no room, before its body was asked for: the rest of that is read and dropped. */
export function refuseExchange(exchange: Exchange, refusal: Refusal, { onRefused }: RefusalSite): void {
  const { status, headers, body } = refusalReply(exchange.head, refusal, exchange.requestId)
  exchange.reply(status, headers, body)
  onRefused(exchange, refusal, body.length)
}

export function refuseExpectation(
  { method, url, rawHeaders }: http.IncomingMessage,
  response: http.ServerResponse,
  site: RefusalSite,
): void {
  const request = { requestId: site.newRequestId(), head: { method: method ?? '', target: url ?? '/', rawHeaders } }
  const refusal = new Refusal('expectation_failed')
  const { status, headers, body } = refusalReply(request.head, refusal, request.requestId)
  // Whether its body still comes is the client's choice now, so what follows could be a body or a request.
  response.writeHead(status, [...headers, 'content-length', String(body.length), 'connection', 'close'])
  response.end(body)
  site.onRefused(request, refusal, body.length)
}

export function refuseUpgrade(
  { url, rawHeaders }: http.IncomingMessage,
  socket: Duplex,
  refusal: Refusal,
  site: RefusalSite,
): void {
  socket.on('error', () => {})
  answerOn(socket, { method: 'GET', target: url ?? '/', rawHeaders }, refusal, site, () => socket.destroy())
}

const PARSER_FAILURES: ReadonlyMap<string | undefined, FailureCode> = new Map([
  ['HPE_HEADER_OVERFLOW', 'headers_too_large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'request_timeout'],
])

/** The client has left; nobody is there to be told. The second: it ended its side in the middle of a request. */
const GONE: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'HPE_INVALID_EOF_STATE'])

/** An exchange whose body broke off refuses it itself; before there is one, there is only a socket to say it on. */
export function answerBrokenRequest(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  connection: HttpConnection | undefined,
  site: RefusalSite,
): void {
  if (GONE.has(error.code) || !socket.writable) return void socket.destroy()
  const refusal = new Refusal(PARSER_FAILURES.get(error.code) ?? 'malformed_request')
  // node:http's own field: the oldest reply that is owed.
  const owed = (socket as { _httpMessage?: http.ServerResponse | null })._httpMessage ?? undefined
  // A client that keeps its side open would otherwise keep the socket.
  if (owed === undefined) return answerOn(socket, NO_HEAD, refusal, site, () => socket.destroy())
  // Otherwise its request came whole or its reply has begun: neither may get this one for its answer.
  if (!connection?.refuseBody(owed, refusal)) socket.destroy()
}

function answerOn(socket: Duplex, head: RequestHead, refusal: Refusal, site: RefusalSite, sent?: () => void): void {
  const requestId = site.newRequestId()
  const { status, headers, body } = refusalReply(head, refusal, requestId)
  socket.end(closingResponse(status, headers, body), sent)
  site.onRefused({ requestId, head }, refusal, body.length)
}
