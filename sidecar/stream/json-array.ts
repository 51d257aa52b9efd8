// Reads Gemini's streamed answer in its other form: one JSON array, an element per event, sent while it grows.
//
// Elements are forwarded whole, with the comma and white space before them, and shown to the same watch as events. An
// error body in the array's place is one element. The answer is whole when the array is closed and the watch agrees.
// A larger element than 1 MiB (an image as base64) is passed on in pieces; the watch then sees its last 16 KiB.
import type { BodyReader } from './body-reader.ts'
import { contentBytes } from './content-bytes.ts'
import type { EventWatch } from './event-watch.ts'
import type { ProviderError } from './provider-error.ts'
import type { Usage } from './usage.ts'

const HELD_BYTES_MAX = 1024 * 1024
const OVERSIZED_TAIL_BYTES = 16 * 1024

export class JsonArrayReader implements BodyReader {
  readonly #watch: EventWatch
  /** Copies of what came since the last whole element. */
  #held: Buffer[] = []
  #heldBytes = 0
  #contentBytes = 0
  /** The end of what was passed on of an oversized element that is still coming. */
  #oversizedTail: Buffer | undefined
  #depth = 0
  #isArray = false
  #closed = false
  #inString = false
  #escaped = false

  constructor(watch: EventWatch) {
    this.#watch = watch
  }

  push(chunk: Buffer): Buffer | null {
    const released: Buffer[] = []
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      if (!this.#endsElement(chunk[at] as number)) continue
      released.push(this.#releaseElement(chunk.subarray(from, at + 1)))
      from = at + 1
    }
    if (from < chunk.length) {
      this.#held.push(Buffer.from(chunk.subarray(from)))
      this.#heldBytes += chunk.length - from
    }
    if (this.#heldBytes > HELD_BYTES_MAX) released.push(this.#passOn())
    if (released.length <= 1) return released[0] ?? null
    return Buffer.concat(released)
  }

  end(): { rest: Buffer | null; complete: boolean } {
    const rest = this.#closed && this.#heldBytes > 0 ? this.#takeHeld() : null
    return { rest, complete: this.#closed && this.#watch.complete }
  }

  usage(): Usage | undefined {
    return this.#watch.usage()
  }

  contentBytes(): number | undefined {
    return this.#watch.content === 'Unmetered' ? undefined : this.#contentBytes
  }

  providerError(): ProviderError | undefined {
    return this.#watch.providerError
  }

  #releaseElement(last: Buffer): Buffer {
    const bytes = this.#heldBytes === 0 ? last : Buffer.concat([this.#takeHeld(), last])
    if (this.#oversizedTail === undefined) {
      // The comma or bracket before it is not the element's.
      const data = bytes.toString('latin1').replace(/^[\s,[]+/, '')
      this.#contentBytes += contentBytes(data, this.#watch.content)
      this.#watch.read({ name: '', data })
    } else {
      this.#watch.readOversized?.({ name: '', data: '' }, Buffer.concat([this.#oversizedTail, bytes]))
      this.#oversizedTail = undefined
    }
    return bytes
  }

  #passOn(): Buffer {
    const bytes = this.#takeHeld()
    this.#oversizedTail = Buffer.from(bytes.subarray(-OVERSIZED_TAIL_BYTES))
    return bytes
  }

  #takeHeld(): Buffer {
    const taken = Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    return taken
  }

  /** Steps over one byte; true when it closes an element of the array, or the whole document. */
  #endsElement(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false
      else if (byte === 0x5c /* \ */) this.#escaped = true
      else if (byte === 0x22 /* " */) this.#inString = false
      return false
    }
    if (byte === 0x22) this.#inString = true
    else if (byte === 0x7b /* { */ || byte === 0x5b /* [ */) {
      if (this.#depth === 0) this.#isArray = byte === 0x5b
      this.#depth++
    } else if (byte === 0x7d /* } */ || byte === 0x5d /* ] */) {
      this.#depth--
      if (this.#depth === 0) this.#closed = true
      return this.#depth === 0 || (this.#isArray && this.#depth === 1)
    }
    return false
  }
}
