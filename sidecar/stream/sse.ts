// Reads a stream of server-sent events while it passes.
//
// In: the body's bytes, cut anywhere. Out: the same bytes, whole events only, less those that the dialect's watch strips.
// The ordinary chunk holds whole events and nothing that matters: it is tested once and returned as it came, uncopied.
// Otherwise its events are taken apart, and those that matter are shown to the watch. An unfinished event is copied and
// kept.
// It never re-encodes: comments, pings, unknown fields, line ends and U+2028 pass as they are.
//
// An unfinished event is kept up to 1 MiB. A larger one (an image as base64) is passed on while it comes: a client may
// then see half of it if the provider stops there, and the watch gets to see its first 4 and last 16 KiB only, which is
// where name, usage and finish reason are. It cannot be stripped.
// Rejected: parsing every event (1–2 µs each), a TransformStream, an event emitter.
import type { BodyReader } from './body-reader.ts'
import { contentBytes } from './content-bytes.ts'
import type { EventWatch } from './event-watch.ts'
import { parseJson } from './json-from-end.ts'
import { type ProviderError, readProviderError } from './provider-error.ts'
import { BYTE_ORDER_MARK, blankLineEnd, endsEvent, eventEnd, lastEventEnd, readEvent } from './sse-grammar.ts'
import { Unfinished } from './unfinished.ts'
import { members, type Usage } from './usage.ts'

const HELD_BYTES_MAX = 1024 * 1024
const OVERSIZED_HEAD_BYTES = 4 * 1024
const OVERSIZED_TAIL_BYTES = 16 * 1024
/** Enough to recognise a blank line that began before them. */
const OVERLAP_BYTES = 4

export class SseReader implements BodyReader {
  readonly #watch: EventWatch
  /** An unfinished event. */
  readonly #held = new Unfinished()
  #beganReading = false
  #contentBytes = 0
  /** Both ends of what was passed on of an oversized event that is still coming. */
  #oversized: { head: string; tail: Buffer } | undefined

  constructor(watch: EventWatch) {
    this.#watch = watch
  }

  push(chunk: Buffer): Buffer | null {
    const before = this.#held.bytes
    if (before === 0 && endsEvent(chunk, chunk.length)) return this.#release(chunk)
    const bytes = before === 0 ? chunk : this.#held.add(chunk)
    const end = lastEventEnd(bytes, before)
    if (end > 0) {
      this.#held.clear()
      if (end < bytes.length) this.#held.add(bytes.subarray(end))
      return this.#release(bytes.subarray(0, end))
    }
    if (before === 0) this.#held.add(chunk)
    return this.#held.bytes > HELD_BYTES_MAX ? this.#passOn() : null
  }

  end(): { rest: Buffer | null; complete: boolean } {
    const tail = this.#held.all()
    const rest = tail.length === 0 ? null : this.#finish(tail)
    if (rest === null && tail.toString('latin1').trim() !== '') this.#watch.torn?.()
    return { rest, complete: this.#watch.complete }
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

  #release(bytes: Buffer): Buffer | null {
    const text = bytes.toString('latin1')
    let at = !this.#beganReading && text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0
    this.#beganReading = true
    if (this.#oversized !== undefined) {
      const { head, tail } = this.#oversized
      at = blankLineEnd(text, 0)
      this.#watch.readOversized?.(readEvent(head), Buffer.concat([tail, bytes.subarray(0, at)]))
      this.#oversized = undefined
    }
    this.#contentBytes += contentBytes(text, this.#watch.content)
    return this.#watch.wants(text) ? this.#readEvents(bytes, text, at) : bytes
  }

  /** Shows the events that matter to the watch; returns the bytes less what it strips. */
  #readEvents(bytes: Buffer, text: string, start: number): Buffer | null {
    const kept: Buffer[] = []
    let keptTo = 0
    for (let at = start, end = start; at < text.length; at = end) {
      end = eventEnd(text, at)
      const event = text.slice(at, end)
      if (!this.#watch.wants(event) || this.#watch.read(readEvent(event)) === 'Forward') continue
      kept.push(bytes.subarray(keptTo, at))
      keptTo = end
    }
    if (keptTo === 0) return bytes
    kept.push(bytes.subarray(keptTo))
    const forwarded = Buffer.concat(kept)
    return forwarded.length === 0 ? null : forwarded
  }

  #passOn(): Buffer {
    const held = this.#held.all()
    const bytes = held.subarray(0, -OVERLAP_BYTES)
    const overlap = held.subarray(-OVERLAP_BYTES)
    this.#oversized = {
      head: this.#oversized?.head ?? bytes.toString('latin1', 0, OVERSIZED_HEAD_BYTES),
      tail: Buffer.from(bytes.subarray(-OVERSIZED_TAIL_BYTES)),
    }
    this.#held.clear()
    this.#held.add(overlap)
    return bytes
  }

  /**
   * What the stream's end makes of an unfinished event. Nothing: by the grammar it was never sent. Except for an error as
   * bare JSON, with which Google ends a broken stream and which its SDK raises when it comes in a write of its own.
   */
  #finish(tail: Buffer): Buffer | null {
    const data = tail.toString('latin1')
    if (readProviderError(members(parseJson(data)).error) === undefined) return null
    this.#watch.read({ name: '', data })
    return tail
  }
}
