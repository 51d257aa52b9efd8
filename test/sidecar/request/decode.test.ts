import { expect, test } from '@jest/globals'
import { Refusal } from '../../../sidecar/errors.ts'
import { decode, fieldsToRead } from '../../../sidecar/request/decode.ts'
import type { DecodedRequest } from '../../../sidecar/request/decoded-request.ts'
import { seeded } from '../../support/random.ts'
import { randomObject } from './random-json.ts'

const JSON_TYPE = ['Content-Type', 'application/json']

interface Sent {
  target?: string
  method?: string
  headers?: string[]
  body: string | Buffer
  fields?: string[]
}

function decodeSent({
  target = '/v1/chat/completions',
  method = 'POST',
  headers = JSON_TYPE,
  body,
  fields = [],
}: Sent) {
  return decode({ method, target, rawHeaders: headers }, Buffer.from(body), fieldsToRead(fields))
}

interface Read {
  model: string | undefined
  stream: boolean
  body: string
  fields: Record<string, string>
}

/** What matters of a decoded request, its spans as the text under them; for a refusal its code and detail. */
function read(sent: Sent): Read | string {
  try {
    const { model, stream, body, fields } = decodeSent(sent)
    const spans = [...fields.spans].map(([name, { start, end }]) => [name, body.toString('utf8', start, end)])
    return { model, stream, body: body.toString('utf8'), fields: Object.fromEntries(spans) }
  } catch (error) {
    if (error instanceof Refusal) return error.detail === undefined ? error.code : `${error.code}: ${error.detail}`
    throw error
  }
}

/** `body` is the body as sent when the case does not expect another. */
function check(name: string, sent: Sent, expected: (Omit<Read, 'body'> & { body?: string }) | string): void {
  test(name, () => {
    expect(read(sent)).toStrictEqual(
      typeof expected === 'string' ? expected : { body: sent.body.toString('utf8'), ...expected },
    )
  })
}

check(
  'reads model and stream, and notes what rules set',
  { body: '{"model":"m","temperature":0.5,"stream":true,"user":"u"}', fields: ['temperature', 'top_p'] },
  { model: 'm', stream: true, fields: { model: '"m"', stream: 'true', temperature: '0.5' } },
)
for (const value of ['false', 'null', '"true"', '1', '[true]']) {
  check(
    `does not stream for ${value}`,
    { body: `{"model":"m","stream":${value}}` },
    {
      model: 'm',
      stream: false,
      fields: { model: '"m"', stream: value },
    },
  )
}
check(
  'reads the escapes of a model name',
  { body: String.raw`{"model":"a\/b\u002dc"}` },
  {
    model: 'a/b-c',
    stream: false,
    fields: { model: String.raw`"a\/b\u002dc"` },
  },
)
check(
  'takes a model name of any script, up to 256 bytes',
  { body: `{"model":"${'é'.repeat(128)}"}` },
  {
    model: 'é'.repeat(128),
    stream: false,
    fields: { model: `"${'é'.repeat(128)}"` },
  },
)
check(
  'takes the model of a path and notes the one in the body, for it must be replaced',
  {
    target: '/openai/deployments/d/chat/completions?api-version=1',
    body: '{"model":"other","stream":true}',
  },
  { model: 'd', stream: true, fields: { model: '"other"', stream: 'true' } },
)
check(
  'needs no model in the body when the path has one',
  {
    target: '/openai/deployments/d/chat/completions',
    body: '{}',
  },
  { model: 'd', stream: false, fields: {} },
)
check(
  'takes model and stream of a Gemini request from the path alone',
  {
    target: '/v1beta/models/g:generateContent',
    body: '{"stream":true,"model":"models/other"}',
  },
  { model: 'g', stream: false, fields: { stream: 'true', model: '"models/other"' } },
)
check(
  'reads a Gemini request that names the model in the body',
  {
    target: '/v1beta/interactions',
    body: '{"model":"g","stream":true}',
  },
  { model: 'g', stream: true, fields: { model: '"g"', stream: 'true' } },
)
check(
  'does without a model where the API does',
  { target: '/v1/images/generations', body: '{"prompt":"p"}' },
  {
    model: undefined,
    stream: false,
    fields: {},
  },
)
check(
  'does not read what passes unread',
  { target: '/v1/files', body: 'not { json' },
  {
    model: undefined,
    stream: false,
    fields: {},
  },
)
check(
  'does not read the body of a GET',
  { method: 'GET', target: '/v1/models', body: '' },
  {
    model: undefined,
    stream: false,
    fields: {},
  },
)
for (const headers of [[], ['content-type', 'text/plain'], ['CONTENT-TYPE', 'application/json; charset="UTF-8"']]) {
  check(
    `reads JSON with ${headers[1] ?? 'no content type'}`,
    { headers, body: '{"model":"m"}' },
    {
      model: 'm',
      stream: false,
      fields: { model: '"m"' },
    },
  )
}

