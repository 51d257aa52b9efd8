// What a fault is, and which bytes it leaves on the wire: pure, so that a table of faults can be read and checked alone.

export interface Answer {
  readonly status: number
  /** Besides the framing ones, which are added. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  readonly framing: Framing
}

/** `Close`: neither length nor chunks, the connection's end is the body's. */
export type Framing = 'Length' | 'Chunked' | 'Close'

/** How far an answer is sent. `Whole` less its last byte is `LastByte`, whatever framing that byte belongs to. */
export type Until =
  | 'BeforeHead'
  | 'MidHead'
  | 'AfterHead'
  | 'MidBody'
  | 'LastByte'
  | 'Whole'
  | { readonly bodyBytes: number }

/**
 * What the provider does there. `Polite` ends the body as if it were whole: a length that fits, a last chunk, a clean close.
 * `Fin` closes the connection cleanly, `Rst` resets it, `Stall` does nothing any more.
 */
export type End = 'Polite' | 'Fin' | 'Rst' | 'Stall'

/** What becomes of a kept connection once a whole answer was sent. The last two wait for the next request's first byte. */
export type Afterwards = 'Keep' | 'Fin' | 'Rst' | 'FinAtNextRequest' | 'RstAtNextRequest'

/** How one request goes. Everything but the answer has a harmless default. */
export interface Fault {
  readonly answer: Answer
  readonly until?: Until
  readonly end?: End
  /** How long it waits before it sends anything, in milliseconds; 0 unless given. */
  readonly thinksMs?: number
  /** `ByteByByte`: each byte is a write of its own, in a turn of the event loop of its own. */
  readonly pace?: 'AtOnce' | 'ByteByByte'
  readonly afterwards?: Afterwards
  /** Bytes sent instead of an answer; `until` does not matter then. */
  readonly raw?: string
}

/** What happens to a connection before any request is read. `Ignore`: nothing that comes is answered. */
export type Acceptance = 'Serve' | 'Reset' | 'Ignore'

export interface Wire {
  readonly bytes: Buffer
  /** What follows the bytes; undefined when the answer is whole and the connection may serve on. */
  readonly end: 'Fin' | 'Rst' | 'Stall' | undefined
}

/** The bytes that are sent for it, and what follows them. */
export function wireOf(fault: Fault): Wire {
  if (fault.raw !== undefined) return { bytes: Buffer.from(fault.raw, 'latin1'), end: cutBy(fault.end ?? 'Fin') }
  const { until = 'Whole', end = 'Fin' } = fault
  if (until === 'Whole') return ending(whole(fault.answer), fault.answer)
  if (end === 'Polite') return politely(fault.answer, until)
  return { bytes: whole(fault.answer).subarray(0, lengthUntil(fault.answer, until)), end: cutBy(end) }
}

function cutBy(end: End): 'Fin' | 'Rst' | 'Stall' {
  return end === 'Polite' ? 'Fin' : end
}

/** The answer with the beginning of its body for all of it. */
function politely(answer: Answer, until: Until): Wire {
  const body = bodyOf(answer)
  const shorter = { ...answer, body: body.subarray(0, bodyBytesUntil(body, until)) }
  return ending(whole(shorter), shorter)
}

function ending(bytes: Buffer, { framing }: Answer): Wire {
  return { bytes, end: framing === 'Close' ? 'Fin' : undefined }
}

function whole(answer: Answer): Buffer {
  const body = bodyOf(answer)
  const { before, behind } = chunkFrame(answer.framing, body.length)
  return Buffer.concat([Buffer.from(headOf(answer, body.length) + before, 'latin1'), body, Buffer.from(behind)])
}

function lengthUntil(answer: Answer, until: Until): number {
  const body = bodyOf(answer)
  const headBytes = headOf(answer, body.length).length
  if (until === 'BeforeHead') return 0
  if (until === 'MidHead') return Math.floor(headBytes / 2)
  if (until === 'AfterHead') return headBytes
  if (until === 'LastByte') return whole(answer).length - 1
  return headBytes + chunkFrame(answer.framing, body.length).before.length + bodyBytesUntil(body, until)
}

function bodyBytesUntil(body: Buffer, until: Until): number {
  if (typeof until === 'object') return until.bodyBytes
  if (until === 'MidBody') return Math.floor(body.length / 2)
  return until === 'LastByte' ? body.length - 1 : 0
}

function headOf({ status, headers, framing }: Answer, bodyBytes: number): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  if (framing === 'Length') lines.push(`content-length: ${bodyBytes}\r\n`)
  if (framing === 'Chunked') lines.push('transfer-encoding: chunked\r\n')
  if (framing === 'Close') lines.push('connection: close\r\n')
  return `HTTP/1.1 ${status} Scripted\r\n${lines.join('')}\r\n`
}

/** The whole body is one chunk, so that a cut anywhere in it lies within a chunk. */
function chunkFrame(framing: Framing, bodyBytes: number): { before: string; behind: string } {
  if (framing !== 'Chunked') return { before: '', behind: '' }
  if (bodyBytes === 0) return { before: '', behind: '0\r\n\r\n' }
  return { before: `${bodyBytes.toString(16)}\r\n`, behind: '\r\n0\r\n\r\n' }
}

function bodyOf({ body }: Answer): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : body
}
