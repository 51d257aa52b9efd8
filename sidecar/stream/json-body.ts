// Reads an answer that is one JSON document.
//
// Up to 256 KiB are kept until the end, so that the relay can send head and body in one write. A larger body is forwarded
// as it comes, and only its last 16 KiB are searched for usage, which every dialect puts behind the content.
// `complete` looks at the last character where HTTP's framing shows a cut, by the announced length. A chunked document that
// is held is parsed: a provider that ends it politely behind an inner bracket would pass, and the client could not be
// served by another one any more.
//
// A document that begins as an error is one, whatever the status said. Only its first member is looked at: an answer may
// carry `error` further on and be none (a stored response that failed long ago).
import type { BodyReader } from './body-reader.ts'
import { ElementCounter } from './count-elements.ts'
import { type KeyToken, memberFromEnd, parseJson } from './json-from-end.ts'
import { type ProviderError, readProviderError } from './provider-error.ts'
import { members, NO_TOKENS, type Usage } from './usage.ts'

const KEPT_BYTES_MAX = 256 * 1024
const TAIL_BYTES = 16 * 1024

/** Looked for at a document's beginning, as latin1: `{"error": …}` but not null, or Anthropic's `{"type":"error"`. */
const ERROR_LEADS = /^(?:\xef\xbb\xbf)?\s*\{\s*"(?:error"\s*:\s*[^n\s]|type"\s*:\s*"error")/
const LEADING_BYTES = 128

const QUOTE = 0x22
const LETTER_E = 0x65
const LETTER_T = 0x74
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Where the answers to an operation may be errors under a status of success: not where stored documents are fetched. */
export type ErrorPlace = 'LeadingMember' | 'None'

/** Where a kind of answer holds its usage, and how to read it. */
export interface UsagePlace {
  key: KeyToken
  /** 1: a member of the document, 2: a member of one of its members. */
  depth: number
  read(object: unknown): Usage | undefined
}

export interface JsonBodyOptions {
  places: readonly UsagePlace[]
  /** What an answer without a body is. A deletion may have none; an SDK that waits for a message must not. */
  empty: 'Whole' | 'Truncated'
  /** What a model writes into it: text, or what is not billed by its length. */
  content: 'Text' | 'Other' | 'Unmetered'
  /** The list of images that were made, where it is an answer of images. */
  images: string | undefined
  errorPlace: ErrorPlace
  framing: 'Announced' | 'Chunked'
}

export class JsonBodyReader implements BodyReader {
  readonly #options: JsonBodyOptions
  /** All of the body while it is small; its tail once it is being forwarded. */
  #kept: Buffer[] = []
  #keptBytes = 0
  #forwarding = false
  #bytes = 0
  readonly #images: ElementCounter | undefined
  #usage: Usage | undefined
  #providerError: ProviderError | undefined

  constructor(options: JsonBodyOptions) {
    this.#options = options
    this.#images = options.images === undefined ? undefined : new ElementCounter(options.images)
  }

  push(chunk: Buffer): Buffer | null {
    this.#bytes += chunk.length
    this.#images?.push(chunk)
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
    if (!this.#forwarding && this.#options.errorPlace === 'LeadingMember') this.#providerError = leadingError(body)
    if (!this.#forwarding && body.length === 0) return { rest: null, complete: this.#options.empty === 'Whole' }
    return { rest: this.#forwarding ? null : body, complete: !isDocument || this.#isWhole(body) }
  }

  /** Known once the body has ended. */
  usage(): Usage | undefined {
    return this.#usage
  }

  contentBytes(): number | undefined {
    switch (this.#options.content) {
      case 'Text':
        return this.#bytes
      case 'Other':
        return 0
      case 'Unmetered':
        return undefined
    }
  }

  /** Known once the body has ended; never of one that was too large to be held. */
  providerError(): ProviderError | undefined {
    return this.#providerError
  }

  #isWhole(body: Buffer): boolean {
    if (!endsWithBracket(body)) return false
    return this.#forwarding || this.#options.framing === 'Announced' || parseJson(body.toString('latin1')) !== undefined
  }

  #findUsage(body: Buffer): Usage | undefined {
    const usage = this.#toldUsage(body)
    const images = this.#images?.count ?? 0
    return images === 0 ? usage : { ...NO_TOKENS, ...usage, images }
  }

  #toldUsage(body: Buffer): Usage | undefined {
    for (const { key, depth, read } of this.#options.places) {
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

function leadingError(body: Buffer): ProviderError | undefined {
  if (!mayLeadWithError(body) || !ERROR_LEADS.test(body.toString('latin1', 0, LEADING_BYTES))) return undefined
  const document = parseJson(body.toString('utf8').trimStart())
  // It was cut: an error all the same.
  if (document === undefined) return readProviderError('error')
  const { error, type } = members(document)
  return readProviderError(error) ?? readProviderError(type === 'error' && 'error')
}

/** Nearly every document begins with the quote of its first member, which tells without making text of it. */
function mayLeadWithError(body: Buffer): boolean {
  return body[0] !== OPEN_BRACE || body[1] !== QUOTE || body[2] === LETTER_E || body[2] === LETTER_T
}

/** Anything but `"text"` or `null`, which have no bracket to close. */
function opensWithBracket(body: Buffer): boolean {
  return body[0] === OPEN_BRACE || /^\s*[{[]/.test(body.toString('latin1', 0, 64))
}

function endsWithBracket(body: Buffer): boolean {
  return body.at(-1) === CLOSE_BRACE || /[}\]]\s*$/.test(body.toString('latin1', Math.max(0, body.length - 64)))
}
