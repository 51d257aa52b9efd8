// Counts the objects in one list of a JSON document while it passes, however large it is: the images of an answer, which is how they are
// billed where no tokens are told.
//
// The list is a member of the outermost object. Nothing is kept but a state; the strings of base64 between are stepped over by the
// native search for their closing quote.

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

export class ElementCounter {
  count = 0
  readonly #key: string
  /** Of brackets. */
  #depth = 0
  #inString = false
  /** The next byte is escaped. */
  #escaped = false
  /** The string that was read last in the outermost object, as far as it could be the key. */
  #name = ''
  #inList = false

  /** `key` in ASCII. */
  constructor(key: string) {
    this.#key = key
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#inString) at = this.#readString(chunk, at)
      else {
        this.#read(chunk[at] as number)
        at++
      }
    }
  }

  #read(byte: number): void {
    if (byte === QUOTE) {
      this.#inString = true
      this.#name = ''
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (byte === OPEN_BRACKET && this.#depth === 1) this.#inList = this.#name === this.#key
      if (byte === OPEN_BRACE && this.#depth === 2 && this.#inList) this.count++
      this.#depth++
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      this.#depth--
      if (this.#depth === 1) this.#inList = false
    }
  }

  /** Returns the offset behind the string, or the chunk's end. */
  #readString(chunk: Buffer, from: number): number {
    let at = from
    if (this.#escaped) {
      this.#escaped = false
      at++
    }
    const quote = chunk.indexOf(QUOTE, at)
    const end = quote < 0 ? chunk.length : quote
    const backslash = chunk.subarray(at, end).indexOf(BACKSLASH)
    const stop = backslash < 0 ? end : at + backslash
    if (this.#depth === 1)
      this.#name = (this.#name + chunk.toString('latin1', at, Math.min(stop, at + 16))).slice(0, 16)
    if (backslash >= 0) {
      this.#escaped = true
      return stop + 1
    }
    if (quote >= 0) this.#inString = false
    return Math.min(end + 1, chunk.length)
  }
}
