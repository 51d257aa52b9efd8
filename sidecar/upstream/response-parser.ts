// Reads HTTP/1.1 responses off one connection (RFC 9112), as strictly as llhttp: what two parsers could read differently
// is an error, and the connection is dropped. Bytes go in as they come, spans of the body come out without a copy; the
// parser owns no socket and no timer, so tests feed it bytes split anywhere.
//
// It skips 1xx answers and trailers, and never buffers a body. Rejected: node:http's client and undici, which cost 2 and
// 1.4 times the CPU per request of a client of this shape.
import { checkTrailer, parseResponseHead, ResponseSyntaxError } from './response-head.ts'

export interface ResponseHandler {
  /** The final head. `bodyBytes` is undefined when the length is not known in advance. */
  onHead(status: number, rawHeaders: string[], bodyBytes: number | undefined): void
  /** A span of the body: a view that is only valid until this call returns. */
  onBody(chunk: Buffer): void
  /** The last byte was read. `reusable` says whether the connection may carry another request. */
  onComplete(reusable: boolean): void
}

const HEAD_BYTES_MAX = 64 * 1024
const TRAILER_BYTES_MAX = 16 * 1024
const CHUNK_EXTENSION_BYTES_MAX = 4096
/** 2^52 bytes: sizes stay exact integers. */
const CHUNK_SIZE_DIGITS_MAX = 13
/** RFC 9112 §7.1.1, without the white space that it tolerates and llhttp does not. */
const CHUNK_EXTENSIONS = /^(?:;[!#$%&'*+\-.^_`|~\w]+(?:=(?:[!#$%&'*+\-.^_`|~\w]+|"(?:[\t !#-[\]-~]|\\[\t -~])*"))?)*$/
const HEAD_BEGINS = 'HTTP/1.'

const CR = 13
const LF = 10
const SEMICOLON = 59

type State =
  | 'idle'
  | 'head'
  | 'length'
  | 'untilClose'
  | 'chunkSize'
  | 'chunkExtension'
  | 'chunkSizeLf'
  | 'chunkData'
  | 'chunkDataCr'
  | 'chunkDataLf'
  | 'trailer'

export class ResponseParser {
  readonly #handler: ResponseHandler
  #state: State = 'idle'
  #method = 'GET'
  /** The part of a head or trailer that has come so far; null in the usual case that it comes in one read. */
  #held: Buffer | null = null
  /** Bytes left of the body or of the chunk. */
  #left = 0
  #digits = 0
  #extensions = ''
  #reusable = true
  #begun = false

  constructor(handler: ResponseHandler) {
    this.#handler = handler
  }

  /** Expects the answer to a request of this method next. */
  begin(method: string): void {
    this.#state = 'head'
    this.#method = method
    this.#held = null
    this.#reusable = true
    this.#begun = false
  }

  /** True once a byte of the awaited answer has come: from then on a request cannot be tried again silently. */
  get begun(): boolean {
    return this.#begun
  }

  /** Takes what one read brought. Throws ResponseSyntaxError. */
  push(bytes: Buffer): void {
    this.#begun = true
    let at = 0
    while (at < bytes.length) {
      if (this.#state === 'idle') throw new ResponseSyntaxError('bytes after the end of the response')
      at = this.#step(bytes, at)
    }
  }

  /** The peer closed its side. Returns whether the response is whole; calls onComplete if only the close could say so. */
  close(): 'complete' | 'truncated' {
    if (this.#state === 'idle') return 'complete'
    if (this.#state !== 'untilClose') return 'truncated'
    this.#reusable = false
    this.#complete()
    return 'complete'
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at)
      case 'length':
        return this.#readLength(bytes, at)
      case 'untilClose':
        this.#handler.onBody(at === 0 ? bytes : bytes.subarray(at))
        return bytes.length
      case 'chunkData':
        return this.#readChunkData(bytes, at)
      case 'trailer':
        return this.#readTrailer(bytes, at)
      default:
        return this.#readChunkFrame(bytes, at)
    }
  }

  #readHead(bytes: Buffer, at: number): number {
    const held = this.#held
    const all = held === null ? bytes : Buffer.concat([held, bytes.subarray(at)])
    const start = held === null ? at : 0
    const end = all.indexOf('\r\n\r\n', held === null ? start : Math.max(0, held.length - 3))
    if ((end < 0 ? all.length : end) - start > HEAD_BYTES_MAX) throw new ResponseSyntaxError('head larger than 64 KiB')
    if (end < 0) {
      if (!mayBeHead(all, start, held === null ? start : held.length)) throw new ResponseSyntaxError('not a head')
      this.#held = Buffer.from(all.subarray(start))
      return bytes.length
    }
    this.#held = null
    this.#takeHead(all, start, end)
    return end + 4 - (held === null ? 0 : held.length - at)
  }

  #takeHead(bytes: Buffer, start: number, end: number): void {
    const head = parseResponseHead(bytes, start, end, this.#method)
    if (head.status < 200) return
    this.#reusable = head.keepAlive && head.framing !== 'untilClose'
    this.#left = head.bodyBytes ?? 0
    this.#handler.onHead(head.status, head.rawHeaders, head.bodyBytes)
    if (head.framing === 'chunked') this.#beginChunk()
    else if (head.framing === 'untilClose') this.#state = 'untilClose'
    else if (this.#left > 0) this.#state = 'length'
    else this.#complete()
  }

  #readLength(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left)
    this.#left -= end - at
    this.#handler.onBody(bytes.subarray(at, end))
    if (this.#left === 0) this.#complete()
    return end
  }

  #beginChunk(): void {
    this.#state = 'chunkSize'
    this.#left = 0
    this.#digits = 0
    this.#extensions = ''
  }

  #readChunkData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left)
    this.#left -= end - at
    if (this.#left === 0) this.#state = 'chunkDataCr'
    this.#handler.onBody(bytes.subarray(at, end))
    return end
  }

  /** One byte of what stands around a chunk's data. */
  #readChunkFrame(bytes: Buffer, at: number): number {
    const byte = bytes[at] as number
    switch (this.#state) {
      case 'chunkSize':
        this.#readSizeByte(byte)
        break
      case 'chunkExtension':
        this.#readExtensionByte(byte)
        break
      case 'chunkSizeLf':
        if (byte !== LF) throw new ResponseSyntaxError('chunk size line')
        this.#state = this.#left === 0 ? 'trailer' : 'chunkData'
        break
      case 'chunkDataCr':
        if (byte !== CR) throw new ResponseSyntaxError('chunk longer than its size')
        this.#state = 'chunkDataLf'
        break
      default:
        if (byte !== LF) throw new ResponseSyntaxError('chunk longer than its size')
        this.#beginChunk()
    }
    return at + 1
  }

  #readSizeByte(byte: number): void {
    if (byte === CR || byte === SEMICOLON) {
      if (this.#digits === 0) throw new ResponseSyntaxError('chunk without a size')
      this.#state = 'chunkExtension'
      return this.#readExtensionByte(byte)
    }
    const digit = hexDigit(byte)
    if (digit < 0 || ++this.#digits > CHUNK_SIZE_DIGITS_MAX) throw new ResponseSyntaxError('chunk size')
    this.#left = this.#left * 16 + digit
  }

  #readExtensionByte(byte: number): void {
    if (byte !== CR) this.#extensions += String.fromCharCode(byte)
    else if (CHUNK_EXTENSIONS.test(this.#extensions)) this.#state = 'chunkSizeLf'
    else throw new ResponseSyntaxError('chunk extension')
    if (this.#extensions.length > CHUNK_EXTENSION_BYTES_MAX) throw new ResponseSyntaxError('chunk extension')
  }

  /** Trailers are read to their end and dropped (RFC 9110 §6.5.1 allows it). */
  #readTrailer(bytes: Buffer, at: number): number {
    const held = this.#held
    const all = held === null ? bytes.subarray(at) : Buffer.concat([held, bytes.subarray(at)])
    const end = trailerEnd(all)
    if ((end < 0 ? all.length : end) > TRAILER_BYTES_MAX) throw new ResponseSyntaxError('trailer larger than 16 KiB')
    if (end < 0) {
      this.#held = Buffer.from(all)
      return bytes.length
    }
    this.#held = null
    if (end > 2) checkTrailer(all, end)
    this.#complete()
    return at + end - (held === null ? 0 : held.length)
  }

  #complete(): void {
    this.#state = 'idle'
    this.#handler.onComplete(this.#reusable)
  }
}

/**
 * Whether a head whose end has not come may still be one: with lone line feeds, or from a server that speaks another
 * protocol, that end would only be waited for. Bytes before `unseen` were looked at before.
 */
function mayBeHead(bytes: Buffer, start: number, unseen: number): boolean {
  const begins = bytes.toString('latin1', start, Math.min(bytes.length, start + HEAD_BEGINS.length))
  if (!HEAD_BEGINS.startsWith(begins)) return false
  for (let at = bytes.indexOf(LF, unseen); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return false
  }
  return true
}

/** Offset behind the blank line that ends a trailer section, or -1. */
function trailerEnd(bytes: Buffer): number {
  if (bytes.length >= 2 && bytes[0] === CR && bytes[1] === LF) return 2
  const end = bytes.indexOf('\r\n\r\n')
  return end < 0 ? -1 : end + 4
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}
