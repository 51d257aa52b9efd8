// A file descriptor that is written to in order and never waited for. Node's own process.stdout writes to a pipe
// synchronously: a container runtime that stops reading would stop every request. Here the thread pool waits instead.
import { write } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Output {
  /**
   * Writes whole texts one after the other; `done` comes when one is written, or cannot be because the reader is gone.
   * Bytes must not be touched until then.
   * Whoever does not wait for it is cut off at `waitingBytesMax`, where texts are dropped.
   */
  write(text: string | Buffer, done?: () => void): void
  /** Resolves when nothing waits any more. */
  drained(): Promise<void>
}

interface Piece {
  bytes: Buffer
  done: (() => void) | undefined
}

/** When the descriptor is non-blocking and full. */
const FULL_RETRY_MS = 10

export function createOutput(fd: number, waitingBytesMax = 4 * 1024 * 1024): Output {
  const waiting: Piece[] = []
  let waitingBytes = 0
  let pumping: Promise<void> | undefined

  function append(text: string | Buffer, done?: () => void): void {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text
    if (waitingBytes + bytes.length > waitingBytesMax) {
      done?.()
      return
    }
    waitingBytes += bytes.length
    waiting.push({ bytes, done })
    pumping ??= pump()
  }

  async function pump(): Promise<void> {
    for (let piece = waiting[0]; piece !== undefined; piece = waiting[0]) {
      await writeAll(fd, piece.bytes)
      waiting.shift()
      waitingBytes -= piece.bytes.length
      piece.done?.()
    }
    pumping = undefined
  }

  return { write: append, drained: async () => pumping }
}

/** Gives up when the reader is gone: there is nobody left to tell. */
async function writeAll(fd: number, bytes: Buffer): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const written = await writeSome(fd, bytes, offset)
    if (typeof written === 'number') offset += written
    else if (written === 'EAGAIN') await sleep(FULL_RETRY_MS)
    else return
  }
}

/** Bytes written, or the error's code. */
function writeSome(fd: number, bytes: Buffer, offset: number): Promise<number | string> {
  const { promise, resolve } = Promise.withResolvers<number | string>()
  write(fd, bytes, offset, bytes.length - offset, null, (error, written) => resolve(error?.code ?? written))
  return promise
}
