// Reads a request's body off node:http: bounded while it arrives, its content-encoding undone with the same bound, so that
// a small compressed body cannot become a large one (RFC 9110 §8.4).
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../errors.ts'
import { createDecoder } from '../http/content-encoding.ts'
import { TURN_BYTES_MAX } from '../http/turn-share.ts'
import { header, type RequestHead } from '../request/head.ts'
import type { BodyBudget } from './body-budget.ts'

const EMPTY = Buffer.alloc(0)

export interface BodyLimits {
  bytesMax: number
  budget: BodyBudget
}

export interface ReadBody {
  body: Buffer
  /** Taken from the budget; the caller gives it back when the request has ended. */
  budgeted: number
}

export interface BodyReading {
  /** Rejects with a Refusal, having taken nothing from the budget. */
  body: Promise<ReadBody>
  /** Gives up on what has not come yet: `body` rejects with this. Does nothing once all has come. */
  cancel(refusal: Refusal): void
}

export function readBody(message: IncomingMessage, head: RequestHead, limits: BodyLimits): BodyReading {
  if (!hasBody(message)) return { body: Promise.resolve({ body: EMPTY, budgeted: 0 }), cancel() {} }
  const received = collect(message, limits)
  return { body: decoded(received.body, head, limits), cancel: received.cancel }
}

function hasBody(message: IncomingMessage): boolean {
  return message.headers['content-length'] !== undefined || message.headers['transfer-encoding'] !== undefined
}

function collect(message: IncomingMessage, limits: BodyLimits): BodyReading {
  const { promise: body, resolve, reject } = Promise.withResolvers<ReadBody>()
  const chunks: Buffer[] = []
  const announced = Number(message.headers['content-length'] ?? 0)
  let bytes = 0
  let budgeted = 0
  let turnBytes = 0
  const cancel = (refusal: Refusal): void => {
    limits.budget.give(budgeted)
    budgeted = 0
    message.off('data', onData).off('end', onEnd).off('close', onClose)
    reject(refusal)
  }
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length
    const more = Math.max(0, bytes - budgeted)
    if (bytes > limits.bytesMax) return cancel(tooLarge(limits.bytesMax))
    if (!limits.budget.take(more)) return cancel(new Refusal('overloaded'))
    budgeted += more
    chunks.push(chunk)
    turnBytes += chunk.length
    if (turnBytes <= TURN_BYTES_MAX) return
    turnBytes = 0
    message.pause()
    setImmediate(resume, message)
  }
  const onEnd = (): void => {
    resolve({ body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), budgeted })
    // They are the caller's now.
    budgeted = 0
  }
  // Also when all of it has come, and the client left before it was read.
  const onClose = (): void => cancel(new Refusal('client_closed'))
  if (announced > limits.bytesMax) cancel(tooLarge(limits.bytesMax))
  // It says nothing of that any more.
  else if (message.destroyed) onClose()
  else if (!limits.budget.take(announced)) cancel(new Refusal('overloaded'))
  else {
    budgeted = announced
    message.on('data', onData).on('end', onEnd).on('close', onClose)
  }
  return { body, cancel }
}

async function decoded(received: Promise<ReadBody>, head: RequestHead, limits: BodyLimits): Promise<ReadBody> {
  const encoded = await received
  const encoding = header(head, 'content-encoding')
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return encoded
  try {
    return await decode(encoded.body, encoding, limits)
  } finally {
    limits.budget.give(encoded.budgeted)
  }
}

function resume(message: IncomingMessage): void {
  message.resume()
}

/** Counts what comes out while it comes, so that many small bodies cannot become more than the budget either. */
async function decode(body: Buffer, encoding: string, { bytesMax, budget }: BodyLimits): Promise<ReadBody> {
  const decoder = createDecoder(encoding)
  if (decoder === undefined)
    throw new Refusal('unsupported_encoding', `Send it as gzip, deflate, br, zstd or unencoded.`)
  const chunks: Buffer[] = []
  let budgeted = 0
  try {
    for await (const chunk of decoder.end(body)) {
      if (budgeted + chunk.length > bytesMax) throw tooLarge(bytesMax)
      if (!budget.take(chunk.length)) throw new Refusal('overloaded')
      budgeted += chunk.length
      chunks.push(chunk)
    }
    return { body: Buffer.concat(chunks), budgeted }
  } catch (error) {
    budget.give(budgeted)
    if (error instanceof Refusal) throw error
    throw new Refusal('invalid_body', 'Its content-encoding cannot be undone.', { cause: error })
  }
}

function tooLarge(bytesMax: number): Refusal {
  return new Refusal('body_too_large', `At most ${bytesMax} bytes are accepted.`)
}
