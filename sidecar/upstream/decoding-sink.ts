// Undoes the content-encoding of answers. We ask for identity, but a provider (or a CDN before it) may compress all the
// same, and an answer that cannot be read cannot be metered or checked for its end. Identity answers, nearly all, pass
// straight through.
import zlib from 'node:zlib'
import { Refusal } from '../errors.ts'
import type { Call, Flow, ResponseSink } from './call.ts'

type Decoder = zlib.Gunzip | zlib.Inflate | zlib.BrotliDecompress | zlib.ZstdDecompress

const DECODERS: ReadonlyMap<string, () => Decoder> = new Map([
  ['gzip', () => zlib.createGunzip()],
  ['x-gzip', () => zlib.createGunzip()],
  ['deflate', () => zlib.createInflate()],
  ['br', () => zlib.createBrotliDecompress()],
  // RFC 9659: a larger window is not valid in HTTP, and would let a few bytes claim 128 MiB.
  ['zstd', () => zlib.createZstdDecompress({ params: { [zlib.constants.ZSTD_d_windowLogMax]: 23 } })],
])

export class DecodingSink implements ResponseSink, Flow {
  readonly #inner: ResponseSink
  #decoder: Decoder | undefined
  #ended = false
  /** Set once the call exists. */
  call: Call | undefined

  constructor(inner: ResponseSink) {
    this.#inner = inner
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
    this.#ended = true
    this.#decoder?.destroy()
    this.call?.abort()
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
