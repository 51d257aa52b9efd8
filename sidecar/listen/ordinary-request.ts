// Recognises the ordinary request: what SDKs send, in the one shape that leaves nothing to interpret. Pure.
//
// Everything else (other methods, chunked or encoded bodies, Expect, Upgrade, a head in pieces, any byte that is not plainly
// right) is not judged here but left to node:http, whose parser is strict and which serves it on the same socket. So what
// is accepted must be a subset of what node:http accepts, read in the same way; a differential fuzz test holds that.
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

const CR = 13
const LF = 10
const COLON = 58
const TAB = 9
const SPACE = 32

const NAME_BYTES = table("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
/** No `#`, no bytes that URL parsers treat differently (RFC 3986 §2). */
const TARGET_BYTES = table("/?:@-._~!$&'()*+,;=%0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

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
  let at = lineEnd + 2
  while (at < text.length) {
    const next = readHeader(bytes, text, at, headers)
    if (next < 0) return undefined
    at = next
  }
  if (!headers.ordinary) return undefined
  const head = { method: 'POST', target: text.slice(LINE.length, targetEnd), rawHeaders: headers.raw }
  return { head, headBytes: end + 4, bodyBytes: headers.bodyBytes }
}

function isTarget(bytes: Buffer, from: number, to: number): boolean {
  if (bytes[from] !== 47) return false
  for (let i = from; i < to; i++) if (TARGET_BYTES[bytes[i] as number] === 0) return false
  return true
}

/** Reads the line at `at`; returns where the next one begins, or -1 when it is not ordinary. */
function readHeader(bytes: Buffer, text: string, at: number, headers: OrdinaryHeaders): number {
  let colon = at
  while (NAME_BYTES[bytes[colon] as number] === 1) colon++
  if (colon === at || bytes[colon] !== COLON) return -1
  let start = colon + 1
  while (isBlank(bytes[start])) start++
  let end = start
  for (let byte = bytes[end] as number; byte !== CR; byte = bytes[++end] as number) {
    if ((byte < SPACE && byte !== TAB) || byte > 126) return -1
  }
  if (bytes[end + 1] !== LF) return -1
  const next = end + 2
  while (end > start && isBlank(bytes[end - 1])) end--
  return headers.add(text.slice(at, colon), text.slice(start, end)) ? next : -1
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB
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
  add(name: string, value: string): boolean {
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

function table(characters: string): Uint8Array {
  const bytes = new Uint8Array(256)
  for (const character of characters) bytes[character.charCodeAt(0)] = 1
  return bytes
}