// Two spellings of one field: written anew, so that every parser reads the one that was read here.
check(
  'lets the last of two models win, in the body too',
  { body: '{"model":"a", "x":1, "model":"b"}' },
  {
    model: 'b',
    stream: false,
    body: '{"model":"b","x":1}',
    fields: { model: '"b"' },
  },
)
check(
  'reads an escaped key',
  { body: String.raw`{"model":"a","mod\u0065l":"b","str\u0065am":true}` },
  {
    model: 'b',
    stream: true,
    body: '{"model":"b","stream":true}',
    fields: { model: '"b"', stream: 'true' },
  },
)
check(
  'rewrites a field of a rule that is there twice',
  {
    body: '{"model":"m","max_tokens":1,"max_tokens":9}',
    fields: ['max_tokens'],
  },
  { model: 'm', stream: false, body: '{"model":"m","max_tokens":9}', fields: { model: '"m"', max_tokens: '9' } },
)
check(
  'keeps keys that need an escape, and __proto__, when it rewrites',
  {
    body: String.raw`{"model":"m","a\"b":1,"__proto__":{"model":"no"},"\u0061":2}`,
  },
  {
    model: 'm',
    stream: false,
    body: String.raw`{"model":"m","a\"b":1,"__proto__":{"model":"no"},"a":2}`,
    fields: { model: '"m"' },
  },
)
check(
  'refuses what must be rewritten and cannot be',
  { body: '{"model":"a","model":"b","x":[1,]}' },
  'invalid_body: It is not valid JSON.',
)
check(
  'refuses a key that differs only in case',
  { body: '{"model":"a","Model":"b"}' },
  'invalid_body: The field "Model" differs from "model" only in case.',
)

// The model itself.
for (const value of ['null', '1', '["m"]', '{}', 'true']) {
  check(
    `refuses ${value} as a model`,
    { body: `{"model":${value}}` },
    'invalid_body: The field "model" must be a string.',
  )
}
check('refuses an empty model', { body: '{"model":""}' }, 'invalid_body: The model name is empty.')
check(
  'refuses 257 bytes of model',
  { body: `{"model":"é${'m'.repeat(255)}"}` },
  'invalid_body: The model name is longer than 256 bytes.',
)
check(
  'refuses a control character in a model',
  { body: String.raw`{"model":"m\u000a"}` },
  'invalid_body: The model name holds a control character.',
)
check(
  'refuses a raw control character in a model',
  { body: '{"model":"m\n"}' },
  'invalid_body: The model name holds a control character.',
)
check(
  'refuses a lone surrogate in a model',
  { body: String.raw`{"model":"\ud800"}` },
  'invalid_body: The model name is not valid Unicode.',
)
check(
  'refuses a malformed escape in a model',
  { body: String.raw`{"model":"\x41"}` },
  'invalid_body: The field "model" is not valid JSON.',
)
check('refuses a chat without a model', { body: '{"messages":[]}' }, 'missing_model')
check('does not take a nested model', { body: '{"x":{"model":"m"},"__proto__":{"model":"m"}}' }, 'missing_model')

