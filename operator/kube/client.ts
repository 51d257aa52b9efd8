// Requests to the API server: JSON in, JSON out, and watches as streams of events.
//
// In: a method, a path, a body. Out: the answer's object, or a KubeError that says why there is none. Every request ends:
// by its answer, its deadline, its signal or close(). Answers are bounded in bytes. It never retries what may have been
// done (only a GET that met a kept-alive socket which the server had closed), caches nothing and knows no kinds: what to do
// about an error is its caller's. The library's typed clients were rejected: they copy every object through models that drop
// fields which they do not know, and open a TLS connection per call. Importing the library costs 78 MB as modules and 36 MB
// in a bundle (measured, Node 26.10, of 42 MB for Node alone), and the same when only its config module is imported, which
// imports all the models; so it stays in the operator's own bundle.
import http from 'node:http'
import https from 'node:https'
import { urlToHttpOptions } from 'node:url'
import { boundConnecting } from './connect-deadline.ts'
import { type Connection, createConnection, type Endpoint } from './connection.ts'
import { failureOfAnswer } from './failure.ts'
import { createLineSplitter } from './lines.ts'

export interface KubeRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As `pathOf` makes it, without a query. */
  path: string
  query?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  body?: unknown
  /** `application/json` when absent; a PATCH needs one. */
  contentType?: string
  /** `application/json` when absent. */
  accept?: string
  /** Until the whole answer is there; of a watch, until it has begun. 10 s when absent. A connection has less time. */
  timeoutMs?: number
}

/** Why a request has no answer that counts. */
export class KubeError extends Error {
  /** The HTTP status; 0: there was no answer, or none that can be read. */
  readonly status: number
  /**
   * `Status.reason` (`NotFound`, `Conflict`, `Expired`, …). With status 0: `ConnectionFailed`, `Timeout`, `Aborted` (by the
   * caller's signal or by close), `CredentialsFailed`, `InvalidAnswer`, `TooLarge`.
   */
  readonly reason: string
  /** How long the server asks to be left alone. */
  readonly retryAfterMs?: number

  constructor(message: string, why: { status: number; reason: string; retryAfterMs?: number; cause?: unknown }) {
    super(message, { cause: why.cause })
    this.name = 'KubeError'
    this.status = why.status
    this.reason = why.reason
    if (why.retryAfterMs !== undefined) this.retryAfterMs = why.retryAfterMs
  }
}

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  /** The object; of a bookmark only its resourceVersion, of an error a Status. */
  object: unknown
}

export interface KubeClient {
  /** Throws KubeError for a status that is not 2xx, and for no answer. Undefined for an answer without a body. */
  request<Answer>(request: KubeRequest, signal?: AbortSignal): Promise<Answer>
  /**
   * Hands on the events of a watch as they come; `watch=true` is set here. Resolves when the server ends it, rejects with
   * KubeError, or with what `onEvent` throws. Nothing is handed on after the signal's abort.
   */
  watch(request: KubeRequest, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void>
  /** Ends all that is under way. */
  close(): void
}

export interface KubeClientOptions {
  /** A path, or several as in $KUBECONFIG; empty for a pod's service account. */
  kubeconfig: string
  userAgent: string
  answerBytesMax?: number
  /** For the connection to stand; 5 s when absent. */
  connectTimeoutMs?: number
  /** Of one event of a watch. An object has at most 3 MiB when it is written; managed fields come on top. */
  eventBytesMax?: number
}

const TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 5_000
const ANSWER_BYTES_MAX = 256 * 1024 * 1024
const EVENT_BYTES_MAX = 16 * 1024 * 1024
const ERROR_BYTES_MAX = 1024 * 1024
const EVENT_TYPES: ReadonlySet<string> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'])

/** Throws an Error for people when the kubeconfig cannot be read. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const { userAgent, answerBytesMax = ANSWER_BYTES_MAX, eventBytesMax = EVENT_BYTES_MAX } = options
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS } = options
  const connection = createConnection(options.kubeconfig)
  const closing = new AbortController()

  /** Runs one call to its end; all that goes wrong comes out as a KubeError. */
  const call = async <T>(request: KubeRequest, signal: AbortSignal | undefined, run: CallRun<T>): Promise<T> => {
    const deadline = startDeadline(request, signal === undefined ? [closing.signal] : [closing.signal, signal])
    try {
      const answer = await open({ connection, request, userAgent, connectTimeoutMs, signal: deadline.signal })
      const status = answer.statusCode ?? 0
      if (status < 200 || status > 299) throw await refusal(request, answer)
      return await run(answer, deadline)
    } catch (error) {
      if (error instanceof KubeError && error.status === 401) connection.forgetCredentials()
      throw deadline.signal.aborted ? deadline.signal.reason : kubeError(request, error)
    } finally {
      deadline.clear()
    }
  }

