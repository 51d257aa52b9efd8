// Reads off a request what route and providers need: a head and a body go in, a DecodedRequest comes out.
//
// The body stays bytes: its model and stream flag are read in place, and the places of all fields that may be edited are
// noted. One invariant rules here: whatever parser reads the forwarded body, it reads the model that the policy saw. A
// body that could be read in two ways is written anew once (JSON.parse and JSON.stringify, the last of two keys wins) and
// read again; one that cannot be made unambiguous is refused. Errors are `malformed_request`, `unknown_path`,
// `invalid_body` and `missing_model`.
//
// Never here: what is allowed (route), what is sent (providers), undoing content encodings (the listener did).
import { isUtf8 } from 'node:buffer'
import { Refusal } from '../errors.ts'
import type { BodyFields, DecodedRequest, Span } from './decoded-request.ts'
import { classify, type Target } from './endpoints.ts'
import { header, type RequestHead } from './head.ts'
import { walkObject } from './json-walker.ts'
import { walkMultipart } from './multipart.ts'
import { modelFault } from './request-target.ts'

/** Read for every request, whatever the rules set. */
const OWN_FIELDS: readonly string[] = ['model', 'stream', 'stream_options']

const UNREAD: BodyFields = { format: 'opaque', insertAt: -1, empty: false, spans: new Map() }

interface ReadBody {
  body: Buffer
  fields: BodyFields
}

/** What to read of each request, where these are wanted besides our own. Worked out once, not per request. */
export function fieldsToRead(besides: readonly string[]): readonly string[] {
  return [...new Set([...OWN_FIELDS, ...besides])]
}

/** `wanted` are top-level fields, as `fieldsToRead` says. `body` is whole and without content encoding. */
export function decode(head: RequestHead, body: Buffer, wanted: readonly string[]): DecodedRequest {
  const target = classify(head)
  const read = readBody(head, target, body, wanted)
  const model = target.model ?? modelInBody(read)
  if (model === undefined && target.needsModel) throw new Refusal('missing_model')
  return {
    head,
    dialect: target.dialect,
    operation: target.operation,
    addressing: target.addressing,
    endpoint: target.endpoint,
    query: target.query,
    model,
    stream: target.stream ?? asksForStream(read),
    body: read.body,
    fields: read.fields,
  }
}

function readBody(head: RequestHead, target: Target, body: Buffer, wanted: readonly string[]): ReadBody {
  if (target.body === 'Unread') return { body, fields: UNREAD }
  const multipart = multipartType(head, target)
  if (multipart === undefined) return readJson(body, wanted)
  const spans = walkMultipart(body, multipart, wanted)
  return { body, fields: { format: 'multipart', insertAt: 0, empty: false, spans } }
}

/**
 * The content type of a body that is to be read as a form; undefined for JSON, which is what any other type is taken for.
 * A type that would let a server read another format out of the same bytes is refused.
 */
function multipartType(head: RequestHead, target: Target): string | undefined {
  const type = header(head, 'content-type')
  if (type === undefined || type === 'application/json') return undefined
  if (type.includes(',')) throw new Refusal('invalid_body', 'Its content type is ambiguous.')
  const isMultipart = /^\s*multipart\/form-data\b/i.test(type)
  if (isMultipart && target.body === 'Form') return type
  if (/form|multipart/i.test(type)) throw new Refusal('invalid_body', 'Send it as application/json.')
  const charset = /charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1] ?? 'utf-8'
  if (!/^(?:utf-?8|us-ascii)$/i.test(charset)) throw new Refusal('invalid_body', 'Send it in UTF-8.')
  return undefined
}

function readJson(body: Buffer, wanted: readonly string[]): ReadBody {
  if (!isUtf8(body)) throw new Refusal('invalid_body', 'It is not valid UTF-8.')
  const walked = walkObject(body, wanted)
  if (!walked.ambiguous) return { body, fields: jsonFields(walked) }
  const rewritten = rewrite(body)
  return { body: rewritten, fields: jsonFields(walkObject(rewritten, wanted)) }
}

function jsonFields({ insertAt, empty, spans }: ReturnType<typeof walkObject>): BodyFields {
  return { format: 'json', insertAt, empty, spans }
}

/** One spelling of every key, and every key once. JSON.stringify escapes only what must be, so no wanted key. */
function rewrite(body: Buffer): Buffer {
  try {
    return Buffer.from(JSON.stringify(JSON.parse(body.toString('utf8'))))
  } catch (cause) {
    throw new Refusal('invalid_body', 'It is not valid JSON.', { cause })
  }
}

function modelInBody({ body, fields }: ReadBody): string | undefined {
  const span = fields.spans.get('model')
  if (span === undefined) return undefined
  const model = fields.format === 'json' ? jsonString(body, span) : formText(body, span)
  const fault = modelFault(model)
  if (fault !== undefined) throw new Refusal('invalid_body', fault)
  return model
}

function jsonString(body: Buffer, { start, end }: Span): string {
  const text = body.toString('utf8', start, end)
  if (!text.startsWith('"')) throw new Refusal('invalid_body', 'The field "model" must be a string.')
  if (!text.includes('\\')) return text.slice(1, -1)
  try {
    return JSON.parse(text) as string
  } catch (cause) {
    throw new Refusal('invalid_body', 'The field "model" is not valid JSON.', { cause })
  }
}

function formText(body: Buffer, { start, end }: Span): string {
  if (!isUtf8(body.subarray(start, end))) throw new Refusal('invalid_body', 'The field "model" is not valid UTF-8.')
  return body.toString('utf8', start, end)
}

function asksForStream({ body, fields }: ReadBody): boolean {
  const span = fields.spans.get('stream')
  return span !== undefined && span.end - span.start === 4 && body.toString('latin1', span.start, span.end) === 'true'
}
