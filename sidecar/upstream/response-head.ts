// Reads one response head. What is ambiguous about the body's length is refused rather than guessed (RFC 9112 §6.3).

import { readHeaderLines } from '../http/header-lines.ts'

/** Thrown for bytes that are no valid response; the message is for the log and repeats none of them. */
export class ResponseSyntaxError extends Error {}

export interface ResponseHead {
  status: number
  /** Name, value, … as sent, framing headers included. */
  rawHeaders: string[]
  framing: 'length' | 'chunked' | 'untilClose'
  /** Undefined when chunked or until close; 0 for answers that have no body. */
  bodyBytes: number | undefined
  keepAlive: boolean
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
const LENGTH = /^\d{1,15}$/

/** Reads the head that lies in `bytes` from `start` to `end`, where its blank line begins. Throws ResponseSyntaxError. */
export function parseResponseHead(bytes: Buffer, start: number, end: number, method: string): ResponseHead {
  const head = start === 0 ? bytes : bytes.subarray(start)
  const text = head.toString('latin1', 0, end - start + 2)
  const lineEnd = text.indexOf('\r\n')
  const status = STATUS_LINE.exec(text.slice(0, lineEnd))
  if (status === null) throw new ResponseSyntaxError('status line')
  const framing = new Framing(status[1] === '1' ? 'HTTP/1.1' : 'HTTP/1.0')
  if (!readHeaderLines(head, text, lineEnd + 2, text.length, 255, framing, takeHeader)) {
    throw new ResponseSyntaxError('header line')
  }
  return framing.finish(Number(status[2]), method)
}

/**
 * Trailers are dropped, but a section that is not valid shows that the framing was misread. `bytes` is the section with
 * its blank line, from offset 0 to `end`. Throws ResponseSyntaxError.
 */
export function checkTrailer(bytes: Buffer, end: number): void {
  const framing = new Framing('HTTP/1.1')
  framing.take('transfer-encoding', 'chunked')
  const text = bytes.toString('latin1', 0, end - 2)
  if (!readHeaderLines(bytes, text, 0, text.length, 255, framing, takeHeader)) throw new ResponseSyntaxError('trailer')
}

function takeHeader(framing: Framing, name: string, value: string): boolean {
  framing.take(name, value)
  return true
}

/** Collects the headers that decide where the body ends and whether the connection lives on. */
class Framing {
  readonly #rawHeaders: string[] = []
  #length: number | undefined
  #chunked = false
  readonly #version: 'HTTP/1.0' | 'HTTP/1.1'
  #connection: 'default' | 'close' | 'keep-alive' = 'default'

  constructor(version: 'HTTP/1.0' | 'HTTP/1.1') {
    this.#version = version
  }

  take(name: string, value: string): void {
    this.#rawHeaders.push(name, value)
    // Their lengths tell these three apart from nearly every other header, without lower-casing each name.
    if (name.length === 14 && name.toLowerCase() === 'content-length') this.#noteLength(value)
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') this.#noteEncoding(value)
    else if (name.length === 10 && name.toLowerCase() === 'connection') this.#noteConnection(value)
  }

  finish(status: number, method: string): ResponseHead {
    const rawHeaders = this.#rawHeaders
    if (status === 101) throw new ResponseSyntaxError('101 without an upgrade')
    const bodiless = status < 200 || status === 204 || status === 304 || method === 'HEAD'
    const keepAlive = this.#keepAlive()
    if (bodiless) return { status, rawHeaders, framing: 'length', bodyBytes: 0, keepAlive }
    if (this.#chunked) return { status, rawHeaders, framing: 'chunked', bodyBytes: undefined, keepAlive }
    const framing = this.#length === undefined ? 'untilClose' : 'length'
    return { status, rawHeaders, framing, bodyBytes: this.#length, keepAlive }
  }

  #noteLength(value: string): void {
    if (this.#chunked || this.#length !== undefined) throw new ResponseSyntaxError('a second length')
    if (!LENGTH.test(value)) throw new ResponseSyntaxError('content-length')
    this.#length = Number(value)
  }

  #noteEncoding(value: string): void {
    if (this.#chunked || this.#length !== undefined) throw new ResponseSyntaxError('a second length')
    if (value.toLowerCase() !== 'chunked') throw new ResponseSyntaxError('transfer-encoding')
    this.#chunked = true
  }

  #noteConnection(value: string): void {
    const options = value.toLowerCase()
    if (options.includes('close')) this.#connection = 'close'
    else if (this.#connection === 'default' && options.includes('keep-alive')) this.#connection = 'keep-alive'
  }

  #keepAlive(): boolean {
    if (this.#version === 'HTTP/1.1') return this.#connection !== 'close'
    // RFC 9112 §6.1: HTTP/1.0 has no chunks, so an answer in them may have been framed by somebody else.
    return this.#connection === 'keep-alive' && !this.#chunked
  }
}
