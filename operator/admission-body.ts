// Reads the bodies of admission requests. Whoever reaches the port may send one, so what is held at a time is bounded, for one
// body and for all together. In: a request. Out: its text, or a status and what is wrong with it.
import type { IncomingMessage } from 'node:http'

export interface BodyLimits {
  /** Of one body. */
  bytesMax: number
  /** Of all bodies that are being read. */
  totalBytesMax: number
}

export type Body = { text: string } | { status: 400 | 413 | 415 | 503; problem: string }

export type BodyReader = (request: IncomingMessage) => Promise<Body>

/** An API server takes 3 MiB in one request, and no pod that it could store comes near; most have some 10 KiB. */
export const BODY_LIMITS: BodyLimits = { bytesMax: 3 * 1024 * 1024, totalBytesMax: 48 * 1024 * 1024 }

export function createBodyReader({ bytesMax, totalBytesMax }: BodyLimits): BodyReader {
  let reserved = 0
  return async (request) => {
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      return { status: 415, problem: 'expected content-type application/json' }
    }
    // What it says that it has; without a word, the most that it may have.
    const size = Number(request.headers['content-length'] ?? bytesMax)
    if (size > bytesMax) return tooLarge(bytesMax)
    if (reserved + size > totalBytesMax) return { status: 503, problem: 'too many requests at a time, try again' }
    reserved += size
    try {
      return await read(request, bytesMax)
    } finally {
      reserved -= size
    }
  }
}

async function read(request: IncomingMessage, bytesMax: number): Promise<Body> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      // The rest is read and dropped: a client that is still sending would not get to see the answer.
      if (size <= bytesMax) chunks.push(chunk)
      else chunks.length = 0
    }
  } catch {
    return { status: 400, problem: 'the body ended early' }
  }
  if (size > bytesMax) return tooLarge(bytesMax)
  return { text: Buffer.concat(chunks).toString('utf8') }
}

function tooLarge(bytesMax: number): Body {
  return { status: 413, problem: `expected at most ${bytesMax} bytes` }
}
