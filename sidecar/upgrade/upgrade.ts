// WebSocket upgrades (realtime APIs): the same stages as handle.ts up to the attempt, then two sockets are joined by
// http-proxy and Outrigger reads nothing that passes. The key is swapped in the handshake; one record is left behind when
// the sockets close, which they do together. The provider's answer is waited for as long as any other's; a joined
// connection has no time limit of its own, and a drain ends it at the drain timeout.
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ProxyServer } from 'http-proxy'
import type { Allowance, Reservation } from '../attempt/allowance.ts'
import { noteCredential } from '../attempt/attempt.ts'
import { type FailedAttempt, failedByAnswer } from '../attempt/failed-attempt.ts'
import { isOurMatter, keyRefused, nobodyAsked } from '../attempt/our-refusals.ts'
import { type Taken, Turns } from '../attempt/turns.ts'
import { Refusal } from '../errors.ts'
import type { Deps } from '../handle.ts'
import { gate } from '../listen/gate.ts'
import type { Drainable } from '../listen/listener.ts'
import { closingResponse, noteFailure, refusalReply } from '../listen/refuse.ts'
import { prepareUpgrade } from '../providers/prepare-upgrade.ts'
import { decode } from '../request/decode.ts'
import type { RequestHead } from '../request/head.ts'
import { route } from '../request/route.ts'
import type { Verdict } from '../standing/circuit-breaker.ts'
import type { Standings } from '../standing/standings.ts'
import { noteRequest, type RequestRecord } from '../telemetry/request-record.ts'
import { standingName } from '../upstream/credentials.ts'
import { UpgradeAgent } from '../upstream/upgrade-agent.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { headersForClient, type RefusedUpgrade, relayRefusedUpgrade } from './refused-upgrade.ts'

const EMPTY = Buffer.alloc(0)

export interface UpgradeOptions {
  deps: Deps
  upstream: Upstream
  standings: Standings
  newRequestId(): string
  /** In [0, 1). */
  random(): number
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since the epoch. */
  wallClock(): number
}

/** A client that asks for an upgrade. */
interface Upgrade {
  message: IncomingMessage
  requestHead: RequestHead
  /** What came behind the request's head: nothing, from a client that keeps to RFC 6455 §4.1. */
  early: Buffer
  socket: Socket
  record: RequestRecord
  /** What ends with the client's socket, before the record is closed. */
  atClose: (() => void)[]
  /** What the provider's refusal says of it; undefined where it has not refused. */
  verdict: Verdict | undefined
}

/** Where it goes. One attempt: whether it was made is all that its first answer says, and there is nothing to hold back. */
interface Onward extends Pick<Taken, 'attempt' | 'credential'> {
  agent: UpgradeAgent
  note: RefusedUpgrade['note']
  /** The provider has taken it: a probe has its answer, and a key its success, though the connection may last for hours. */
  joined(): void
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

  handle(message: IncomingMessage, duplex: Duplex, early: Buffer): void {
    // node:http's type is wider than what a listener on TCP gets.
    const socket = duplex as Socket
    const requestId = this.#options.newRequestId()
    const requestHead = { method: 'GET', target: message.url ?? '/', rawHeaders: message.rawHeaders }
    const record = this.#options.deps.recorder.begin({ requestId, head: requestHead })
    const upgrade = { message, requestHead, early, socket, record, atClose: [], verdict: undefined }
    this.#recordAtClose(upgrade)
    this.#join(upgrade).catch((error) => refuseUpgrade(upgrade, error))
  }

