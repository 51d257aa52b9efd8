// One request, between a client and providers that are not there: an exchange that remembers what was done to it, and a sink for each
// attempt to answer into. One attempt, unless more are asked for.
import { jest } from '@jest/globals'
import { SecretValue } from '../../../contract/secret.ts'
import type { ProviderConfig } from '../../../contract/sidecar-config.ts'
import { UNLIMITED } from '../../../sidecar/attempt/allowance.ts'
import { type AttemptsDeps, makeAttempts } from '../../../sidecar/attempt/attempts.ts'
import { KeepAlive } from '../../../sidecar/attempt/keep-alive.ts'
import { createRuntime } from '../../../sidecar/config/runtime.ts'
import { Estimator } from '../../../sidecar/limits/estimate.ts'
import { AnswerBudget } from '../../../sidecar/listen/answer-budget.ts'
import type { Exchange, ExchangeObserver } from '../../../sidecar/listen/exchange.ts'
import { noteFailure } from '../../../sidecar/listen/refuse.ts'
import { ResponseHeaderFilter } from '../../../sidecar/providers/response-headers.ts'
import { route } from '../../../sidecar/request/route.ts'
import { CredentialStanding } from '../../../sidecar/standing/credential-standing.ts'
import { Standings } from '../../../sidecar/standing/standings.ts'
import { createRecord, finishRecord, type RequestRecord } from '../../../sidecar/telemetry/request-record.ts'
import type { Call, Flow, ResponseSink } from '../../../sidecar/upstream/call.ts'
import { createCredentials } from '../../../sidecar/upstream/credentials.ts'
import { decodedRequest } from '../../support/decoded-request.ts'
import { backend, provider, RETRY, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'

export const KEY = 'sk-proj-0123456789abcdef'
export const JSON_TYPE = ['content-type', 'application/json']
export const SSE_TYPE = ['Content-Type', 'text/event-stream; charset=utf-8']
export const TEXT_TYPE = ['content-type', 'text/plain']
export const CHAT_EVENT = 'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
export const CHAT_END = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
export const MASK = '*'.repeat(KEY.length)

class Client implements Exchange {
  readonly head = { method: 'POST', target: '/as/sent', rawHeaders: [] }
  readonly requestId = 'request-1'
  begun = false
  bytesOut = 0
  status = 0
  headers: readonly string[] = []
  announced: number | undefined
  body = Buffer.alloc(0)
  ending: 'open' | 'whole' | 'broken' = 'open'
  /** What `write` says: whether the client keeps up. */
  keepsUp = true
  watching: ExchangeObserver | undefined

  set observer(observer: ExchangeObserver) {
    this.watching = observer
  }

  readBody(): Promise<Buffer> {
    throw new Error('The request was read before.')
  }

  begin(status: number, headers: readonly string[], bodyBytes: number | undefined): void {
    Object.assign(this, { begun: true, status, headers, announced: bodyBytes })
  }

  write(chunk: Buffer): boolean {
    if (!this.begun || this.ending !== 'open') throw new Error('written out of turn')
    this.body = Buffer.concat([this.body, chunk])
    return this.keepsUp
  }

  end(): void {
    if (!this.begun || this.ending !== 'open') throw new Error('ended out of turn')
    if (this.announced !== undefined && this.announced !== this.body.length)
      throw new Error('ended too early or too late')
    this.ending = 'whole'
  }

  reply(status: number, headers: readonly string[], body: Buffer): void {
    if (this.begun) throw new Error('replied twice')
    Object.assign(this, { begun: true, status, headers, body: Buffer.from(body), ending: 'whole' })
  }

  break(): void {
    this.ending = 'broken'
  }
}

export interface Ask {
  dialect?: 'OpenAI' | 'Anthropic' | 'Gemini'
  operation?: 'Chat' | 'Messages' | 'Responses' | 'Other'
  stream?: boolean
  key?: string
  /** Of the provider; none: any. */
  models?: readonly string[]
  /** Of the route: 1 unless given. */
  attempts?: number
  /** That stand by. */
  others?: readonly ProviderConfig[]
  /** What happened to each key before. */
  before?: (key: CredentialStanding) => void
}

/** What was done to the call, in order. */
class Upstream implements Flow {
  readonly isSent = true
  readonly done: string[] = []
  /** Milliseconds until the total limit. */
  leftMs = 60_000
  pause = (): void => void this.done.push('pause')
  resume = (): void => void this.done.push('resume')
  abort = (): void => void this.done.push('abort')
}

const KEEP_ALIVE_MS = 15_000

export class Relayed {
  readonly client = new Client()
  readonly upstream = new Upstream()
  readonly answers = new AnswerBudget(1024)
  readonly record: RequestRecord = createRecord('request-1', 'POST', 0)
  /** Where the answer to each attempt goes. */
  readonly sinks: ResponseSink[] = []
  /** How the providers' keys are doing. */
  readonly keys: CredentialStanding[] = []
  /** Of the first provider, for what was asked. */
  readonly timeToFirstByteMs: () => number
  /** Monotonic. */
  nowMs = 7
  /** `relayed`, or the code of the refusal that it rejected with. */
  readonly outcome: Promise<string>

  constructor({ dialect = 'OpenAI', operation = 'Chat', stream = false, ...ask }: Ask = {}) {
    const { key = KEY, models = [], attempts = 1, others = [], before = () => {} } = ask
    const first = provider('shop/provider', dialect, models, {
      credentials: [{ name: 'primary', file: 'key', weight: 1 }],
    })
    const providers = [first, ...others]
    const backends = providers.map(({ id }, at) => backend(id, 1, at))
    const routes = others.length === 0 ? [] : [routeConfig('shop/all', [ruleConfig('all', { backends })])]
    const runtime = createRuntime(sidecarConfig({ providers, routes }), {})
    const files = new Map([['key', new SecretValue(key)]])
    const random = (): number => 0
    const standings = new Standings(random, { onCircuit() {}, onHealth() {} })
    standings.adopt(runtime.providers)
    const credentials = createCredentials(runtime, files, undefined, () => this.#createKey(before))
    const [asked] = runtime.providers
    this.timeToFirstByteMs = () => (asked ? standings.of(asked).timeToFirstByteMs(operation, this.nowMs) : Number.NaN)
    const request = decodedRequest({ dialect, operation, stream, model: 'm' })
    const send: AttemptsDeps['upstream']['send'] = (_provider, _request, _timeouts, into) => {
      this.sinks.push(into)
      return this.upstream as unknown as Call
    }
    this.outcome = makeAttempts(
      { ...route(runtime, request), retry: { ...RETRY, attempts } },
      {
        exchange: this.client,
        adopted: { runtime, credentials, complete: true },
        request,
        record: this.record,
        allowance: UNLIMITED,
      },
      {
        upstream: { send },
        standings,
        estimator: new Estimator(),
        keepAlive: new KeepAlive({ everyMs: KEEP_ALIVE_MS, now: () => this.nowMs }),
        responseHeaders: new ResponseHeaderFilter(),
        answers: this.answers,
        random,
        now: () => this.nowMs,
        wallClock: () => 0,
      },
    ).then(
      () => this.#end('relayed'),
      (error) => this.#end(noteFailure(this.record, error).code),
    )
    if (this.sinks.length === 0) throw new Error('nothing was sent')
  }

  /** Of the last attempt. */
  get sink(): ResponseSink {
    return this.sinks.at(-1) as ResponseSink
  }

  #createKey(before: (key: CredentialStanding) => void): CredentialStanding {
    const key = new CredentialStanding(
      () => 0.5,
      () => {},
    )
    before(key)
    this.keys.push(key)
    return key
  }

  #end(outcome: string): string {
    if (this.answers.bytes !== 0) throw new Error('something still counts as held')
    finishRecord(this.record, this.nowMs, this.client.bytesOut)
    return outcome
  }

  /** Lets a client that waits for its stream have a comment. Timers are the test's. */
  comment(): void {
    this.nowMs += 4 * KEEP_ALIVE_MS
    jest.advanceTimersByTime(KEEP_ALIVE_MS)
    if (!this.client.begun) throw new Error('no comment was sent')
  }

  /** Gives the pieces of a body as reads do: each is wiped once it was taken. */
  body(...pieces: readonly Buffer[]): this {
    for (const piece of pieces) {
      const shared = Buffer.from(piece)
      this.sink.onBody(shared)
      shared.fill(0)
    }
    return this
  }

  answer(status: number, rawHeaders: string[], body: readonly Buffer[], bodyBytes?: number): Promise<string> {
    this.sink.onHead(status, rawHeaders, bodyBytes)
    this.body(...body)
    this.sink.onEnd()
    return this.outcome
  }

  get headers(): Readonly<Record<string, string>> {
    const entries: Record<string, string> = {}
    const { headers } = this.client
    for (let i = 0; i < headers.length; i += 2) entries[headers[i]?.toLowerCase() ?? ''] = headers[i + 1] ?? ''
    return entries
  }
}

export function splits(body: Buffer): Buffer[][] {
  const cuts = Array.from(body, (_, at) => [body.subarray(0, at), body.subarray(at)])
  return [[body], ...cuts.slice(1), Array.from(body, (_, at) => body.subarray(at, at + 1))]
}
