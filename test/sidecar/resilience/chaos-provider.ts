// A provider of the chaos run: it flaps between ways of being well and ill, and remembers enough to explain what its requests met.
import { performance } from 'node:perf_hooks'
import { FaultProvider, type SeenRequest } from '../../support/fault-provider.ts'
import type { Fault } from '../../support/fault-provider-fault.ts'
import { below, pick, type Random } from '../../support/random.ts'
import { answerOf, CONVERSATIONS, type Conversation, type Form, JSON_TYPE, SSE_TYPE } from './dialects.ts'

type Behaviour = (conversation: Conversation, form: Form, who: string, random: Random) => Fault

const healthy: Behaviour = (conversation, form, who) => ({ answer: answerOf(conversation, form, who) })

/** Each gives a whole answer, in time. */
const WELL: Readonly<Record<string, Behaviour>> = {
  healthy,
  slow: (conversation, form, who, random) => ({
    ...healthy(conversation, form, who, random),
    thinksMs: 20 + below(random, 200),
  }),
  trickling: (...of) => ({ ...healthy(...of), pace: 'ByteByByte' }),
  'closing behind its answers': (...of) => ({ ...healthy(...of), afterwards: 'Fin' }),
  'closing when it is asked again': (...of) => ({ ...healthy(...of), afterwards: 'FinAtNextRequest' }),
  'resetting when it is asked again': (...of) => ({ ...healthy(...of), afterwards: 'RstAtNextRequest' }),
}

/** Each fails before there is any content. */
const ILL: Readonly<Record<string, Behaviour>> = {
  'closing instead of answering': (...of) => ({ ...healthy(...of), until: 'BeforeHead', end: 'Fin' }),
  'resetting within the head': (...of) => ({ ...healthy(...of), until: 'MidHead', end: 'Rst' }),
  silent: (...of) => ({ ...healthy(...of), until: 'BeforeHead', end: 'Stall' }),
  'silent behind the head': (...of) => ({ ...healthy(...of), until: 'AfterHead', end: 'Stall' }),
  'without a body': (...of) => ({ ...healthy(...of), until: 'AfterHead', end: 'Polite' }),
  'answering 500': (conversation) => errorAnswer(conversation, 500),
  'answering 503': (conversation) => errorAnswer(conversation, 503, { 'retry-after': '1' }),
  'answering 529': (conversation) => errorAnswer(conversation, 529),
  'answering 429': (conversation) => errorAnswer(conversation, 429),
  'answering 401': (conversation) => errorAnswer(conversation, 401),
  'reporting overload in a 200': (conversation, form) => {
    const body = form === 'whole' ? conversation.errorBody(WORD, 529) : conversation.errorEvent(WORD, 529)
    return { answer: { status: 200, headers: form === 'whole' ? JSON_TYPE : SSE_TYPE, body, framing: 'Chunked' } }
  },
}

/** Each fails behind the first content of a stream; an answer in one piece, in its middle. */
const BREAKING: Readonly<Record<string, Behaviour>> = {
  'breaking off cleanly': (...of) => brokenOff(of, 'Polite'),
  'breaking off by a reset': (...of) => brokenOff(of, 'Rst'),
  'falling silent': (...of) => brokenOff(of, 'Stall'),
}

const WORD = 'overloaded_error'
const ALL = { ...WELL, ...ILL, ...BREAKING }
type Mode = 'down' | keyof typeof ALL

export interface Met {
  readonly provider: string
  readonly mode: Mode
  readonly request: SeenRequest
}

export class ChaosProvider {
  readonly name: string
  readonly server: FaultProvider
  /** Monotonic milliseconds; undefined while it is ill. */
  wellSince: number | undefined
  downAt = Number.NEGATIVE_INFINITY
  #mode: Mode = 'healthy'
  readonly #random: Random

  private constructor(name: string, server: FaultProvider, random: Random) {
    this.name = name
    this.server = server
    this.#random = random
    this.wellSince = performance.now()
  }

  /** `onMet` is told of each request that reaches it. */
  static async start(name: string, random: Random, onMet: (met: Met) => void): Promise<ChaosProvider> {
    const server = await FaultProvider.start({ respond: () => chaos.#respond(onMet) })
    const chaos = new ChaosProvider(name, server, random)
    return chaos
  }

  async beWell(): Promise<void> {
    await this.#become(pick(this.#random, Object.keys(WELL)))
  }

  async beIll(): Promise<void> {
    const modes = ['down', ...Object.keys(ILL), ...Object.keys(BREAKING)]
    await this.#become(pick(this.#random, modes))
  }

  /** For people: its mode and for how long it has been well. */
  toString(): string {
    const well = this.wellSince === undefined ? 'ill' : `well for ${Math.round(performance.now() - this.wellSince)} ms`
    return `${this.name} ${well}, ${this.#mode}`
  }

  static breaks(mode: Mode): boolean {
    return mode === 'down' || mode in BREAKING
  }

  async #become(mode: Mode): Promise<void> {
    const before = this.#mode
    this.#mode = mode
    if (!(mode in WELL)) this.wellSince = undefined
    if (mode === 'down' && before !== 'down') {
      this.downAt = performance.now()
      await this.server.down()
    }
    if (mode !== 'down' && before === 'down') await this.server.up()
    if (mode in WELL) this.wellSince ??= performance.now()
  }

  #respond(onMet: (met: Met) => void): Fault {
    const request = this.server.requests.at(-1) as SeenRequest
    this.server.requests.length = 0
    onMet({ provider: this.name, mode: this.#mode, request })
    const conversation = CONVERSATIONS.find(({ name }) => request.path.startsWith(`/${name}/`)) as Conversation
    const form: Form = /streamGenerate/.test(request.path) || /"stream":true/.test(request.body) ? 'stream' : 'whole'
    return (ALL[this.#mode] ?? healthy)(conversation, form, this.name, this.#random)
  }
}

function errorAnswer(conversation: Conversation, status: number, headers = {}): Fault {
  const body = conversation.errorBody(WORD, status)
  return { answer: { status, headers: { ...JSON_TYPE, ...headers }, body, framing: 'Length' } }
}

function brokenOff(of: Parameters<Behaviour>, end: 'Polite' | 'Rst' | 'Stall'): Fault {
  const [conversation, form, who] = of
  const events = [...conversation.startUp(who), ...conversation.content(who).slice(0, -1)]
  return {
    ...healthy(...of),
    until: form === 'whole' ? 'MidBody' : { bodyBytes: Buffer.byteLength(events.join('')) },
    end,
  }
}