  #recordAtClose({ socket, record, atClose }: Upgrade): void {
    // Ordinary requests may have been answered on this socket before.
    const bytesBefore = socket.bytesWritten
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#sockets.delete(socket)
      for (const end of atClose) end()
      if (record.status === 0) record.status = noteFailure(record, new Refusal('client_closed')).failure.status
      this.#options.deps.recorder.end(record, socket.bytesWritten - bytesBefore)
    })
  }

  async #join(upgrade: Upgrade): Promise<void> {
    const onward = await this.#prepare(upgrade)
    // Loaded with the first upgrade: most pods never see one, and it is 2 MB.
    const { createProxyServer } = await import('http-proxy')
    if (!upgrade.socket.destroyed) joinThrough(createProxyServer({}), upgrade, onward)
  }

  /** Writes the provider's request over the client's, which http-proxy sends on. Throws Refusal. */
  async #prepare(upgrade: Upgrade): Promise<Onward> {
    const { message, requestHead, record } = upgrade
    const { deps, upstream, standings, random, now } = this.#options
    gate(requestHead, deps.allowed)
    const adopted = deps.current()
    if (adopted === undefined) throw new Refusal('not_configured')
    const request = decode(requestHead, EMPTY, adopted.runtime.readFields)
    noteRequest(record, request)
    const choice = route(adopted.runtime, request)
    record.route = choice.route
    record.rule = choice.rule
    const allowance = await deps.admit(choice, request, record)
    endWith(upgrade, () => allowance.release())
    const turns = new Turns({ choice, request, record, credentials: adopted.credentials, standings, random, now })
    const first = await takeFirst(turns, allowance)
    if (first === undefined) throw allowance.refusal() ?? nobodyAsked(turns.obstacles, now())
    const { taken, reserved } = first
    const { attempt, credential } = taken
    const { provider } = attempt
    this.#endAtClose(upgrade, taken)
    endWith(upgrade, () => reserved.settle(taken.record))
    const { target, headers } = prepareUpgrade(request, attempt)
    credential.standing?.used(standingName(attempt.model), now())
    message.url = target
    message.headers = headersOf(`host: ${provider.base.authority}\r\n${headers}${credential.headerLine()}`)
    const note: Onward['note'] = (status, rawHeaders, body) => {
      if (status < 400) return
      const failed = this.#noteRefused(taken, status, rawHeaders, body)
      upgrade.verdict = failed.verdict
      if (isOurMatter(failed)) throw keyRefused(status, failed.word)
    }
    const agent = new UpgradeAgent(upstream.targetOf(provider))
    return { attempt, credential, agent, note, joined: () => this.#noteJoined(taken) }
  }

  #noteJoined({ attempt, credential, standing, permit, record }: Taken): void {
    const nowMs = this.#options.now()
    record.status = 101
    standing.firstByte(permit, nowMs - record.startedAt, nowMs)
    credential.standing?.succeeded(standingName(attempt.model), nowMs)
  }

  #noteRefused(taken: Taken, status: number, rawHeaders: readonly string[], body: Buffer): FailedAttempt {
    const { credential, attempt, record } = taken
    const answer = { dialect: attempt.provider.dialect, status, rawHeaders, body, credential, format: 'json' as const }
    const failed = failedByAnswer(answer, this.#options.wallClock())
    noteCredential(taken, failed, status, this.#options.now())
    Object.assign(record, { status, reason: failed.reason, word: failed.word })
    return failed
  }

  /** The record sums its attempts up when it is closed. */
  #endAtClose(upgrade: Upgrade, { standing, permit }: Taken): void {
    endWith(upgrade, () => {
      const { status, failure } = upgrade.record
      const nowMs = this.#options.now()
      // By the client, which has no word yet, or by us.
      if (status === 0 || failure === 'provider_first_byte_timeout') standing.gaveUp(permit, nowMs)
      standing.end(permit, verdictOf(upgrade), nowMs)
    })
  }
}

/** Before the record is closed; at once where the client has left while a limit was asked. */
function endWith({ socket, atClose }: Upgrade, end: () => void): void {
  if (socket.destroyed) end()
  else atClose.push(end)
}

async function takeFirst(
  turns: Turns,
  allowance: Allowance,
): Promise<{ taken: Taken; reserved: Reservation } | undefined> {
  for (let turn = turns.next(); turn !== undefined; turn = turns.next()) {
    const reserved = await allowance.reserve(turn.seat.attempt)
    if (typeof reserved === 'string') {
      turns.passOver(turn, reserved)
      continue
    }
    const taken = turns.take(turn)
    if (taken !== undefined) return { taken, reserved }
    reserved.settle('Unsent')
  }
  return undefined
}

