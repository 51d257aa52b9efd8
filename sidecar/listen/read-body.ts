// Reads a request's body off node:http: bounded while it arrives, its content-encoding undone with the same bound, so that
// a small compressed body cannot become a large one (RFC 9110 §8.4).
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../errors.ts'
import { createDecoder } from '../http/content-encoding.ts'
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

/** Rejects with a Refusal, having taken nothing from the budget. */
export async function readBody(message: IncomingMessage, head: RequestHead, limits: BodyLimits): Promise<ReadBody> {
  if (!hasBody(message)) return { body: EMPTY, budgeted: 0 }
  const received = await collect(message, limits)
  const encoding = header(head, 'content-encoding')
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return received
  try {
    return await decode(received.body, encoding, limits)
  } finally {
    limits.budget.give(received.budgeted)
  }
}

function hasBody(message: IncomingMessage): boolean {
  return message.headers['content-length'] !== undefined || message.headers['transfer-encoding'] !== undefined
}

function collect(message: IncomingMessage, limits: BodyLimits): Promise<ReadBody> {
  const announced = Number(message.headers['content-length'] ?? 0)
  if (announced > limits.bytesMax) return Promise.reject(tooLarge(limits.bytesMax))
  if (!limits.budget.take(announced)) return Promise.reject(new Refusal('overloaded'))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let budgeted = announced
    const refuse = (refusal: Refusal): void => {
      limits.budget.give(budgeted)
      budgeted = 0
      message.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close')
      reject(refusal)
    }
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      const more = Math.max(0, bytes - budgeted)
      if (bytes > limits.bytesMax) return refuse(tooLarge(limits.bytesMax))
      if (!limits.budget.take(more)) return refuse(new Refusal('overloaded'))
      budgeted += more
      chunks.push(chunk)
    })
    message.on('end', () =>
      resolve({ body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), budgeted }),
    )
    message.on('close', () => message.complete || refuse(new Refusal('client_closed')))
  })
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