// The format.
for (const [name, body] of [
  ['a byte order mark', '\ufeff{"model":"m"}'],
  ['a list', '[{"model":"m"}]'],
  ['an empty body', ''],
  ['a form', 'model=m&stream=true'],
] as const) {
  check(`refuses ${name}`, { body }, 'invalid_body: It must be one JSON object; it is malformed at byte 0.')
}
check(
  'refuses what is not UTF-8',
  { body: Buffer.from('{"model":"m","x":"\xe9"}', 'latin1') },
  'invalid_body: It is not valid UTF-8.',
)
check(
  'refuses UTF-16',
  { body: Buffer.from('{"model":"m"}', 'utf16le') },
  'invalid_body: It must be one JSON object; it is malformed at byte 1.',
)
for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=b', 'multipart/mixed']) {
  check(
    `refuses JSON that is labelled ${type}`,
    { headers: ['Content-Type', type], body: '{"model":"m"}' },
    'invalid_body: Send it as application/json.',
  )
}
check(
  'refuses another charset',
  {
    headers: ['Content-Type', 'application/json; charset=utf-7'],
    body: '{"model":"m"}',
  },
  'invalid_body: Send it in UTF-8.',
)
check(
  'refuses two content types',
  {
    target: '/v1/audio/transcriptions',
    headers: [...JSON_TYPE, 'content-type', 'multipart/form-data; boundary=b'],
    body: '{"model":"m"}',
  },
  'invalid_body: Its content type is ambiguous.',
)

// Forms; what multipart.ts refuses is in its own test.
const FORM = ['Content-Type', 'multipart/form-data; boundary=b']
const formBody = '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b--\r\n'
check(
  'reads model and stream of a form',
  {
    target: '/v1/audio/transcriptions',
    headers: FORM,
    body: formBody.replace('--b--', '--b\r\nContent-Disposition: form-data; name=stream\r\n\r\ntrue\r\n--b--'),
  },
  { model: 'whisper-1', stream: true, fields: { model: 'whisper-1', stream: 'true' } },
)
check(
  'reads JSON where a form may be',
  { target: '/v1/images/edits', body: '{"model":"m"}' },
  {
    model: 'm',
    stream: false,
    fields: { model: '"m"' },
  },
)
check(
  'refuses an upload without a model',
  {
    target: '/v1/audio/transcriptions',
    headers: FORM,
    body: formBody.replace('"model"', '"x"; filename="model"'),
  },
  'missing_model',
)
check(
  'refuses a model in a form that is not UTF-8',
  {
    target: '/v1/audio/transcriptions',
    headers: FORM,
    body: Buffer.from(formBody.replace('whisper-1', '\xff'), 'latin1'),
  },
  'invalid_body: The field "model" is not valid UTF-8.',
)

test('hands on the head, the classification and the body itself', () => {
  const body = Buffer.from('{"model":"m"}')
  const head = { method: 'POST', target: '/v1/chat/completions?a=1&key=k', rawHeaders: JSON_TYPE }
  const request = decode(head, body, fieldsToRead([]))
  const expected: DecodedRequest = {
    head,
    dialect: 'OpenAI',
    operation: 'Chat',
    addressing: 'Standard',
    endpoint: '/chat/completions',
    query: 'a=1',
    model: 'm',
    stream: false,
    body,
    fields: { format: 'json', insertAt: 1, empty: false, spans: new Map([['model', { start: 9, end: 12 }]]) },
  }
  expect(request).toStrictEqual(expected)
  expect(request.body).toBe(body)
})

test('says of an unread body that nothing can be edited', () => {
  expect(decodeSent({ target: '/v1/files', body: '{}' }).fields).toStrictEqual({
    format: 'opaque',
    insertAt: -1,
    empty: false,
    spans: new Map(),
  })
})

test('reads the model that JSON.parse reads, and forwards the same document, for 3,000 random bodies', () => {
  let rewritten = 0
  for (let seed = 0; seed < 3_000; seed++) {
    const body = randomObject(seeded(seed), 8)
    const parsed = JSON.parse(body) as Record<string, unknown>
    const result = read({ body, target: '/v1/moderations' })
    if (typeof result === 'string') {
      expect({ body, result }).toEqual({
        body,
        result: expect.stringMatching(/^invalid_body: The (model|field "model")/),
      })
      expect(isModelName(parsed.model)).toBe(false)
    } else {
      expect({ body, model: result.model }).toEqual({
        body,
        model: Object.hasOwn(parsed, 'model') ? parsed.model : undefined,
      })
      // Through JSON.stringify, because a rewritten -0 is 0.
      expect(JSON.parse(result.body)).toEqual(result.body === body ? parsed : JSON.parse(JSON.stringify(parsed)))
      if (result.body !== body) rewritten++
    }
  }
  expect(rewritten).toBeGreaterThan(300)
})

function isModelName(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('\n')
}
