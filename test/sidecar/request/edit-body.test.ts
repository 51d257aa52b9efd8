import { expect, test } from '@jest/globals'
import { decode, fieldsToRead } from '../../../sidecar/request/decode.ts'
import type { DecodedRequest } from '../../../sidecar/request/decoded-request.ts'
import { type BodyEdit, editBody, streamUsageEdit } from '../../../sidecar/request/edit-body.ts'
import { pick, type Random, seeded } from '../../support/random.ts'
import { randomObject, randomValue } from './random-json.ts'

const FIELDS = ['model', 'temperature', 'top_p', 'user', 'größe', '__proto__']

function request(body: string, target = '/v1/images/generations', contentType = 'application/json'): DecodedRequest {
  const head = { method: 'POST', target, rawHeaders: ['content-type', contentType] }
  return decode(head, Buffer.from(body), fieldsToRead(FIELDS))
}

function edit(kind: BodyEdit['kind'], field: string, value: unknown): BodyEdit {
  return { kind, field, value: Buffer.from(JSON.stringify(value)) }
}

function check(name: string, body: string, edits: BodyEdit[], expected: string): void {
  test(name, () => {
    expect(Buffer.concat(editBody(request(body), edits)).toString()).toBe(expected)
  })
}

check(
  'replaces a value where it stands',
  '{ "model" : "a", "n":1}',
  [edit('set', 'model', 'bb')],
  '{ "model" : "bb", "n":1}',
)
check('adds a field in front', '{ "n":1}', [edit('set', 'top_p', 1)], '{"top_p":1, "n":1}')
check('adds a field to an empty object', ' { } ', [edit('set', 'top_p', 1)], ' {"top_p":1 } ')
check(
  'adds two fields to an empty object',
  '{}',
  [edit('set', 'top_p', 1), edit('default', 'user', 'u')],
  '{"top_p":1,"user":"u"}',
)
check('leaves a field that has a default', '{"top_p":null}', [edit('default', 'top_p', 1)], '{"top_p":null}')
check('fills in a default', '{"n":1}', [edit('default', 'top_p', 1)], '{"top_p":1,"n":1}')
check(
  'lets a later edit win',
  '{}',
  [edit('set', 'top_p', 1), edit('default', 'top_p', 2), edit('set', 'top_p', 3)],
  '{"top_p":3}',
)
check(
  'edits in any order of the fields',
  '{"user":"u","model":"a","temperature":1}',
  [edit('set', 'temperature', 0), edit('set', 'top_p', 1), edit('set', 'user', ''), edit('set', 'model', 'b')],
  '{"top_p":1,"user":"","model":"b","temperature":0}',
)

test('returns the body itself when nothing changes', () => {
  const sent = request('{"model":"a"}')
  expect(editBody(sent, [])).toEqual([sent.body])
  expect(editBody(sent, [edit('default', 'model', 'b')])).toEqual([sent.body])
})

test('copies no byte that it keeps', () => {
  const sent = request(`{"model":"a","user":"${'x'.repeat(100_000)}"}`)
  const shared = editBody(sent, [edit('set', 'model', 'b'), edit('set', 'top_p', 1)]).filter(
    (piece) => piece.buffer === sent.body.buffer && piece.byteOffset >= sent.body.byteOffset,
  )
  expect(shared.reduce((bytes, piece) => bytes + piece.length, 0)).toBe(sent.body.length - '"a"'.length)
})

test('passes a body that was not read', () => {
  const sent = request('{"model":"a"}', '/v1/files')
  expect(editBody(sent, [edit('set', 'model', 'b')])).toEqual([sent.body])
})

const FORM_TYPE = 'multipart/form-data; boundary=b'
const form = (model: string) => `--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n--b--\r\n`

test('replaces and adds fields of a form as text', () => {
  const sent = request(form('whisper-1'), '/v1/audio/transcriptions', FORM_TYPE)
  const edits = [edit('set', 'model', 'größer'), edit('set', 'temperature', 0.5), edit('default', 'user', 'a"b')]
  expect(Buffer.concat(editBody(sent, edits)).toString()).toBe(
    '--b\r\nContent-Disposition: form-data; name="temperature"\r\n\r\n0.5\r\n' +
      `--b\r\nContent-Disposition: form-data; name="user"\r\n\r\na"b\r\n${form('größer')}`,
  )
})

test('edits 5,000 random bodies as the parsed object would be edited, and no other byte', () => {
  for (let seed = 0; seed < 5_000; seed++) {
    const random = seeded(seed)
    const sent = request(withValidModel(random, randomObject(random, 8)))
    const edits = Array.from({ length: Math.floor(random() * 5) }, () => randomEdit(random))
    const pieces = editBody(sent, edits)
    const edited = Buffer.concat(pieces).toString()
    expect({ seed, edited: JSON.parse(edited) }).toEqual({ seed, edited: editedObject(sent.body, edits) })
    const kept = pieces.filter(
      (piece) => piece.buffer === sent.body.buffer && !edits.some(({ value }) => value === piece),
    )
    expect({ seed, kept: Buffer.concat(kept.filter((piece) => isViewOf(piece, sent.body))).toString() }).toEqual({
      seed,
      kept: withoutValues(sent, edits),
    })
  }
})

