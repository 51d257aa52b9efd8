// Undoes the content-encoding of answers. We ask for identity, but a provider (or a CDN before it) may compress all the
// same, and an answer that cannot be read cannot be metered or checked for its end. Identity answers, nearly all, pass
// straight through.
import { Refusal } from '../errors.ts'
import { createDecoder, type Decoder } from '../http/content-encoding.ts'
import type { Call, Flow, ResponseSink } from './call.ts'

export class DecodingSink implements ResponseSink, Flow {
  readonly #inner: ResponseSink
  #decoder: Decoder | undefined
  #ended = false
  /** The call is over, and with it its limits, when the decoder has it all; a client may still be slow to take it. */
  #limit: NodeJS.Timeout | undefined
  /** Set once the call exists. */
  call: (Flow & Pick<Call, 'leftMs'>) | undefined

  constructor(inner: ResponseSink) {
    this.#inner = inner
  }

  get isSent(): boolean {
    return this.call?.isSent === true
  }

  // A client that is slow slows the decoder, and that its call: bytes that were read already could grow a thousandfold.
  pause(): void {
    if (this.#decoder === undefined) this.call?.pause()
    else this.#decoder.pause()
  }

  resume(): void {
    if (this.#decoder === undefined) this.call?.resume()
    else this.#decoder.resume()
  }

  abort(): void {
    this.#close()
    this.#decoder?.destroy()
    this.call?.abort()
  }

  onHead(status: number, rawHeaders: string[], bodyBytes: number | undefined): void {
    const at = indexOfEncoding(rawHeaders)
    const decoder = at < 0 || bodyBytes === 0 ? undefined : createDecoder(rawHeaders[at + 1] as string)
    if (decoder === undefined) return this.#inner.onHead(status, rawHeaders, bodyBytes)
    this.#decoder = this.#watch(decoder)
    this.#inner.onHead(status, rawHeaders.toSpliced(at, 2), undefined)
  }

  onBody(chunk: Buffer): void {
    if (this.#decoder === undefined) return this.#inner.onBody(chunk)
    // The chunk is a view and the decoder works later, so it gets a copy.
    if (!this.#decoder.write(Buffer.from(chunk))) this.call?.pause()
  }

  onEnd(): void {
    if (this.#decoder === undefined) this.#inner.onEnd()
    else {
      this.#limit = setTimeout(() => this.onError(new Refusal('client_stalled')), this.call?.leftMs)
      this.#decoder.end()
    }
  }

  onError(refusal: Refusal): void {
    if (this.#ended) return
    this.#close()
    this.#decoder?.destroy()
    this.#inner.onError(refusal)
  }

  #close(): void {
    this.#ended = true
    clearTimeout(this.#limit)
  }

  #watch(decoder: Decoder): Decoder {
    decoder.on('data', (chunk: Buffer) => this.#ended || this.#inner.onBody(chunk))
    decoder.on('drain', () => this.call?.resume())
    decoder.on('end', () => {
      if (this.#ended) return
      this.#close()
      this.#inner.onEnd()
    })
    decoder.on('error', (error: NodeJS.ErrnoException) => {
      this.call?.abort()
      const code = error.code === 'Z_BUF_ERROR' ? 'provider_truncated' : 'provider_invalid_response'
      this.onError(new Refusal(code, 'Its content-encoding cannot be undone.', { cause: error }))
    })
    return decoder
  }
}

function indexOfEncoding(rawHeaders: readonly string[]): number {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 16 && name.toLowerCase() === 'content-encoding') return i
  }
  return -1
}
