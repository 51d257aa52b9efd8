// Finds a few top-level fields of a JSON object in its bytes, without parsing the rest.
//
// In: the bytes of a request body, known to be UTF-8, and the names that matter. Out: where their values stand. Checked
// strictly: the top level (braces, keys, colons, commas, kinds of scalars, nothing behind the object). Checked loosely:
// what lies inside nested values and strings; that is for the provider to refuse. Outside strings nothing but JSON's own
// characters is let through, so no comment or quote of a JSON dialect can shift what a tolerant parser sees as a string.
//
// Invariant, held by a differential test: for a document that JSON.parse accepts, a field is here what it is there.
// Where parsers differ (a key spelled with escapes, a wanted key twice) the walk only says so: decode then re-serialises.
// A key that equals a wanted one but for its case is refused: Go's and .NET's parsers take it for the same field.
// Rejected: JSON.parse of every body (twice the time at 20 KB, and megabytes of objects), a regular expression over the
// bytes (finds keys inside strings).
import { Refusal } from '../errors.ts'
import type { Span } from './decoded-request.ts'

export interface WalkedObject {
  /** Offset just behind the opening brace. */
  insertAt: number
  /** True for `{}`. */
  empty: boolean
  /** Of the wanted fields that are there; for one that is there twice, the last. */
  spans: Map<string, Span>
  /** Other parsers may read other fields: a top-level key has an escape, or a wanted key is there twice. */
  ambiguous: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const PLUS = 0x2b
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

// What a byte outside of strings means inside a nested value; 0 is none of JSON's.
const FILLER = 1
const OPENS = 2
const CLOSES = 3
const STRING = 4
const KIND = kindOfBytes()

function kindOfBytes(): Uint8Array {
  const kinds = new Uint8Array(256)
  for (const byte of Buffer.from(' \t\n\r,:0123456789+-.eEtrufalsn')) kinds[byte] = FILLER
  for (const byte of Buffer.from('[{')) kinds[byte] = OPENS
  for (const byte of Buffer.from(']}')) kinds[byte] = CLOSES
  kinds[QUOTE] = STRING
  return kinds
}

/** Throws `invalid_body` with the offset when the top level is not that of one JSON object. */
export function walkObject(json: Buffer, wanted: readonly string[]): WalkedObject {
  let at = skipSpace(json, 0)
  if (json[at] !== OPEN_BRACE) throw malformed(at)
  const walked: WalkedObject = { insertAt: at + 1, empty: false, spans: new Map(), ambiguous: false }
  at = skipSpace(json, at + 1)
  if (json[at] === CLOSE_BRACE) walked.empty = true
  else at = walkMembers(json, at, wanted, walked)
  at = skipSpace(json, at + 1)
  if (at !== json.length) throw malformed(at)
  return walked
}

/** From the first key on; returns the offset of the closing brace. */
function walkMembers(json: Buffer, first: number, wanted: readonly string[], walked: WalkedObject): number {
  let at = first
  for (;;) {
    if (json[at] !== QUOTE) throw malformed(at)
    const key = { start: at, end: endOfString(json, at) }
    const name = readKey(json, key, wanted, walked)
    at = skipSpace(json, key.end)
    if (json[at] !== COLON) throw malformed(at)
    const start = skipSpace(json, at + 1)
    const end = endOfValue(json, start)
    if (name !== undefined) {
      if (walked.spans.has(name)) walked.ambiguous = true
      walked.spans.set(name, { start, end })
    }
    at = skipSpace(json, end)
    if (json[at] === CLOSE_BRACE) return at
    if (json[at] !== COMMA) throw malformed(at)
    at = skipSpace(json, at + 1)
  }
}

/** The wanted name that this key is, if any. */
function readKey(json: Buffer, key: Span, wanted: readonly string[], walked: WalkedObject): string | undefined {
  const first = key.start + 1
  const last = key.end - 1
  for (let i = first; i < last; i++) {
    const byte = json[i] as number
    if (byte === BACKSLASH || byte >= 0x80 || byte < 0x20) return readUnusualKey(json, key, wanted, walked)
  }
  for (const name of wanted) {
    if (name.length !== last - first || !equalsIgnoringCase(json, first, name)) continue
    if (!equals(json, first, name)) throw sameButForCase(json.toString('latin1', first, last), name)
    return name
  }
  return undefined
}

/** A key with escapes, or beyond printable ASCII: `mod\u0065l`, or `ſtream`, whose long s is an s to those who ignore case. */
function readUnusualKey(json: Buffer, key: Span, wanted: readonly string[], walked: WalkedObject): string | undefined {
  const text = json.toString('utf8', key.start, key.end)
  if (text.includes('\\')) walked.ambiguous = true
  const name = parseString(text, key.start)
  if (wanted.includes(name)) return name
  const folded = foldCase(name)
  const twin = wanted.find((candidate) => foldCase(candidate) === folded)
  if (twin !== undefined) throw sameButForCase(name, twin)
  return undefined
}

function parseString(text: string, at: number): string {
  try {
    return JSON.parse(text) as string
  } catch {
    throw malformed(at)
  }
}

function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase()
}

