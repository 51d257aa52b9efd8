// Reads a stream of Amazon's event frames while it passes.
//
// In: the body's bytes, cut anywhere. Out: the same bytes, whole frames only, each verified by both of its checksums and shown to
// the watch. A chunk of whole frames is returned as it came, uncopied; an unfinished frame is copied and kept. Behind a damaged
// frame nothing is forwarded any more, so that the answer never becomes whole.
//
// An unfinished frame is kept up to 1 MiB. A larger one (an image) is passed on while it comes, and shown to nobody: a client holds
// a frame until it is whole and raises when the stream ends within one, or when its checksum does not fit.
import type { BodyReader } from './body-reader.ts'
import { FRAME_PRELUDE_BYTES, type Frame, frameBytes, readFrame } from './eventstream-frame.ts'
import type { ProviderError } from './provider-error.ts'
import { Unfinished } from './unfinished.ts'
import type { Usage } from './usage.ts'

const HELD_BYTES_MAX = 1024 * 1024

/** What a dialect makes of frames; sees them in order, and lives as long as one stream. */
export interface FrameWatch {
  /** The stream has said that it is over. */
  readonly complete: boolean
  /** The provider's own error, once it came. */
  readonly providerError: ProviderError | undefined
  /** Bytes of text that the model wrote. */
  readonly contentBytes: number
  read(frame: Frame): void
  /** The newest usage, undefined while none was seen. */
  usage(): Usage | undefined
}

export class EventStreamReader implements BodyReader {
  readonly #watch: FrameWatch
  /** An unfinished frame. */
  readonly #held = new Unfinished()
  /** What is still to come of a frame that is passed on in pieces. */
  #passingBytes = 0
  #damaged = false

  constructor(watch: FrameWatch) {
    this.#watch = watch
  }

  push(chunk: Buffer): Buffer | null {
    if (this.#damaged) return null
    const held = this.#held.bytes > 0
    const bytes = held ? this.#held.add(chunk) : chunk
    const end = this.#readFrames(bytes)
    if (held && end === 0) return null
    this.#held.clear()
    if (end < bytes.length && !this.#damaged) this.#held.add(bytes.subarray(end))
    return end === 0 ? null : bytes.subarray(0, end)
  }

  end(): { rest: null; complete: boolean } {
    return { rest: null, complete: this.#watch.complete }
  }

  usage(): Usage | undefined {
    return this.#watch.usage()
  }

  contentBytes(): number {
    return this.#watch.contentBytes
  }

  providerError(): ProviderError | undefined {
    return this.#watch.providerError
  }

  /** Shows every whole frame to the watch; returns the offset behind what may be forwarded. */
  #readFrames(bytes: Buffer): number {
    let at = this.#pass(bytes, 0, this.#passingBytes)
    while (bytes.length - at >= FRAME_PRELUDE_BYTES) {
      const total = frameBytes(bytes, at)
      if (total === undefined) {
        this.#damaged = true
        break
      }
      if (total > HELD_BYTES_MAX) {
        at = this.#pass(bytes, at, total)
        continue
      }
      if (bytes.length - at < total) break
      const frame = readFrame(bytes.subarray(at, at + total))
      if (frame === undefined) {
        this.#damaged = true
        break
      }
      this.#watch.read(frame)
      at += total
    }
    return at
  }

  /** Steps over as much as has come of the next `left` bytes. */
  #pass(bytes: Buffer, at: number, left: number): number {
    const end = Math.min(bytes.length, at + left)
    this.#passingBytes = left - (end - at)
    return end
  }
}
