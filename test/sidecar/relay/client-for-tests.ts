// The client's side of a relay: an exchange that remembers what was done to it, and what a client would make of that.
import type { Exchange, ExchangeObserver } from '../../../sidecar/listen/exchange.ts'
import { ResponseHeaderFilter } from '../../../sidecar/providers/response-headers.ts'
import { Relay } from '../../../sidecar/relay.ts'
import { Scrubber } from '../../../sidecar/stream/scrub.ts'
import { createRecord, type RequestRecord } from '../../../sidecar/telemetry/request-record.ts'
import type { Flow } from '../../../sidecar/upstream/call.ts'
import { DecodingSink } from '../../../sidecar/upstream/decoding-sink.ts'
import { decodedRequest } from '../../support/decoded-request.ts'

export const KEY = 'sk-proj-0123456789abcdef'
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

export class Relayed {
  readonly client = new Client()
  readonly upstream = new Upstream()
  readonly record: RequestRecord = createRecord('request-1', 'POST', 0)
  /** Where the provider's answer goes. */
  readonly sink: DecodingSink
  /** `relayed`, or the code of the refusal that it rejected with. */
  readonly outcome: Promise<string>

  constructor({ dialect = 'OpenAI', operation = 'Chat', stream = false, key = KEY }: Ask = {}) {
    this.record.attempts = 1
    this.record.provider = 'shop/openai'
    const relay = new Relay({
      exchange: this.client,
      request: decodedRequest({ dialect, operation, stream }),
      record: this.record,
      scrubber: new Scrubber(key),
      responseHeaders: new ResponseHeaderFilter(),
      usageStripping: 'Keep',
      now: () => 7,
    })
    this.sink = new DecodingSink(relay)
    this.sink.call = this.upstream
    this.outcome = relay.follow(this.sink).then(
      () => 'relayed',
      (error: { code: string }) => error.code,
    )
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
