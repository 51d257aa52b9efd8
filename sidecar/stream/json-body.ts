// Reads an answer that is one JSON document.
//
// Up to 256 KiB are kept until the end, so that the relay can send head and body in one write. A larger body is forwarded
// as it comes, and only its last 16 KiB are searched for usage, which every dialect puts behind the content.
// `complete` looks at the last character only: a document that was cut behind an inner bracket passes for whole. HTTP's
// framing shows most cuts and the client's JSON parser shows all; counting brackets would double the cost of an answer.
import type { BodyReader } from './body-reader.ts'
import { type KeyToken, memberFromEnd } from './json-from-end.ts'
import type { Usage } from './usage.ts'

const KEPT_BYTES_MAX = 256 * 1024
const TAIL_BYTES = 16 * 1024

/** Where a kind of answer holds its usage, and how to read it. */
export interface UsagePlace {
  key: KeyToken
  /** 1: a member of the document, 2: a member of one of its members. */
  depth: number
  read(object: unknown): Usage | undefined
}

export class JsonBodyReader implements BodyReader {
  readonly #places: readonly UsagePlace[]
  readonly #empty: 'Whole' | 'Truncated'
  /** All of the body while it is small; its tail once it is being forwarded. */
  #kept: Buffer[] = []
  #keptBytes = 0
  #forwarding = false
  #usage: Usage | undefined

  /** `empty`: what an answer without a body is. A deletion may have none; an SDK that waits for a message must not. */
  constructor(places: readonly UsagePlace[], empty: 'Whole' | 'Truncated') {
    this.#places = places
    this.#empty = empty
  }

  push(chunk: Buffer): Buffer | null {
    if (this.#forwarding) {
      this.#keepTail(chunk)
      return chunk
    }
    this.#kept.push(Buffer.from(chunk))
    this.#keptBytes += chunk.length
    if (this.#keptBytes <= KEPT_BYTES_MAX) return null
    this.#forwarding = true
    const body = this.#takeKept()
    this.#keepTail(body)
    return body
  }

  end(): { rest: Buffer | null; complete: boolean } {
    const body = this.#takeKept()
    this.#usage = this.#findUsage(body)
    // Of a body that is being forwarded only the tail is left; none of that size is a single word.
    const isDocument = this.#forwarding || opensWithBracket(body)
    if (!this.#forwarding && body.length === 0) return { rest: null, complete: this.#empty === 'Whole' }
    return { rest: this.#forwarding ? null : body, complete: !isDocument || endsWithBracket(body) }
  }

  /** Known once the body has ended. */
  usage(): Usage | undefined {
    return this.#usage
  }

  providerError(): undefined {
    return undefined
  }

  #findUsage(body: Buffer): Usage | undefined {
    for (const { key, depth, read } of this.#places) {
      const usage = read(memberFromEnd(body, key, depth))
      if (usage !== undefined) return usage
    }
    return undefined
  }

  #takeKept(): Buffer {
    const [first] = this.#kept
    const body = this.#kept.length === 1 && first !== undefined ? first : Buffer.concat(this.#kept)
    this.#kept = []
    return body
  }

  #keepTail(chunk: Buffer): void {
    const before = this.#takeKept()
    const room = Math.max(0, TAIL_BYTES - chunk.length)
    const from = Math.max(0, before.length - room)
    this.#kept.push(Buffer.concat([before.subarray(from), chunk.subarray(-TAIL_BYTES)]))
  }
}

/** Anything but `"text"` or `null`, which have no bracket to close. */
function opensWithBracket(body: Buffer): boolean {
  return /^\s*[{[]/.test(body.toString('latin1', 0, 64))
}

function endsWithBracket(body: Buffer): boolean {
  return /[}\]]\s*$/.test(body.toString('latin1', Math.max(0, body.length - 64)))
}
