// Masks a provider key in what a provider sends back: an error text that repeats the key it refused must not reach the
// application, which was never given it. The mask has the key's length, so no content-length changes.

/** Shorter keys are placeholders; masking them would only garble texts that happen to contain them. */
const KEY_LENGTH_MIN = 8

export class Scrubber {
  readonly #key: Buffer
  readonly #text: string

  constructor(key: string) {
    this.#text = key.length < KEY_LENGTH_MIN ? '' : key
    this.#key = Buffer.from(this.#text)
  }

  /** The same bytes, or a masked copy. */
  bytes(chunk: Buffer): Buffer {
    if (this.#text === '') return chunk
    let at = chunk.indexOf(this.#key)
    if (at < 0) return chunk
    const masked = Buffer.from(chunk)
    // Behind the mask, not in it: a key of nothing but `*` would be found there for ever.
    const { length } = this.#key
    for (; at >= 0; at = masked.indexOf(this.#key, at + length)) masked.fill('*', at, at + length)
    return masked
  }

  /** The same text, or a masked one. */
  text(value: string): string {
    if (this.#text === '' || !value.includes(this.#text)) return value
    return value.replaceAll(this.#text, '*'.repeat(this.#text.length))
  }

  /** Masks names and values in place. */
  headers(headers: string[]): void {
    if (this.#text === '') return
    for (let i = 0; i < headers.length; i++) headers[i] = this.text(headers[i] as string)
  }

  /** How many bytes at the end of a chunk that is masked could be the beginning of the key. */
  unsureBytes(chunk: Buffer): number {
    if (this.#text === '') return 0
    const first = this.#key[0] as number
    let at = chunk.indexOf(first, Math.max(0, chunk.length - this.#key.length + 1))
    for (; at >= 0; at = chunk.indexOf(first, at + 1)) {
      const rest = chunk.length - at
      if (chunk.compare(this.#key, 0, rest, at) === 0) return rest
    }
    return 0
  }
}

/** Masks the key in bytes that come in pieces: what could be its beginning waits for the next piece. */
export class PieceScrubber {
  readonly #scrubber: Scrubber
  #waiting: Buffer | undefined

  constructor(scrubber: Scrubber) {
    this.#scrubber = scrubber
  }

  /** What can be forwarded by now; may be a view of the piece. */
  push(piece: Buffer): Buffer {
    // Masked first: the end of a key can be the beginning of one, and nothing of the one that is there may wait and tear it apart.
    const masked = this.end(piece)
    const unsureBytes = this.#scrubber.unsureBytes(masked)
    if (unsureBytes === 0) return masked
    const sureBytes = masked.length - unsureBytes
    this.#waiting = Buffer.from(masked.subarray(sureBytes))
    return masked.subarray(0, sureBytes)
  }

  /** All that waits, and the last piece. */
  end(piece: Buffer): Buffer {
    if (this.#waiting === undefined) return this.#scrubber.bytes(piece)
    const joined = Buffer.concat([this.#waiting, piece])
    this.#waiting = undefined
    return this.#scrubber.bytes(joined)
  }
}