  return {
    request: <Answer>(request: KubeRequest, signal?: AbortSignal) =>
      call(request, signal, async (answer) => parsed<Answer>(await readText(answer, answerBytesMax))),
    watch: (request, onEvent, signal) =>
      call({ ...request, query: { ...request.query, watch: 'true' } }, signal, async (answer, deadline) => {
        deadline.lift()
        await readEvents(answer, eventBytesMax, (event) => deadline.signal.aborted || onEvent(event))
      }),
    close() {
      closing.abort()
      connection.close()
    },
  }
}

type CallRun<T> = (answer: http.IncomingMessage, deadline: Deadline) => Promise<T>

/** Something that is no fault of the network: passed on as it is. */
class EventFailure extends Error {}

interface Deadline {
  /** Its reason is the KubeError to throw. */
  readonly signal: AbortSignal
  /** From now on only the signals end the call. */
  lift(): void
  clear(): void
}

// Not AbortSignal.any with AbortSignal.timeout: both leave something behind on the signal that lives as long as the client.
function startDeadline(request: KubeRequest, signals: readonly AbortSignal[]): Deadline {
  const { timeoutMs = TIMEOUT_MS } = request
  const controller = new AbortController()
  const end = (reason: string, words: string): void =>
    controller.abort(new KubeError(`${described(request)}: ${words}`, { status: 0, reason }))
  const timer = setTimeout(() => end('Timeout', `no answer within ${timeoutMs} ms`), timeoutMs)
  const onAbort = (): void => end('Aborted', 'given up')
  for (const signal of signals) signal.addEventListener('abort', onAbort)
  if (signals.some((signal) => signal.aborted)) onAbort()
  return {
    signal: controller.signal,
    lift: () => clearTimeout(timer),
    clear() {
      clearTimeout(timer)
      for (const signal of signals) signal.removeEventListener('abort', onAbort)
    },
  }
}

interface Opening {
  connection: Connection
  request: KubeRequest
  userAgent: string
  connectTimeoutMs: number
  signal: AbortSignal
}

async function open(opening: Opening): Promise<http.IncomingMessage> {
  const endpoint = await endpointOf(opening)
  const first = await send(opening, endpoint)
  return first === 'SocketWasClosed' ? sendAgain(opening, endpoint) : first
}

