// What of one answer is kept from the client, and how much of it counts in the budget of all answers.
//
// These differ: a body reader keeps bytes of its own until it has a whole event or document, and those count as they come. What is kept
// here is what a reader has released, or an error's body, until it is decided what becomes of it.
import type { AnswerBudget } from '../listen/answer-budget.ts'

export class HeldBack {
  readonly #answers: Pick<AnswerBudget, 'add'>
  #pieces: Buffer[] = []
  #bytes = 0
  #counted = 0

  constructor(answers: Pick<AnswerBudget, 'add'>) {
    this.#answers = answers
  }

  get bytes(): number {
    return this.#bytes
  }

  /** So many bytes came that the client may not see yet. */
  count(bytes: number): void {
    if (bytes === 0) return
    this.#counted += bytes
    this.#answers.add(bytes)
  }

  /** Copied, since it may be a view. */
  keep(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#pieces.push(Buffer.from(bytes))
    this.#bytes += bytes.length
  }

  /** All that was kept, and what comes behind it. */
  take(behind: Buffer): Buffer {
    if (this.#bytes === 0) return behind
    const all = Buffer.concat([...this.#pieces, behind])
    this.#pieces = []
    this.#bytes = 0
    return all
  }

  /** Nothing counts any more, but `bytes` that somebody else goes on keeping, and will take off the budget. */
  settle(bytes = 0): void {
    if (bytes !== this.#counted) this.#answers.add(bytes - this.#counted)
    this.#counted = 0
  }
}
