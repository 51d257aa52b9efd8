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

  /**
   * How many bytes at the end of `chunk` could be the beginning of the key: what a caller that forwards arbitrary pieces
   * must keep back until the next one.
   */
  heldBack(chunk: Buffer): number {
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
