// Changes a few top-level fields of a request's body by splicing bytes.
//
// In: a decoded request and edits, whose values are ready JSON. Out: the pieces of the new body in order, views of the old
// one and small new buffers, for one vectored write. Nothing is parsed, nothing big is copied, and every byte that no edit
// names stays as the client sent it. Edits may only name fields that decode was asked to find: of others it is not known
// whether they are there. A form's fields are text: a JSON string is written there without its quotes.
import { Refusal } from '../errors.ts'
import type { DecodedRequest, Span } from './decoded-request.ts'

export interface BodyEdit {
  /** `set` replaces or adds the field, `default` only adds it where it is absent. */
  kind: 'set' | 'default'
  field: string
  /** A JSON value in UTF-8. */
  value: Buffer
}

/** Later edits win over earlier ones of the same field. A body that was not read passes unchanged. */
export function editBody(request: DecodedRequest, edits: readonly BodyEdit[]): Buffer[] {
  const { body, fields } = request
  if (fields.format === 'opaque' || edits.length === 0) return [body]
  const replaced: { span: Span; value: Buffer }[] = []
  const added: [string, Buffer][] = []
  for (const [field, value] of effectiveValues(fields.spans, edits)) {
    const span = fields.spans.get(field)
    if (span === undefined) added.push([field, value])
    else replaced.push({ span, value: fields.format === 'json' ? value : formText(value) })
  }
  if (added.length > 0) {
    const value = fields.format === 'json' ? jsonMembers(added, fields.empty) : formParts(added, delimiterLine(body))
    replaced.push({ span: { start: fields.insertAt, end: fields.insertAt }, value })
  }
  return splice(body, replaced)
}

function effectiveValues(present: ReadonlyMap<string, Span>, edits: readonly BodyEdit[]): Map<string, Buffer> {
  const values = new Map<string, Buffer>()
  for (const { kind, field, value } of edits) {
    if (kind === 'default' && (present.has(field) || values.has(field))) continue
    values.set(field, value)
  }
  return values
}

function splice(body: Buffer, replaced: { span: Span; value: Buffer }[]): Buffer[] {
  const pieces: Buffer[] = []
  let done = 0
  for (const { span, value } of replaced.sort((one, other) => one.span.start - other.span.start)) {
    pieces.push(body.subarray(done, span.start), value)
    done = span.end
  }
  pieces.push(body.subarray(done))
  return pieces.filter((piece) => piece.length > 0)
}

/** What goes in behind the opening brace. */
function jsonMembers(added: readonly [string, Buffer][], last: boolean): Buffer {
  const pieces: Buffer[] = []
  for (const [field, value] of added) {
    pieces.push(Buffer.from(`${pieces.length === 0 ? '' : ','}${JSON.stringify(field)}:`), value)
  }
  if (!last) pieces.push(Buffer.from(','))
  return Buffer.concat(pieces)
}

/** What goes in before the first delimiter. */
function formParts(added: readonly [string, Buffer][], delimiter: Buffer): Buffer {
  const pieces = added.flatMap(([field, value]) => [
    delimiter,
    Buffer.from(`Content-Disposition: form-data; name="${formName(field)}"\r\n\r\n`),
    formText(value),
    Buffer.from('\r\n'),
  ])
  return Buffer.concat(pieces)
}

function delimiterLine(body: Buffer): Buffer {
  return body.subarray(0, body.indexOf('\r\n') + 2)
}

function formText(json: Buffer): Buffer {
  const value: unknown = JSON.parse(json.toString('utf8'))
  return typeof value === 'string' ? Buffer.from(value) : json
}

/** As browsers escape names (WHATWG HTML, multipart/form-data encoding algorithm). */
function formName(field: string): string {
  return field.replace(/["\r\n]/g, encodeURIComponent)
}

export interface StreamUsage {
  /** False: the usage that comes must be kept from the client. */
  clientAsked: boolean
  /** Makes the provider send usage; undefined when the client's own words do. */
  edit: BodyEdit | undefined
}

/** Only these endpoints must be asked; all others send usage in streams unasked. */
const ASKED_FOR_USAGE: readonly string[] = ['/chat/completions', '/completions']
const ASK: BodyEdit = { kind: 'set', field: 'stream_options', value: Buffer.from('{"include_usage":true}') }

/**
 * How a stream is made to report its usage, keeping what else the client set in `stream_options`. Undefined where there
 * is nothing to ask. Throws `invalid_body` when the client's `stream_options` is not JSON.
 */
export function streamUsageEdit(request: DecodedRequest): StreamUsage | undefined {
  const asksAtAll = request.dialect === 'OpenAI' && ASKED_FOR_USAGE.includes(request.endpoint)
  if (!asksAtAll || !request.stream || request.fields.format !== 'json') return undefined
  const span = request.fields.spans.get('stream_options')
  if (span === undefined) return { clientAsked: false, edit: ASK }
  const sent = request.body.toString('utf8', span.start, span.end)
  const options = parseOptions(sent)
  const clientAsked = options.include_usage === true
  const value = JSON.stringify({ ...options, include_usage: true })
  // Spelled in another way it may name the member twice, and a parser that takes the first one would send no usage.
  if (clientAsked && sent.replace(/[ \t\r\n]/g, '') === value) return { clientAsked, edit: undefined }
  return { clientAsked, edit: { kind: 'set', field: 'stream_options', value: Buffer.from(value) } }
}

/** What is not an object holds no option of the client's to keep. */
function parseOptions(json: string): Record<string, unknown> {
  try {
    const options: unknown = JSON.parse(json)
    return typeof options === 'object' && options !== null && !Array.isArray(options) ? { ...options } : {}
  } catch (cause) {
    throw new Refusal('invalid_body', 'The field "stream_options" is not valid JSON.', { cause })
  }
}
