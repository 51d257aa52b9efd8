// A provider that fails in every way that a socket allows, as a test has scripted it: a bare HTTP/1.1 server on port 0.
//
// In: for each request a Fault, from a queue or from a function of the request. Out: exactly the bytes that the fault says, then
// what it says happens to the connection, and a record of each request: what came, on which connection, how it went, and when
// its client was seen to leave. It never repairs anything by itself: node:http would frame, flush and close in its own way, which
// is why it is not under this.
//
//   const provider = await FaultProvider.start({ respond: () => ({ answer }) })
//   provider.next({ answer, until: 'MidHead', end: 'Rst' })        // the next request only
//   await provider.waitFor(({ abortedAt }) => abortedAt !== undefined)
//   await provider.down()                                           // refuses connections, on the same port
import { once } from 'node:events'
import net from 'node:net'
import { performance } from 'node:perf_hooks'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { type Acceptance, type Afterwards, type Fault, wireOf } from './fault-provider-fault.ts'
import { type IncomingRequest, RequestReader } from './fault-provider-request.ts'

export interface SeenRequest extends IncomingRequest {
  /** Counted from 1, over the provider's life. */
  readonly connection: number
  /** Monotonic milliseconds. */
  readonly arrivedAt: number
  /** `Answered`: whole, as far as the client can tell. `Cut`: ended by the fault. `Open` until then, and while it stalls. */
  ending: 'Open' | 'Answered' | 'Cut' | 'Aborted'
  /** When the client was seen to leave while it was open; monotonic milliseconds. */
  abortedAt: number | undefined
}

export interface FaultProviderOptions {
  /** How a request goes for which nothing is queued. */
  respond(request: SeenRequest): Fault
  /** Decides for each connection, counted from 1; `Serve` unless given. */
  accept?(connection: number): Acceptance
}

interface Wanted {
  matches(request: SeenRequest): boolean
  resolve(request: SeenRequest): void
}

export class FaultProvider {
  readonly requests: SeenRequest[] = []
  respond: FaultProviderOptions['respond']
  accept: (connection: number) => Acceptance
  /** Accepted so far. */
  connections = 0
  readonly #queue: Fault[] = []
  readonly #open = new Set<net.Socket>()
  #server: net.Server
  #port = 0
  #wanted: Wanted[] = []

  private constructor({ respond, accept }: FaultProviderOptions) {
    this.respond = respond
    this.accept = accept ?? (() => 'Serve')
    this.#server = this.#createServer()
  }

  static async start(options: FaultProviderOptions): Promise<FaultProvider> {
    const provider = new FaultProvider(options)
    await provider.up()
    return provider
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#open.size
  }

  /** Requests that have neither been answered nor cut nor abandoned. */
  get underWay(): number {
    return this.requests.filter(({ ending }) => ending === 'Open').length
  }

  /** For the next requests, one each, before `respond` is asked again. */
  next(...faults: readonly Fault[]): void {
    this.#queue.push(...faults)
  }

  /** Forgets what was seen and what is queued. */
  clear(): void {
    this.requests.length = 0
    this.#queue.length = 0
  }

  /** The first request, past or future, for which it is true. */
  waitFor(matches: (request: SeenRequest) => boolean): Promise<SeenRequest> {
    const found = this.requests.find(matches)
    if (found !== undefined) return Promise.resolve(found)
    return new Promise((resolve) => this.#wanted.push({ matches, resolve }))
  }

  /** Refuses new connections and resets those that are open. */
  async down(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#open) reset(socket)
    await closed
  }

  /** Listens, on the same port as before. */
  async up(): Promise<void> {
    this.#server = this.#createServer()
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as net.AddressInfo).port
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.down()
  }

  /** For a connection: how this request goes. */
  faultFor(request: SeenRequest): Fault {
    this.requests.push(request)
    this.changed(request)
    return this.#queue.shift() ?? this.respond(request)
  }

