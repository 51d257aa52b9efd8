// How many bytes of answers wait in this process for clients that are slow, all together: what lies unsent in their sockets,
// and what is held until it may go out. Each answer is bounded by itself, because its provider is read only as fast as
// its client reads; this bounds how many of them there may be before new requests are refused. It refuses nobody itself.

export class AnswerBudget {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Nothing more should be begun. What goes on already may still add: it is never cut off for others. */
  get full(): boolean {
    return this.#bytes >= this.#bytesMax
  }

  /** May be negative: whoever counts something that shrinks tells the difference. */
  add(bytes: number): void {
    this.#bytes += bytes
  }

  /** Everything that was added is removed exactly once, at the latest when its connection has closed. */
  remove(bytes: number): void {
    this.#bytes -= bytes
  }
}
