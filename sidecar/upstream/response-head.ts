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
  const framing = new Framing(status[1] === '1')
  if (!readHeaderLines(head, text, lineEnd + 2, text.length, 255, framing, takeHeader)) {
    throw new ResponseSyntaxError('header line')
  }
  return framing.finish(Number(status[2]), method)
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
  #keepAlive: boolean

  constructor(persistent: boolean) {
    this.#keepAlive = persistent
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
    if (this.#chunked && this.#length !== undefined) throw new ResponseSyntaxError('both length and transfer-encoding')
    if (status === 101) throw new ResponseSyntaxError('101 without an upgrade')
    const bodiless = status < 200 || status === 204 || status === 304 || method === 'HEAD'
    const keepAlive = this.#keepAlive
    if (bodiless) return { status, rawHeaders, framing: 'length', bodyBytes: 0, keepAlive }
    if (this.#chunked) return { status, rawHeaders, framing: 'chunked', bodyBytes: undefined, keepAlive }
    const framing = this.#length === undefined ? 'untilClose' : 'length'
    return { status, rawHeaders, framing, bodyBytes: this.#length, keepAlive }
  }

  #noteLength(value: string): void {
    if (!LENGTH.test(value)) throw new ResponseSyntaxError('content-length')
    if (this.#length !== undefined && this.#length !== Number(value))
      throw new ResponseSyntaxError('two content-lengths')
    this.#length = Number(value)
  }

  #noteEncoding(value: string): void {
    if (this.#chunked || value.toLowerCase() !== 'chunked') throw new ResponseSyntaxError('transfer-encoding')
    this.#chunked = true
  }

  #noteConnection(value: string): void {
    const options = value.toLowerCase()
    if (options.includes('close')) this.#keepAlive = false
    else if (options.includes('keep-alive')) this.#keepAlive = true
  }
}
