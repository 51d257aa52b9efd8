// What was decided about header names, by the spelling in which they came: the same few dozen come with every message, and
// lower-casing each of them each time cost more than all the rest. Names come from outside, so the memory is bounded.

const SPELLINGS_MAX = 2000
const SPELLING_LENGTH_MAX = 64

export class Spellings<Fate> {
  readonly #decide: (lowerName: string) => Fate
  readonly #known = new Map<string, Fate>()

  /** `decide` is asked once per remembered spelling. */
  constructor(decide: (lowerName: string) => Fate) {
    this.#decide = decide
  }

  fateOf(rawName: string): Fate {
    const known = this.#known.get(rawName)
    if (known !== undefined) return known
    const fate = this.#decide(rawName.toLowerCase())
    if (this.#known.size < SPELLINGS_MAX && rawName.length <= SPELLING_LENGTH_MAX) this.#known.set(copy(rawName), fate)
    return fate
  }
}

// A name cut from a message's head can keep the whole head alive; a copy cannot.
function copy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
