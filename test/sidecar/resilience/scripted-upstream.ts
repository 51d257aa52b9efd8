// An upstream without sockets that plays scripts, and a client that notices when the reply it gets is not one.
import { Refusal } from '../../../sidecar/errors.ts'
import type { Exchange, ExchangeObserver } from '../../../sidecar/listen/exchange.ts'
import type { RequestHead } from '../../../sidecar/request/head.ts'
import type { Flow, ResponseSink } from '../../../sidecar/upstream/call.ts'

/** What a provider does to one request, a turn of the event loop or less after another. */
export type Step =
  | { readonly kind: 'Head'; readonly status: number; readonly headers: readonly string[]; readonly bodyBytes?: number }
  | { readonly kind: 'Body'; readonly bytes: Buffer }
  | { readonly kind: 'End' }
  | { readonly kind: 'Error'; readonly code: Refusal['code'] }
  | { readonly kind: 'Pause' }

/** How a call was over: by its script, or because it was aborted. */
export type CallEnd = 'Open' | 'Played' | 'Aborted'

export class ScriptedCall implements Flow {
  readonly isSent = true
  end: CallEnd = 'Open'
  readonly leftMs = 60_000
  readonly #steps: readonly Step[]
  readonly #sink: ResponseSink
  #at = 0
  #paused = false

  constructor(steps: readonly Step[], sink: ResponseSink) {
    this.#steps = steps
    this.#sink = sink
    setImmediate(() => this.#play())
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    setImmediate(() => this.#play())
  }

  abort(): void {
    if (this.end === 'Open') this.end = 'Aborted'
  }

  #play(): void {
    while (this.end === 'Open' && !this.#paused) {
      const step = this.#steps[this.#at++]
      if (step === undefined) return
      if (step.kind === 'Pause') return void setImmediate(() => this.#play())
      this.#do(step)
    }
  }

  #do(step: Step): void {
    switch (step.kind) {
      case 'Head':
        return this.#sink.onHead(step.status, [...step.headers], step.bodyBytes)
      case 'Body': {
        // As a shared read buffer: what is kept must have been copied.
        const shared = Buffer.from(step.bytes)
        this.#sink.onBody(shared)
        shared.fill(0)
        return
      }
      case 'End':
        this.end = 'Played'
        return this.#sink.onEnd()
      case 'Error':
        this.end = 'Played'
        return this.#sink.onError(new Refusal(step.code))
      case 'Pause':
    }
  }
}

export class ScriptedClient implements Exchange {
  readonly head: RequestHead
  readonly requestId = 'request-1'
  begun = false
  bytesOut = 0
  status = 0
  headers: readonly string[] = []
  /** What was done to it that must not be. */
  readonly violations: string[] = []
  ending: 'Open' | 'Whole' | 'Broken' | 'Left' = 'Open'
  readonly #pieces: Buffer[] = []
  readonly #request: Buffer
  readonly #keepsUp: () => boolean
  #announced: number | undefined
  #observer: ExchangeObserver | undefined

  /** `keepsUp` is asked behind each write; when it does not, it takes more a turn later. */
  constructor(head: RequestHead, request: Buffer, keepsUp: () => boolean) {
    this.head = head
    this.#request = request
    this.#keepsUp = keepsUp
  }

  set observer(observer: ExchangeObserver) {
    this.#observer = observer
    if (this.ending === 'Left') observer.onGone()
  }

  get body(): string {
    return Buffer.concat(this.#pieces).toString()
  }

  leave(): void {
    if (this.ending !== 'Open') return
    this.ending = 'Left'
    this.#observer?.onGone()
  }

  async readBody(): Promise<Buffer> {
    return this.#request
  }

  begin(status: number, headers: readonly string[], bodyBytes: number | undefined): void {
    if (this.begun) this.violations.push('a second reply was begun')
    Object.assign(this, { begun: true, status, headers })
    this.#announced = bodyBytes
  }

  write(chunk: Buffer): boolean {
    if (!this.begun || (this.ending !== 'Open' && this.ending !== 'Left')) this.violations.push('written out of turn')
    this.#take(chunk)
    if (this.#keepsUp()) return true
    setImmediate(() => this.ending === 'Open' && this.#observer?.onDrain())
    return false
  }

  end(): void {
    if (!this.begun || this.ending === 'Whole' || this.ending === 'Broken') this.violations.push('ended out of turn')
    if (this.#announced !== undefined && this.#announced !== this.bytesOut) this.violations.push('ended too early')
    this.#endAs('Whole')
  }

  reply(status: number, headers: readonly string[], body: Buffer): void {
    if (this.begun) this.violations.push('a second reply was sent')
    Object.assign(this, { begun: true, status, headers })
    this.#take(body)
    this.#endAs('Whole')
  }

  break(): void {
    if (this.ending === 'Whole') this.violations.push('broken behind its end')
    this.#endAs('Broken')
  }

  #take(bytes: Buffer): void {
    this.bytesOut += bytes.length
    this.#pieces.push(Buffer.from(bytes))
  }

  #endAs(ending: 'Whole' | 'Broken'): void {
    if (this.ending === 'Open') this.ending = ending
  }
}