function randomEdit(random: Random): BodyEdit {
  const field = pick(random, FIELDS)
  const value = Buffer.from(field === 'model' ? '"edited"' : randomValue(random, 2))
  return { kind: random() < 0.5 ? 'set' : 'default', field, value }
}

/** The document with its last member `model`, so that decode accepts it. */
function withValidModel(random: Random, json: string): string {
  const member = random() < 0.5 ? '"model":"m"' : '"model" : "m" '
  return Object.keys(JSON.parse(json)).length === 0 ? `{${member}}` : json.replace(/\}$/, `,${member}}`)
}

function editedObject(body: Buffer, edits: readonly BodyEdit[]): unknown {
  const members = new Map<string, unknown>(Object.entries(JSON.parse(body.toString())))
  for (const { kind, field, value } of edits) {
    if (kind === 'set' || !members.has(field)) members.set(field, JSON.parse(value.toString()))
  }
  return Object.fromEntries(members)
}

function isViewOf(piece: Buffer, body: Buffer): boolean {
  return piece.byteOffset >= body.byteOffset && piece.byteOffset + piece.length <= body.byteOffset + body.length
}

/** The body less the values that `set` edits replace. */
function withoutValues({ body, fields }: DecodedRequest, edits: readonly BodyEdit[]): string {
  const replaced = new Set(edits.filter(({ kind }) => kind === 'set').map(({ field }) => field))
  const spans = [...fields.spans].filter(([name]) => replaced.has(name)).map(([, span]) => span)
  const bytes = [...body].filter((_, i) => !spans.some(({ start, end }) => i >= start && i < end))
  return Buffer.from(bytes).toString()
}

interface Asked {
  clientAsked: boolean
  /** `stream_options` as it will be sent, undefined for as it is. */
  sends: string | undefined
}

function checkUsage(name: string, body: string, expected: Asked | undefined, target = '/v1/chat/completions'): void {
  test(name, () => {
    const usage = streamUsageEdit(request(body, target))
    if (usage?.edit !== undefined) expect(usage.edit).toMatchObject({ kind: 'set', field: 'stream_options' })
    expect(usage && { clientAsked: usage.clientAsked, sends: usage.edit?.value.toString() }).toEqual(expected)
  })
}

const ASK = '{"include_usage":true}'
checkUsage('asks for usage when the client did not', '{"model":"m","stream":true}', { clientAsked: false, sends: ASK })
checkUsage(
  'leaves a client that asked alone',
  '{"model":"m","stream":true,"stream_options":{ "include_usage": true }}',
  {
    clientAsked: true,
    sends: undefined,
  },
)
checkUsage('keeps the other options', '{"model":"m","stream":true,"stream_options":{"include_obfuscation":false}}', {
  clientAsked: false,
  sends: '{"include_obfuscation":false,"include_usage":true}',
})
for (const options of [
  '{"include_usage":false}',
  '{"include_usage":"true"}',
  '{"include_usage":1}',
  'null',
  '[]',
  '"x"',
  '{}',
]) {
  checkUsage(`asks instead of ${options}`, `{"model":"m","stream":true,"stream_options":${options}}`, {
    clientAsked: false,
    sends: ASK,
  })
}
for (const options of ['{"include_usage":false,"include_usage":true}', String.raw`{"include\u005fusage":true}`]) {
  checkUsage(`asks in one spelling instead of ${options}`, `{"model":"m","stream":true,"stream_options":${options}}`, {
    clientAsked: true,
    sends: ASK,
  })
}
checkUsage(
  'keeps __proto__ a member',
  '{"model":"m","stream":true,"stream_options":{"__proto__":{"include_usage":true}}}',
  {
    clientAsked: false,
    sends: '{"__proto__":{"include_usage":true},"include_usage":true}',
  },
)
checkUsage(
  'asks for usage of legacy completions',
  '{"model":"m","stream":true}',
  { clientAsked: false, sends: ASK },
  '/v1/completions',
)
checkUsage(
  'asks for usage of an Azure client',
  '{"stream":true}',
  { clientAsked: false, sends: ASK },
  '/openai/deployments/d/chat/completions',
)
checkUsage('does not ask without a stream', '{"model":"m","stream":false}', undefined)
checkUsage('does not ask where usage always comes', '{"model":"m","stream":true}', undefined, '/v1/responses')
checkUsage('does not ask Anthropic', '{"model":"m","stream":true}', undefined, '/v1/messages')

test('refuses stream options that are not JSON', () => {
  const sent = request('{"model":"m","stream":true,"stream_options":{"include_usage":tru}}', '/v1/chat/completions')
  expect(() => streamUsageEdit(sent)).toThrow(expect.objectContaining({ code: 'invalid_body' }))
})