/** Asking for credentials may take as long as an exec plugin likes; the deadline counts all the same. */
async function endpointOf({ connection, request, signal }: Opening): Promise<Endpoint> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([connection.endpoint(), aborted.promise])
  } catch (error) {
    const message = `${described(request)}: no credentials: ${(error as Error).message}`
    throw new KubeError(message, { status: 0, reason: 'CredentialsFailed', cause: error })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function sendAgain(opening: Opening, endpoint: Endpoint): Promise<http.IncomingMessage> {
  const answer = await send(opening, { ...endpoint, headers: { ...endpoint.headers } })
  if (answer === 'SocketWasClosed') throw new Error('the server closes connections before it answers')
  return answer
}

/** A server may close an idle socket just as it is used again: nothing was done then, and a GET does nothing anyway. */
function send(opening: Opening, endpoint: Endpoint): Promise<http.IncomingMessage | 'SocketWasClosed'> {
  const { request, signal } = opening
  const body = request.body === undefined ? undefined : JSON.stringify(request.body)
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage | 'SocketWasClosed'>()
  const outgoing = (endpoint.server.protocol === 'http:' ? http : https).request({
    ...urlToHttpOptions(endpoint.server),
    method: request.method,
    path: pathWithQuery(endpoint.server, request),
    headers: headersOf(opening, endpoint, body),
    agent: endpoint.agent,
    signal,
    ...(endpoint.auth === undefined ? {} : { auth: endpoint.auth }),
  })
  boundConnecting(outgoing, opening.connectTimeoutMs)
  outgoing.once('response', resolve)
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    const wasClosed = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
    if (wasClosed && request.method === 'GET' && !signal.aborted) resolve('SocketWasClosed')
    else reject(error)
  })
  outgoing.end(body)
  return promise
}

function pathWithQuery(server: URL, { path, query = {} }: KubeRequest): string {
  const search = new URLSearchParams(query).toString()
  return `${server.pathname.replace(/\/$/, '')}${path}${search === '' ? '' : `?${search}`}`
}

function headersOf({ request, userAgent }: Opening, endpoint: Endpoint, body: string | undefined) {
  return {
    ...endpoint.headers,
    accept: request.accept ?? 'application/json',
    'user-agent': userAgent,
    ...(body === undefined
      ? {}
      : { 'content-type': request.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
  }
}

async function readText(answer: http.IncomingMessage, bytesMax: number): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of answer as AsyncIterable<Buffer>) {
    bytes += piece.length
    // Leaving the loop destroys the answer, and with it the socket.
    if (bytes > bytesMax) throw new RangeError(`the answer is longer than ${bytesMax} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces, bytes).toString('utf8')
}

function parsed<Answer>(text: string): Answer {
  return (text === '' ? undefined : JSON.parse(text)) as Answer
}

async function readEvents(
  answer: http.IncomingMessage,
  lineBytesMax: number,
  onEvent: (event: WatchEvent) => void,
): Promise<void> {
  const onLine = (line: string): void => {
    const event = JSON.parse(line) as WatchEvent
    if (!EVENT_TYPES.has(event.type)) throw new SyntaxError('an event of a watch has no known type')
    try {
      onEvent(event)
    } catch (error) {
      throw new EventFailure('', { cause: error })
    }
  }
  const lines = createLineSplitter({ onLine, lineBytesMax })
  for await (const piece of answer as AsyncIterable<Buffer>) lines.push(piece)
  if (lines.pendingBytes > 0) throw new Error('the watch ended in the middle of an event')
}

async function refusal(request: KubeRequest, answer: http.IncomingMessage): Promise<KubeError> {
  const body = await readText(answer, ERROR_BYTES_MAX)
  const status = answer.statusCode ?? 0
  const failure = failureOfAnswer({ status, retryAfter: answer.headers['retry-after'], body, now: Date.now() })
  // The transport's status is what callers branch on, whatever the body says.
  return new KubeError(`${described(request)}: ${status} ${failure.reason}: ${failure.message}`, { ...failure, status })
}

function kubeError(request: KubeRequest, error: unknown): unknown {
  if (error instanceof KubeError) return error
  if (error instanceof EventFailure) return error.cause
  // Node's word for an answer whose connection died.
  const message = (error as Error).message.replace(/^aborted$/, 'the connection died')
  const reason =
    error instanceof SyntaxError ? 'InvalidAnswer' : error instanceof RangeError ? 'TooLarge' : 'ConnectionFailed'
  return new KubeError(`${described(request)}: ${message}`, { status: 0, reason, cause: error })
}

/** Without the query, which may be long and says little. */
function described({ method, path }: KubeRequest): string {
  return `${method} ${path}`
}
