// Finds the text fields of a multipart/form-data body that matter, without copying the files in it.
//
// In: the bytes and the Content-Type. Out: where the values of the wanted fields stand. Parsers of this format differ in
// what they forgive (bare LF, preambles, `\"` in names, `name*=`), and each difference is a way to show a policy one
// model and the provider another. So only what RFC 7578 and the encoders of browsers, SDKs and curl write is accepted:
// the boundary appears in delimiters only, every line ends in CRLF, every part has exactly one plain Content-Disposition.
// Rejected: a streaming multipart library, which copies the upload and hides what it forgave.
import { Refusal } from '../errors.ts'
import type { Span } from './decoded-request.ts'

const CRLF = '\r\n'
/** A part has a disposition, a type, perhaps a length. */
const PART_HEADER_BYTES_MAX = 4096

/** Spans of the wanted fields' values. Throws `invalid_body` for whatever is not exactly as above. */
export function walkMultipart(body: Buffer, contentType: string, wanted: readonly string[]): Map<string, Span> {
  const delimiter = `--${boundaryOf(contentType)}`
  const spans = new Map<string, Span>()
  if (body.indexOf(delimiter) !== 0) throw malformed('It does not begin with its boundary.')
  let at = delimiter.length
  do {
    if (!standsAt(body, at, CRLF)) throw malformed('A boundary is followed by other text.')
    const next = body.indexOf(delimiter, at)
    if (next < 0) throw malformed('Its last boundary is missing.')
    if (!standsAt(body, next - 2, CRLF)) throw malformed('A boundary does not begin its line.')
    readPart(body, { start: at + 2, end: next - 2 }, wanted, spans)
    at = next + delimiter.length
  } while (!standsAt(body, at, '--'))
  const rest = body.length - (at + 2)
  if (rest !== 0 && !(rest === 2 && standsAt(body, at + 2, CRLF))) throw malformed('Text follows its last boundary.')
  return spans
}

// RFC 2046 §5.1.1: up to 70 `bchars`, of which unquoted only those that are token characters (RFC 2045 §5.1).
const FORM_DATA = /^multipart\/form-data((?:[ \t]*;[ \t]*[\w-]+=(?:"[^"\\]*"|[\w!#$%&'*+.^`{|}~-]+))+)$/i
const BOUNDARY = /;[ \t]*boundary=(?:"([\w'()+,./:=? -]{0,69}[\w'()+,./:=?-])"|([\w'+.-]{1,70}))(?=[ \t]*(?:;|$))/gi

function boundaryOf(contentType: string): string {
  const parameters = FORM_DATA.exec(contentType.trim())?.[1] ?? ''
  const found = [...parameters.matchAll(BOUNDARY)]
  const boundary = found[0]?.[1] ?? found[0]?.[2]
  if (boundary === undefined || parameters.match(/boundary/gi)?.length !== 1) {
    throw malformed('Its content type names no single boundary.')
  }
  return boundary
}

/** `part` is what lies between two delimiter lines: header lines, an empty line, the value. */
function readPart(body: Buffer, part: Span, wanted: readonly string[], spans: Map<string, Span>): void {
  const headerEnd = body
    .subarray(part.start, Math.min(part.end, part.start + PART_HEADER_BYTES_MAX))
    .indexOf('\r\n\r\n')
  if (headerEnd < 0) throw malformed('A part has no headers, or too many.')
  const headers = readHeaders(body.toString('latin1', part.start, part.start + headerEnd))
  const name = fieldName(headers.get('content-disposition') ?? '')
  if (headers.get('content-type')?.toLowerCase().startsWith('multipart/')) throw malformed('A part has parts itself.')
  const field = wanted.find((candidate) => candidate.toLowerCase() === name.field.toLowerCase())
  if (field === undefined) return
  if (field !== name.field || name.isFile || spans.has(field) || isEncoded(headers)) {
    throw malformed(`The field "${field}" must be there once, as plain text.`)
  }
  spans.set(field, { start: part.start + headerEnd + 4, end: part.end })
}

function readHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>()
  for (const line of text.split(CRLF)) {
    const [, name, value] = /^([\w-]+):[ \t]*([^\r\n\0]*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) throw malformed('A part has a malformed header.')
    if (headers.has(name.toLowerCase())) throw malformed('A part has a header twice.')
    headers.set(name.toLowerCase(), value)
  }
  return headers
}

// `filename*` is RFC 5987's; `name*` and `name*0` (RFC 2231) would be a second name.
const DISPOSITION = /^form-data((?:[ \t]*;[ \t]*(?:name|filename\*?)=(?:"[^"\\]*"|[\w!#$%&'+.^`{|}~-]+))+)$/i

function fieldName(disposition: string): { field: string; isFile: boolean } {
  const parameters = DISPOSITION.exec(disposition)?.[1] ?? ''
  const found = new Map<string, string>()
  for (const [, key = '', quoted, token] of parameters.matchAll(/;[ \t]*([\w*]+)=(?:"([^"]*)"|([^\s;]+))/g)) {
    if (found.has(key.toLowerCase())) throw malformed('A part is named twice.')
    found.set(key.toLowerCase(), quoted ?? token ?? '')
  }
  const field = found.get('name')
  if (field === undefined) throw malformed('A part has no plain name.')
  return { field, isFile: found.size > 1 }
}

/** Whether the bytes of the value may mean another text than UTF-8's. */
function isEncoded(headers: ReadonlyMap<string, string>): boolean {
  const charset = /charset=("?)([^";\s]*)\1/i.exec(headers.get('content-type') ?? '')?.[2] ?? 'utf-8'
  const transfer = headers.get('content-transfer-encoding') ?? '8bit'
  return !/^(?:utf-?8|us-ascii)$/i.test(charset) || !/^(?:7bit|8bit|binary)$/i.test(transfer)
}

function standsAt(body: Buffer, offset: number, text: string): boolean {
  return body.toString('latin1', offset, offset + text.length) === text
}

function malformed(detail: string): Refusal {
  return new Refusal('invalid_body', detail)
}
