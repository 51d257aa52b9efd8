// What is done with a header, by the spelling in which its name came: the same few dozen come with every message, and
// lower-casing each of them each time cost more than all the rest. Names come from outside, so the memory is bounded.
//
// Most names are like any other, and that is seen by length and third letter alone: a name that no exception shares these with is
// none. So only the few that may be one are hashed and looked up, which for a text cut from a message's head is the dear part.

const SPELLINGS_MAX = 2000
const SPELLING_LENGTH_MAX = 64
const THIRD = 2
/** A letter has the same last five bits in both cases. */
const LETTERS = 32

/** Names in lower case. */
export interface Fates<Fate> {
  readonly named: ReadonlyMap<string, Fate>
  /** Beginnings of names, and what is done with all that begin so and are not named. */
  readonly prefixes: readonly string[]
  readonly prefixed: Fate
  /** What is done with all others. */
  readonly other: Fate
}

export class Spellings<Fate> {
  readonly #fates: Fates<Fate>
  /** 1 where a name of this length and third letter may be another one. */
  readonly #exceptional = new Uint8Array((SPELLING_LENGTH_MAX + 1) * LETTERS)
  readonly #known = new Map<string, Fate>()

  constructor(fates: Fates<Fate>) {
    this.#fates = fates
    for (const name of fates.named.keys()) this.#expect(name, name.length)
    for (const prefix of fates.prefixes) {
      for (let length = prefix.length; length <= SPELLING_LENGTH_MAX; length++) this.#expect(prefix, length)
    }
  }

  fateOf(rawName: string): Fate {
    if (rawName.length > SPELLING_LENGTH_MAX) return this.#decide(rawName)
    if (this.#exceptional[placeOf(rawName, rawName.length)] === 0) return this.#fates.other
    const known = this.#known.get(rawName)
    if (known !== undefined) return known
    const fate = this.#decide(rawName)
    if (this.#known.size < SPELLINGS_MAX) this.#known.set(copy(rawName), fate)
    return fate
  }

  #expect(name: string, length: number): void {
    if (length <= SPELLING_LENGTH_MAX) this.#exceptional[placeOf(name, length)] = 1
  }

  #decide(rawName: string): Fate {
    const { named, prefixes, prefixed, other } = this.#fates
    const name = rawName.toLowerCase()
    return named.get(name) ?? (prefixes.some((prefix) => name.startsWith(prefix)) ? prefixed : other)
  }
}

function placeOf(name: string, length: number): number {
  return length * LETTERS + (name.charCodeAt(THIRD) & (LETTERS - 1))
}

// A name cut from a message's head can keep the whole head alive; a copy cannot.
function copy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
