// One request with one attempt, between a client and a provider that are not there: an exchange that remembers what was done to
// it, and a sink to answer into.
import { SecretValue } from '../../../contract/secret.ts'
import { type AttemptsDeps, makeAttempts } from '../../../sidecar/attempt/attempts.ts'
import { KeepAlive } from '../../../sidecar/attempt/keep-alive.ts'
import { createRuntime } from '../../../sidecar/config/runtime.ts'
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
import { provider, sidecarConfig } from '../../support/sidecar-config.ts'

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
}

/** What was done to the call, in order. */
class Upstream implements Flow {
  readonly done: string[] = []
  /** Milliseconds until the total limit. */
  leftMs = 60_000
  pause = (): void => void this.done.push('pause')
  resume = (): void => void this.done.push('resume')
  abort = (): void => void this.done.push('abort')
}

const RETRY = { attempts: 1, on: [], statuses: [], backoff: { initialMs: 1, maxMs: 1 } }

export class Relayed {
  readonly client = new Client()
  readonly upstream = new Upstream()
  readonly answers = new AnswerBudget(1024)
  readonly record: RequestRecord = createRecord('request-1', 'POST', 0)
  /** Where the provider's answer goes. */
  readonly sink: ResponseSink
  /** `relayed`, or the code of the refusal that it rejected with. */
  readonly outcome: Promise<string>

  constructor({ dialect = 'OpenAI', operation = 'Chat', stream = false, key = KEY, models = [] }: Ask = {}) {
    const config = provider('shop/provider', dialect, models, {
      credentials: [{ name: 'primary', file: 'key', weight: 1 }],
    })
    const runtime = createRuntime(sidecarConfig({ providers: [config] }), {})
    const files = new Map([['key', new SecretValue(key)]])
    const random = (): number => 0
    const standings = new Standings({ onCircuit() {}, onHealth() {} })
    standings.adopt(runtime.providers)
    const credentials = createCredentials(runtime, files, undefined, () => new CredentialStanding(random, () => {}))
    const request = decodedRequest({ dialect, operation, stream, model: 'm' })
    let sink: ResponseSink | undefined
    const send: AttemptsDeps['upstream']['send'] = (_provider, _request, _timeouts, into) => {
      sink = into
      return this.upstream as unknown as Call
    }
    this.outcome = makeAttempts(
      { ...route(runtime, request), retry: RETRY },
      { exchange: this.client, adopted: { runtime, credentials, complete: true }, request, record: this.record },
      {
        upstream: { send },
        standings,
        keepAlive: new KeepAlive({ everyMs: 15_000, now: () => 7 }),
        responseHeaders: new ResponseHeaderFilter(),
        answers: this.answers,
        random,
        now: () => 7,
        wallClock: () => 0,
      },
    ).then(
      () => this.#end('relayed'),
      (error) => this.#end(noteFailure(this.record, error).code),
    )
    if (sink === undefined) throw new Error('nothing was sent')
    this.sink = sink
  }

  #end(outcome: string): string {
    if (this.answers.bytes !== 0) throw new Error('something still counts as held')
    finishRecord(this.record, 7, this.client.bytesOut)
    return outcome
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