  /** For a connection: something about the request is new. */
  changed(request: SeenRequest): void {
    const met = this.#wanted.filter(({ matches }) => matches(request))
    if (met.length === 0) return
    this.#wanted = this.#wanted.filter((wanted) => !met.includes(wanted))
    for (const { resolve } of met) resolve(request)
  }

  #createServer(): net.Server {
    return net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      this.connections++
      this.#open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#open.delete(socket))
      const acceptance = this.accept(this.connections)
      if (acceptance === 'Reset') reset(socket)
      if (acceptance === 'Ignore') socket.resume()
      if (acceptance === 'Serve') serve(socket, this.connections, this)
    })
  }
}

/** One connection: its requests one after another, as HTTP/1.1 without pipelining has them. */
function serve(socket: net.Socket, connection: number, provider: FaultProvider): void {
  const reader = new RequestReader()
  let current: SeenRequest | undefined
  let afterwards: Afterwards = 'Keep'

  const left = (): void => {
    if (current?.ending !== 'Open') return
    current.ending = 'Aborted'
    current.abortedAt = performance.now()
    provider.changed(current)
  }
  const onRequest = async (incoming: IncomingRequest): Promise<void> => {
    const request: SeenRequest = {
      ...incoming,
      connection,
      arrivedAt: performance.now(),
      ending: 'Open',
      abortedAt: undefined,
    }
    current = request
    const fault = provider.faultFor(request)
    afterwards = (await act(fault, socket, request)) ?? 'Keep'
    provider.changed(request)
  }
  socket.on('data', (bytes: Buffer) => {
    if (afterwards === 'RstAtNextRequest') return void reset(socket)
    if (afterwards === 'FinAtNextRequest') return void socket.end()
    const request = reader.push(bytes)
    if (request !== undefined) void onRequest(request)
  })
  socket.on('end', left)
  socket.on('close', left)
  socket.resume()
}

/** Sends what the fault says; resolves with what becomes of the connection when that was a whole answer. */
async function act(fault: Fault, socket: net.Socket, request: SeenRequest): Promise<Afterwards | undefined> {
  const { bytes, end } = wireOf(fault)
  if (fault.thinksMs !== undefined) await sleep(fault.thinksMs)
  if (wasAborted(request)) return undefined
  // Before the bytes are gone, since a client that has them all may leave at once.
  if (fault.pace !== 'ByteByByte' && end !== 'Stall') request.ending = endingOf(fault, end)
  if (fault.pace === 'ByteByByte') await trickle(socket, bytes)
  else await written(socket, bytes)
  if (end === 'Stall' || wasAborted(request)) return undefined
  request.ending = endingOf(fault, end)
  const { afterwards = 'Keep' } = fault
  if (end === 'Rst' || (end === undefined && afterwards === 'Rst')) reset(socket)
  else if (end === 'Fin' || afterwards === 'Fin') socket.end()
  return afterwards
}

function wasAborted({ ending }: SeenRequest): boolean {
  return ending === 'Aborted'
}

function endingOf(fault: Fault, end: 'Fin' | 'Rst' | 'Stall' | undefined): 'Answered' | 'Cut' {
  const whole = fault.raw === undefined && (fault.until ?? 'Whole') === 'Whole'
  return whole || end === undefined ? 'Answered' : 'Cut'
}

/**
 * `resetAndDestroy` of node:net ends the connection cleanly before it resets it, so that its peer sees a clean end; this flag
 * alone, which it sets too, makes `destroy` a reset.
 */
function reset(socket: net.Socket): void {
  // A handle whose clean end is under way cannot be reset, and would never be closed.
  if (!socket.writableEnded) Object.assign(socket, { resetAndClosing: true })
  socket.destroy()
}

/** Resolves when the kernel has them, so that a reset behind them does not take them back; or when the client has left. */
function written(socket: net.Socket, bytes: Buffer): Promise<void> {
  if (bytes.length === 0) return Promise.resolve()
  return new Promise((resolve) => socket.write(bytes, () => resolve()))
}

async function trickle(socket: net.Socket, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length && !socket.destroyed; at++) {
    await written(socket, bytes.subarray(at, at + 1))
    await setImmediate()
  }
}
