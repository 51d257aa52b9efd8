// WebSocket upgrades (realtime APIs): the same stages as handle.ts up to the attempt, then two sockets are joined by
// http-proxy and Outrigger reads nothing that passes. The key is swapped in the handshake; one record is left behind when
// the sockets close. Such a connection has no time limit of its own; a drain ends it at the drain timeout.
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { noteAttempt } from './attempt.ts'
import { Refusal } from './errors.ts'
import type { Deps } from './handle.ts'
import { gate } from './listen/gate.ts'
import type { Drainable } from './listen/listener.ts'
import { closingResponse, noteFailure, refusalReply } from './listen/refuse.ts'
import { prepareUpgrade } from './providers/prepare-upgrade.ts'
import { relayRefusedUpgrade } from './refused-upgrade.ts'
import { decode } from './request/decode.ts'
import type { RequestHead } from './request/head.ts'
import { type Attempt, route } from './request/route.ts'
import { noteRequest, type RequestRecord } from './telemetry/request-record.ts'
import { UpgradeAgent } from './upstream/upgrade-agent.ts'
import type { Upstream } from './upstream/upstream.ts'

const EMPTY = Buffer.alloc(0)

export interface UpgradeOptions {
  deps: Deps
  upstream: Upstream
  newRequestId(): string
}

export class Upgrades implements Drainable {
  readonly #options: UpgradeOptions
  readonly #sockets = new Set<Duplex>()

  constructor(options: UpgradeOptions) {
    this.#options = options
  }

  /** Resolves when every joined connection has ended by itself. */
  async drain(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))))
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  handle(message: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { recorder } = this.#options.deps
    const requestId = this.#options.newRequestId()
    const requestHead = { method: 'GET', target: message.url ?? '/', rawHeaders: message.rawHeaders }
    const record = recorder.begin({ requestId, head: requestHead })
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#sockets.delete(socket)
      recorder.end(record, (socket as Socket).bytesWritten)
    })
    const refuse = (error: unknown): void => refuseUpgrade(socket, requestHead, error, record)
    this.#join(message, requestHead, socket, head, record, refuse).catch(refuse)
  }

  async #join(
    message: IncomingMessage,
    requestHead: RequestHead,
    socket: Duplex,
    head: Buffer,
    record: RequestRecord,
    refuse: (error: unknown) => void,
  ): Promise<void> {
    const { deps, upstream } = this.#options
    gate(requestHead, deps.allowed)
    const adopted = deps.current()
    if (adopted === undefined) throw new Refusal('not_configured')
    const request = decode(requestHead, EMPTY, adopted.runtime.editedFields)
    noteRequest(record, request)
    const plan = route(adopted.runtime, request, deps.random)
    record.route = plan.route
    record.rule = plan.rule
    const attempt = plan.attempts[0] as Attempt
    const { provider } = attempt
    const credential = adopted.credentials.pick(provider, deps.random)
    noteAttempt(record, attempt, credential.name)
    const { target, headers } = prepareUpgrade(request, attempt)
    message.url = target
    message.headers = headersOf(`host: ${provider.base.authority}\r\n${headers}${credential.headerLine()}`)
    record.status = 101
    const { protocol, host, port } = provider.base
    const options = {
      target: { protocol, host, hostname: host, port },
      prependPath: false,
      toProxy: true,
      agent: new UpgradeAgent(upstream.targetOf(provider)),
    }
    // Loaded with the first upgrade: most pods never see one, and it is 2 MB.
    const { createProxyServer } = await import('http-proxy')
    const proxy = createProxyServer({})
    let sent: ClientRequest | undefined
    proxy.once('proxyReqWs', (request) => {
      sent = request
    })
    proxy.ws(message, socket, head, options, (error) => {
      refuse(new Refusal('provider_unreachable', undefined, { cause: error }))
    })
    const { scrubber } = credential
    sent?.removeAllListeners('response')
    sent?.once('response', (response) => void relayRefusedUpgrade({ response, socket, record, scrubber }))
  }
}

/** Header lines → the form that node:http sends; a name that comes twice keeps both values. */
function headersOf(lines: string): IncomingHttpHeaders {
  const headers: Record<string, string | string[]> = {}
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(': ')
    if (colon < 0) continue
    const name = line.slice(0, colon).toLowerCase()
    const before = headers[name]
    const value = line.slice(colon + 2)
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return headers
}

/** There is no ServerResponse yet: the reply is written by hand and the socket closed. */
function refuseUpgrade(socket: Duplex, head: RequestHead, error: unknown, record: RequestRecord): void {
  const refusal = noteFailure(record, error)
  record.status = refusal.failure.status
  if (!socket.writable) return
  const { status, headers, body } = refusalReply(head, refusal, record.requestId)
  socket.end(closingResponse(status, headers, body))
}