function equalsIgnoringCase(json: Buffer, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    // Bit 5 is the case of a letter. That it also unites a few other characters only refuses more.
    if (((json[start + i] as number) | 0x20) !== (name.charCodeAt(i) | 0x20)) return false
  }
  return true
}

function equals(json: Buffer, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (json[start + i] !== name.charCodeAt(i)) return false
  }
  return true
}

function endOfValue(json: Buffer, start: number): number {
  switch (KIND[json[start] as number]) {
    case STRING:
      return endOfString(json, start)
    case OPENS:
      return endOfNested(json, start)
    default:
      return endOfScalar(json, start)
  }
}

/** Strings longer than this are left by the native search, which costs more than a short loop to begin. */
const LOOPED_BYTES = 16

/** Offset behind the closing quote of the string whose opening quote is at `open`. */
function endOfString(json: Buffer, open: number): number {
  const length = json.length
  let at = open + 1
  for (;;) {
    const near = Math.min(at + LOOPED_BYTES, length)
    for (; at < near; at++) {
      const byte = json[at]
      if (byte === QUOTE) return at + 1
      if (byte === BACKSLASH) at++
    }
    const quote = at < length ? json.indexOf(QUOTE, at) : -1
    if (quote < 0) throw malformed(length)
    let run = quote
    while (run > at && json[run - 1] === BACKSLASH) run--
    at = quote + 1
    if ((quote - run) % 2 === 0) return at
  }
}

/** Offset behind the bracket that closes the one at `open`. Which kind closes which is not checked. */
function endOfNested(json: Buffer, open: number): number {
  // The length is read once and the filler skipped in a loop of its own: together four times as fast on lists of numbers.
  const length = json.length
  let depth = 0
  let at = open
  while (at < length) {
    while (KIND[json[at] as number] === FILLER) at++
    const kind = KIND[json[at] as number]
    if (kind === STRING) at = endOfString(json, at)
    else if (kind === OPENS) {
      depth++
      at++
    } else if (kind === CLOSES) {
      at++
      if (--depth === 0) return at
    } else throw malformed(at)
  }
  throw malformed(length)
}

/** Offset behind a number, true, false or null. What follows is the caller's to check. */
function endOfScalar(json: Buffer, start: number): number {
  switch (json[start]) {
    case 0x74:
      return endOfWord(json, start, 'true')
    case 0x66:
      return endOfWord(json, start, 'false')
    case 0x6e:
      return endOfWord(json, start, 'null')
    default:
      return endOfNumber(json, start)
  }
}

function endOfWord(json: Buffer, start: number, word: string): number {
  if (!equals(json, start, word)) throw malformed(start)
  return start + word.length
}

/** RFC 8259 §6: no leading zero, no bare point. */
function endOfNumber(json: Buffer, start: number): number {
  const whole = json[start] === MINUS ? start + 1 : start
  let at = endOfDigits(json, whole)
  if (json[whole] === ZERO && at > whole + 1) throw malformed(start)
  if (json[at] === POINT) at = endOfDigits(json, at + 1)
  const exponent = json[at]
  if (exponent === 0x65 || exponent === 0x45) {
    const sign = json[at + 1]
    at = endOfDigits(json, sign === MINUS || sign === PLUS ? at + 2 : at + 1)
  }
  return at
}

/** At least one digit stands at `start`. */
function endOfDigits(json: Buffer, start: number): number {
  let at = start
  for (;;) {
    const byte = json[at]
    if (byte === undefined || byte < ZERO || byte > NINE) break
    at++
  }
  if (at === start) throw malformed(start)
  return at
}

function skipSpace(json: Buffer, from: number): number {
  let at = from
  for (;;) {
    const byte = json[at] as number
    // Almost always there is none, and one comparison says so.
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return at
    at++
  }
}

function malformed(at: number): Refusal {
  return new Refusal('invalid_body', `It must be one JSON object; it is malformed at byte ${at}.`)
}

function sameButForCase(key: string, name: string): Refusal {
  return new Refusal('invalid_body', `The field ${JSON.stringify(key)} differs from "${name}" only in case.`)
}
