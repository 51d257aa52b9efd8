// What has come of an event or a frame whose end has not, in memory of its own: a chunk is a view of a buffer that the next read
// overwrites.
const EMPTY = Buffer.alloc(0)

export class Unfinished {
  /** Used up to #bytes; never written again below that, since views of it are handed out. */
  #memory: Buffer = EMPTY
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** A view of all that is held, the chunk behind it. The room is doubled, so that what trickles is not copied at every read. */
  add(chunk: Buffer): Buffer {
    const needed = this.#bytes + chunk.length
    if (needed > this.#memory.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes * 2))
      this.#memory.copy(grown, 0, 0, this.#bytes)
      this.#memory = grown
    }
    chunk.copy(this.#memory, this.#bytes)
    this.#bytes = needed
    return this.all()
  }

  /** A view, which stays as it is. */
  all(): Buffer {
    return this.#memory.subarray(0, this.#bytes)
  }

  /** Nothing is held any more. What was handed out is left alone. */
  clear(): void {
    this.#memory = EMPTY
    this.#bytes = 0
  }
}
