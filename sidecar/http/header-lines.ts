// Reads header lines byte by byte, for both directions: requests off clients, responses off providers (RFC 9112 §5). Strict:
// a token, a colon right behind it, a value of allowed bytes, CR LF. Obsolete line folding, white space before the colon,
// bare CR or LF and control characters are what two parsers could read differently, so they make the line invalid.

/** Takes a header; false refuses the message. */
export type TakeHeader<Headers> = (headers: Headers, name: string, value: string) => boolean

const CR = 13
const LF = 10
const COLON = 58
const TAB = 9
const SPACE = 32

const NAME_BYTES = byteTable("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

/** Highest byte of a value: visible ASCII, or also the obsolete text above it that providers may send. */
export type ValueBytes = 126 | 255

/**
 * Reads the lines of `bytes` from `at` to `end`, which lies behind a CR LF. `text` is the same in latin1, so that names and
 * values are slices of it. False when a line is invalid or refused by `take`, which gets `headers` and is no closure.
 */
export function readHeaderLines<Headers>(
  bytes: Buffer,
  text: string,
  at: number,
  end: number,
  valueBytes: ValueBytes,
  headers: Headers,
  take: TakeHeader<Headers>,
): boolean {
  let next = at
  while (next < end) {
    const line = next
    let colon = line
    while (NAME_BYTES[bytes[colon] as number] === 1) colon++
    if (colon === line || bytes[colon] !== COLON) return false
    let start = colon + 1
    while (isBlank(bytes[start])) start++
    let stop = start
    for (let byte = bytes[stop] as number; byte !== CR; byte = bytes[++stop] as number) {
      if ((byte < SPACE && byte !== TAB) || byte === 127 || byte > valueBytes) return false
    }
    if (bytes[stop + 1] !== LF) return false
    next = stop + 2
    while (stop > start && isBlank(bytes[stop - 1])) stop--
    if (!take(headers, text.slice(line, colon), text.slice(start, stop))) return false
  }
  return true
}

/** 1 for each of these characters, 0 for every other byte. */
export function byteTable(characters: string): Uint8Array {
  const table = new Uint8Array(256)
  for (const character of characters) table[character.charCodeAt(0)] = 1
  return table
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB
}
