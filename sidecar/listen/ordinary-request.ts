// Recognises the ordinary request: what SDKs send, in the one shape that leaves nothing to interpret. Pure.
//
// Everything else (other methods, chunked or encoded bodies, Expect, Upgrade, a head in pieces, any byte that is not plainly
// right) is not judged here but left to node:http, whose parser is strict and which serves it on the same socket. So what
// is accepted must be a subset of what node:http accepts, read in the same way; a differential fuzz test holds that.
import { byteTable, readHeaderLines } from '../http/header-lines.ts'
import type { RequestHead } from '../request/head.ts'

export interface OrdinaryRequest {
  head: RequestHead
  /** Up to and including the blank line. */
  headBytes: number
  bodyBytes: number
}

const LINE = 'POST '
const VERSION = ' HTTP/1.1'
const HEADERS_MAX = 100
const LENGTH = /^\d{1,12}$/

/** No `#`, no bytes that URL parsers treat differently (RFC 3986 §2). */
const TARGET_BYTES = byteTable("/?:@-._~!$&'()*+,;=%0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

/** Undefined unless `bytes` begins with a whole ordinary head of at most `headBytesMax`. */
export function parseOrdinaryRequest(bytes: Buffer, headBytesMax: number): OrdinaryRequest | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0 || end > headBytesMax) return undefined
  const text = bytes.toString('latin1', 0, end + 2)
  const lineEnd = text.indexOf('\r\n')
  const targetEnd = lineEnd - VERSION.length
  if (!text.startsWith(LINE) || !text.startsWith(VERSION, targetEnd) || !isTarget(bytes, LINE.length, targetEnd)) {
    return undefined
  }
  const headers = new OrdinaryHeaders()
  if (!readHeaderLines(bytes, text, lineEnd + 2, end + 2, 126, headers, takeHeader)) return undefined
  if (!headers.ordinary) return undefined
  const head = { method: 'POST', target: text.slice(LINE.length, targetEnd), rawHeaders: headers.raw }
  return { head, headBytes: end + 4, bodyBytes: headers.bodyBytes }
}

function isTarget(bytes: Buffer, from: number, to: number): boolean {
  if (bytes[from] !== 47) return false
  for (let i = from; i < to; i++) if (TARGET_BYTES[bytes[i] as number] === 0) return false
  return true
}

function takeHeader(headers: OrdinaryHeaders, name: string, value: string): boolean {
  return headers.take(name, value)
}

/** Collects the headers and refuses those that would change how the request is read. */
class OrdinaryHeaders {
  readonly raw: string[] = []
  bodyBytes = -1
  #hosts = 0

  get ordinary(): boolean {
    return this.#hosts === 1 && this.bodyBytes >= 0
  }

  /** False when this header makes the request an unusual one. */
  take(name: string, value: string): boolean {
    if (this.raw.length >= 2 * HEADERS_MAX) return false
    this.raw.push(name, value)
    // Their lengths tell them apart from nearly every other header, without lower-casing each name.
    switch (name.length) {
      case 4:
        if (name.toLowerCase() === 'host') this.#hosts++
        return true
      case 6:
        return name.toLowerCase() !== 'expect'
      case 7:
        return name.toLowerCase() !== 'upgrade'
      case 10:
        return name.toLowerCase() !== 'connection' || value.toLowerCase() === 'keep-alive'
      case 14:
        return name.toLowerCase() !== 'content-length' || this.#takeLength(value)
      case 16:
        return name.toLowerCase() !== 'content-encoding'
      case 17:
        return name.toLowerCase() !== 'transfer-encoding'
      default:
        return true
    }
  }

  #takeLength(value: string): boolean {
    if (this.bodyBytes >= 0 || !LENGTH.test(value)) return false
    this.bodyBytes = Number(value)
    return true
  }
}
