// Undoes the content-encoding of answers. We ask for identity, but a provider (or a CDN before it) may compress all the
// same, and an answer that cannot be read cannot be metered or checked for its end. Identity answers, nearly all, pass
// straight through.
import zlib from 'node:zlib'
import { Refusal } from '../errors.ts'
import type { Call, ResponseSink } from './call.ts'

type Decoder = zlib.Gunzip | zlib.Inflate | zlib.BrotliDecompress | zlib.ZstdDecompress

const DECODERS: ReadonlyMap<string, () => Decoder> = new Map([
  ['gzip', () => zlib.createGunzip()],
  ['x-gzip', () => zlib.createGunzip()],
  ['deflate', () => zlib.createInflate()],
  ['br', () => zlib.createBrotliDecompress()],
  ['zstd', () => zlib.createZstdDecompress()],
])

export class DecodingSink implements ResponseSink {
  readonly #inner: ResponseSink
  #decoder: Decoder | undefined
  #ended = false
  /** Set once the call exists, so that a slow decoder can slow its reads down. */
  call: Call | undefined

  constructor(inner: ResponseSink) {
    this.#inner = inner
  }

  onHead(status: number, rawHeaders: string[], bodyBytes: number | undefined): void {
    const at = indexOfEncoding(rawHeaders)
    const create = at < 0 || bodyBytes === 0 ? undefined : DECODERS.get((rawHeaders[at + 1] as string).toLowerCase())
    if (create === undefined) return this.#inner.onHead(status, rawHeaders, bodyBytes)
    this.#decoder = this.#watch(create())
    this.#inner.onHead(status, rawHeaders.toSpliced(at, 2), undefined)
  }

  onBody(chunk: Buffer): void {
    if (this.#decoder === undefined) return this.#inner.onBody(chunk)
    // The chunk is a view and the decoder works later, so it gets a copy.
    if (!this.#decoder.write(Buffer.from(chunk))) this.call?.pause()
  }

  onEnd(): void {
    if (this.#decoder === undefined) this.#inner.onEnd()
    else this.#decoder.end()
  }

  onError(refusal: Refusal): void {
    if (this.#ended) return
    this.#ended = true
    this.#decoder?.destroy()
    this.#inner.onError(refusal)
  }

  #watch(decoder: Decoder): Decoder {
    decoder.on('data', (chunk: Buffer) => this.#ended || this.#inner.onBody(chunk))
    decoder.on('drain', () => this.call?.resume())
    decoder.on('end', () => {
      if (this.#ended) return
      this.#ended = true
      this.#inner.onEnd()
    })
    decoder.on('error', (error) => {
      this.call?.abort()
      this.onError(new Refusal('provider_invalid_response', 'Its content-encoding cannot be undone.', { cause: error }))
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