function verdictOf({ record: { status, fault }, verdict }: Upgrade): Verdict {
  if (status === 101) return 'Success'
  return verdict ?? (fault === 'provider' ? 'Failure' : 'Neutral')
}

/** Joins the two sockets, or answers the client when they cannot be. */
function joinThrough(proxy: ProxyServer, upgrade: Upgrade, onward: Onward): void {
  const { message, early, socket, record } = upgrade
  const { protocol, host, port } = onward.attempt.provider.base
  let sent: ClientRequest | undefined
  // It repeats the errors of the client's socket and throws what nobody listens to. That socket's close tells enough.
  proxy.on('error', () => {})
  proxy.once('proxyReqWs', (request) => {
    sent = request
    // Before http-proxy's own listener, which writes these headers to the client.
    request.once('upgrade', (response) => {
      const headers = headersForClient(response, record, onward.credential.scrubber)
      response.headers = headersOf(`connection: Upgrade\r\nupgrade: websocket\r\n${linesOf(headers)}`)
    })
  })
  endTogether(proxy, upgrade, onward)
  const target = { protocol, host, hostname: host, port }
  const options = { target, prependPath: false, toProxy: true, agent: onward.agent }
  proxy.ws(message, socket, early, options, (error) => onProviderError(upgrade, error))
  if (sent !== undefined) awaitAnswer(sent, upgrade, onward)
}

/** Neither socket outlives the other. */
function endTogether(proxy: ProxyServer, { socket, record }: Upgrade, { agent, joined }: Onward): void {
  const leave = (): void => void socket.destroy()
  // Reading is what shows that a client left. Before the 101 it has nothing to say (RFC 6455 §4.1).
  socket.on('data', leave).on('end', leave)
  socket.once('close', () => agent.destroy())
  proxy.once('open', (opened) => {
    socket.off('data', leave).off('end', leave)
    record.status = 101
    joined()
    opened.once('close', () => socket.destroySoon())
  })
}

/** Limits the wait for the provider's answer, and relays one that is no 101. */
function awaitAnswer(sent: ClientRequest, upgrade: Upgrade, { attempt, credential, agent, note }: Onward): void {
  const { socket, record } = upgrade
  const { connectMs, firstByteMs, idleMs } = attempt.backend.timeouts
  const limit = setTimeout(() => {
    refuseUpgrade(upgrade, new Refusal('provider_first_byte_timeout'))
    agent.destroy()
  }, connectMs + firstByteMs)
  const answered = (): void => clearTimeout(limit)
  socket.once('close', answered)
  sent.once('upgrade', answered)
  sent.removeAllListeners('response')
  sent.once('response', (response) => {
    answered()
    // http-proxy's listener would end the client's socket when the body breaks off.
    sent.removeAllListeners('error').on('error', () => {})
    const { scrubber } = credential
    relayRefusedUpgrade({ response, socket, record, scrubber, bodyMs: idleMs, note }).catch((error) => {
      refuseUpgrade(upgrade, error)
    })
  })
}

function onProviderError(upgrade: Upgrade, cause: Error): void {
  const { socket, record } = upgrade
  if (socket.destroyed) return
  if (record.status !== 101) return refuseUpgrade(upgrade, new Refusal('provider_unreachable', undefined, { cause }))
  // What the client reads now is a WebSocket: it has no room for an answer.
  noteFailure(record, new Refusal('provider_truncated', undefined, { cause }))
  socket.destroy()
}

function linesOf(headers: readonly string[]): string {
  let lines = ''
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`
  return lines
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
function refuseUpgrade({ socket, requestHead, record }: Upgrade, error: unknown): void {
  if (!socket.writable) return
  const refusal = noteFailure(record, error)
  record.status = refusal.failure.status
  const { status, headers, body } = refusalReply(requestHead, refusal, record.requestId)
  socket.end(closingResponse(status, headers, body))
  // Not when the client closes its side, too: it need never do so.
  socket.destroySoon()
}
