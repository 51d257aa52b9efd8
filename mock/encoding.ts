// Content encodings of a body that is written piece by piece: identity, or gzip flushed after every event, so that a client
// can read each event as it comes.
import { once } from 'node:events'
import { createGzip } from 'node:zlib'

export interface Encoder {
  encode(bytes: Buffer): Promise<Buffer>
  /** What is left when the body is complete. */
  finish(): Promise<Buffer>
  /** Frees the encoder; safe after finish and in the middle of a body. */
  close(): void
}

export function identityEncoder(): Encoder {
  return {
    encode: async (bytes) => bytes,
    finish: async () => Buffer.alloc(0),
    close: () => {},
  }
}

export function gzipEncoder(): Encoder {
  const gzip = createGzip()
  let pieces: Buffer[] = []
  gzip.on('data', (piece: Buffer) => pieces.push(piece))
  const take = (): Buffer => {
    const bytes = Buffer.concat(pieces)
    pieces = []
    return bytes
  }
  return {
    encode: async (bytes) => {
      gzip.write(bytes)
      await new Promise<void>((resolve) => gzip.flush(resolve))
      return take()
    },
    finish: async () => {
      gzip.end()
      await once(gzip, 'end')
      return take()
    },
    close: () => gzip.close(),
  }
}
