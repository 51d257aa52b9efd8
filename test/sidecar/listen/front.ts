// A listener without a sidecar behind it: the test answers what it lets in. `/hold…` waits for the test, `/bytes/N` is answered
// with so many bytes, everything else with `ok` when its body has come.
import type { Duplex } from 'node:stream'
import { afterEach } from '@jest/globals'
import type { Refusal } from '../../../sidecar/errors.ts'
import { Admission } from '../../../sidecar/listen/admission.ts'
import { AnswerBudget } from '../../../sidecar/listen/answer-budget.ts'
import { BodyBudget } from '../../../sidecar/listen/body-budget.ts'
import type { Exchange, ExchangeObserver } from '../../../sidecar/listen/exchange.ts'
import { type Listener, listen } from '../../../sidecar/listen/listener.ts'
import { refusalReply } from '../../../sidecar/listen/refuse.ts'
import { RawClient } from './raw-client.ts'

export interface FrontOptions {
  connectionsMax?: number
  requestsMax?: number
  answersMax?: number
  bodyMax?: number
  bodyTotalMax?: number
  drainAcceptMs?: number
}

const MIB = 1024 * 1024
/** Far beyond what any test takes. */
const PATIENT_MS = 600_000

/** An exchange that waits for the test. */
export class Held implements ExchangeObserver {
  readonly exchange: Exchange
  drains = 0
  gone = false
  /** Its body was; the client has been answered. */
  refused = false
  /** Resolves when its body has come, or will not. */
  read: Promise<unknown> = Promise.resolve()

  constructor(exchange: Exchange) {
    this.exchange = exchange
    exchange.observer = this
  }

  onDrain(): void {
    this.drains++
  }

  onGone(): void {
    this.gone = true
  }

  answer(body = 'held'): void {
    this.exchange.reply(200, [], Buffer.from(body))
  }
}

export class Front {
  readonly admission: Admission
  readonly bodies: BodyBudget
  /** In the order in which they came. */
  readonly held: Held[] = []
  /** Targets, in the order in which they were let in. */
  readonly letIn: string[] = []
  /** Codes of what was refused. */
  readonly refused: string[] = []
  readonly upgraded: string[] = []
  readonly #options: FrontOptions
  readonly #clients: RawClient[] = []
  /** Upgraded ones. */
  readonly #sockets: Duplex[] = []
  #listener: Listener | undefined

  constructor(options: FrontOptions) {
    this.#options = options
    const { connectionsMax = 100, requestsMax = 100, answersMax = 64 * MIB, bodyTotalMax = 8 * MIB } = options
    this.admission = new Admission({ connectionsMax, requestsMax, answers: new AnswerBudget(answersMax) })
    this.bodies = new BodyBudget(bodyTotalMax)
  }

  async start(): Promise<void> {
    let requests = 0
    this.#listener = await listen(
      { host: '127.0.0.1', port: 0 },
      {
        headBytesMax: 32 * 1024,
        headTimeoutMs: PATIENT_MS,
        requestTimeoutMs: PATIENT_MS,
        body: { bytesMax: this.#options.bodyMax ?? MIB, budget: this.bodies },
        admission: this.admission,
        drainAcceptMs: this.#options.drainAcceptMs ?? PATIENT_MS,
        newRequestId: () => `request-${++requests}`,
        now: () => performance.now(),
        onExchange: (exchange) => void this.#answer(exchange),
        onRefused: (_request, { code }) => this.refused.push(code),
        onUpgrade: (message, socket) => {
          this.upgraded.push(message.url ?? '')
          this.#sockets.push(socket)
          socket.on('error', () => {})
          socket.on('data', () => {})
          socket.on('end', () => socket.destroy())
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        },
      },
    )
  }

  get listener(): Listener {
    if (this.#listener === undefined) throw new Error('not started')
    return this.#listener
  }

  get url(): string {
    const { host, port } = this.listener.address
    return `http://${host}:${port}`
  }

  async connect(): Promise<RawClient> {
    const client = await RawClient.connect(this.url)
    this.#clients.push(client)
    return client
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.leave()
    for (const socket of this.#sockets) socket.destroy()
    const drained = this.listener.drain()
    this.listener.destroy()
    await drained
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { target } = exchange.head
    this.letIn.push(target)
    const held = target.startsWith('/hold') ? new Held(exchange) : undefined
    const body = exchange.readBody()
    if (held !== undefined) {
      held.read = body.catch(() => {})
      this.held.push(held)
    }
    try {
      await body
      if (held !== undefined) return
      const bytes = /^\/bytes\/(\d+)/.exec(target)?.[1]
      exchange.reply(200, [], bytes === undefined ? Buffer.from('ok') : Buffer.alloc(Number(bytes), 'x'))
    } catch (error) {
      const refusal = error as Refusal
      if (refusal.code === 'client_closed' || exchange.begun) return
      if (held !== undefined) held.refused = true
      const { status, headers, body } = refusalReply(exchange.head, refusal, exchange.requestId)
      exchange.reply(status, headers, body)
    }
  }
}

/** Starts fronts that are stopped behind each test. */
export function frontsForTests(): (options?: FrontOptions) => Promise<Front> {
  const started: Front[] = []
  afterEach(async () => {
    for (const front of started.splice(0)) await front.stop()
  })
  return async (options = {}) => {
    const front = new Front(options)
    await front.start()
    started.push(front)
    return front
  }
}

/** So many turns of the event loop, each of which looks at all sockets. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}
