// Reads one response head. What is ambiguous about the body's length is refused rather than guessed (RFC 9112 §6.3).

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
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const LENGTH = /^\d{1,15}$/

/** `text` is the head as latin1 without the blank line. Throws ResponseSyntaxError. */
export function parseResponseHead(text: string, method: string): ResponseHead {
  let lineEnd = text.indexOf('\r\n')
  if (lineEnd < 0) lineEnd = text.length
  const start = STATUS_LINE.exec(text.slice(0, lineEnd))
  if (start === null) throw new ResponseSyntaxError('status line')
  const framing = new Framing(start[1] === '1')
  const rawHeaders: string[] = []
  let at = lineEnd + 2
  while (at < text.length) {
    lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) lineEnd = text.length
    const colon = text.indexOf(':', at)
    if (colon < 0 || colon > lineEnd) throw new ResponseSyntaxError('header line without a colon')
    const name = text.slice(at, colon)
    const value = trimmed(text, colon + 1, lineEnd)
    // A name that fails this also covers obsolete line folding and white space before the colon.
    if (!NAME.test(name) || !VALUE.test(value)) throw new ResponseSyntaxError('header line')
    framing.note(name, value)
    rawHeaders.push(name, value)
    at = lineEnd + 2
  }
  return framing.finish(Number(start[2]), rawHeaders, method)
}

/** The part of `text` without white space (SP, HTAB) at both ends. */
function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

/** Collects the headers that decide where the body ends and whether the connection lives on. */
class Framing {
  #length: number | undefined
  #chunked = false
  #keepAlive: boolean

  constructor(persistent: boolean) {
    this.#keepAlive = persistent
  }

  note(name: string, value: string): void {
    // Their lengths tell these three apart from nearly every other header, without lower-casing each name.
    if (name.length === 14 && name.toLowerCase() === 'content-length') this.#noteLength(value)
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') this.#noteEncoding(value)
    else if (name.length === 10 && name.toLowerCase() === 'connection') this.#noteConnection(value)
  }

  finish(status: number, rawHeaders: string[], method: string): ResponseHead {
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
