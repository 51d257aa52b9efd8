import { setImmediate } from 'node:timers/promises'
import zlib from 'node:zlib'
import { expect, jest, test } from '@jest/globals'
import { Refusal } from '../../../sidecar/errors.ts'
import { type Ask, CHAT_END, CHAT_EVENT, JSON_TYPE, Relayed, SSE_TYPE, splits, TEXT_TYPE } from './client-for-tests.ts'

const ANSWER = Buffer.from(
  '{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
)
const CHAT_STREAM = Buffer.from(CHAT_EVENT + CHAT_END)

// Headers.

const PASSED = [
  ...['x-request-id', 'req_1', 'Retry-After', '3', 'x-ratelimit-remaining-requests', '7'],
  ...['X-Twice', '1', 'x-twice', '2'],
]
const HEADERS_SENT = [
  ...['Content-Type', 'application/json', 'Content-Length', '9', 'Transfer-Encoding', 'chunked'],
  ...[
    'Connection',
    'X-Hop, close',
    'X-Hop',
    '1',
    'Keep-Alive',
    'timeout=5',
    'Upgrade',
    'h2c',
    'TE',
    'x',
    'Trailer',
    'x',
  ],
  ...['Proxy-Authenticate', 'Basic', 'Proxy-Connection', 'close', 'Set-Cookie', 'a=b', 'Alt-Svc', 'h3=":443"'],
  ...['X-Outrigger-Provider', 'forged', 'x-outrigger-reason', 'forged', 'X-OUTRIGGER-NEW', 'forged'],
  ...PASSED,
]

test('the headers of the provider pass, less those of its connection and those that only Outrigger sets', async () => {
  const relayed = new Relayed({ models: ['m'] })
  await relayed.answer(200, HEADERS_SENT, [ANSWER])
  expect(relayed.client.headers).toEqual([
    ...['Content-Type', 'application/json'],
    ...PASSED,
    ...['x-outrigger-request-id', 'request-1', 'x-outrigger-provider', 'shop/provider'],
    ...['x-outrigger-attempts', '1', 'x-outrigger-model', 'm'],
  ])
})

test('a model that the configuration does not name is in no header: its name is the client’s', async () => {
  const relayed = new Relayed()
  await relayed.answer(200, HEADERS_SENT, [ANSWER])
  expect(relayed.headers['x-outrigger-model']).toBeUndefined()
})

test('what the last Connection names is dropped, even by several of them', async () => {
  const relayed = new Relayed()
  await relayed.answer(200, ['A', '1', 'B', '2', 'connection', 'a', 'CONNECTION', 'close, B'], [])
  expect(Object.keys(relayed.headers).filter((name) => !name.startsWith('x-outrigger'))).toEqual([])
})

// Answers without a body.

test.each([204, 304, 200])('an answer of %d that has no body stays without one', async (status) => {
  for (const type of [JSON_TYPE, SSE_TYPE, TEXT_TYPE]) {
    const relayed = new Relayed({ operation: 'Other' })
    expect(await relayed.answer(status, [...type, 'Content-Encoding', 'gzip'], [], 0)).toBe('relayed')
    expect([relayed.client.status, relayed.client.body.length, relayed.client.ending]).toEqual([status, 0, 'whole'])
  }
})

test('an error page without end is read until there is as much of it as is kept, and no further', async () => {
  const relayed = new Relayed()
  relayed.sink.onHead(500, TEXT_TYPE, undefined)
  relayed.body(Buffer.alloc(100_000, 'x'), Buffer.alloc(100_000, 'x'))
  expect([relayed.answers.bytes, relayed.upstream.done]).toEqual([200_000, []])
  relayed.body(Buffer.alloc(100_000, 'x'))
  expect([relayed.answers.bytes, relayed.upstream.done]).toEqual([256 * 1024, ['abort']])
  expect([await relayed.outcome, relayed.client.status, relayed.client.ending]).toEqual(['relayed', 500, 'whole'])
  expect(relayed.client.body.length).toBe(256 * 1024)
})

test('an error page of just as much as is kept is read to its end', async () => {
  const relayed = new Relayed()
  await relayed.answer(500, [...TEXT_TYPE], [Buffer.alloc(256 * 1024, 'x')])
  expect([relayed.upstream.done, relayed.client.body.length]).toEqual([[], 256 * 1024])
})

// Ends that come too early.

interface Cut {
  ask: Ask
  type: readonly string[]
  sent: string
  /** What the client gets, and how it ends; or the code that its refusal has. */
  expected: RegExp | string
  end?: 'whole' | 'broken'
}

const ANTHROPIC_BEGIN =
  'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":3}}}\n\n'
const GEMINI_BEGIN = 'data: {"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}\n\n'
const LARGE = `{"x":"${'x'.repeat(300_000)}`

const CUTS: readonly (readonly [name: string, cut: Cut])[] = [
  ['nothing at all', { ask: { stream: true }, type: SSE_TYPE, sent: '', expected: 'provider_truncated' }],
  ['half an event', { ask: { stream: true }, type: SSE_TYPE, sent: 'data: {"cho', expected: 'provider_truncated' }],
  ['a document', { ask: {}, type: JSON_TYPE, sent: '{"choices":[', expected: 'provider_truncated' }],
  ['a large document', { ask: {}, type: JSON_TYPE, sent: LARGE, expected: /^\{"x":"x+$/, end: 'broken' }],
  [
    'a stream of OpenAI’s',
    {
      ask: { stream: true },
      type: SSE_TYPE,
      sent: CHAT_EVENT,
      expected: /\n\ndata: \{"error":\{.*provider_truncated.*\}\n\n$/s,
      end: 'whole',
    },
  ],
  [
    'a stream of OpenAI’s, within an event',
    {
      ask: { stream: true },
      type: SSE_TYPE,
      sent: `${CHAT_EVENT}data: {"ch`,
      expected: /"hi".*\n\ndata: \{"error":[^\n]*\n\n$/s,
      end: 'whole',
    },
  ],
  [
    'a stream of OpenAI’s Responses',
    {
      ask: { stream: true, operation: 'Responses' },
      type: SSE_TYPE,
      sent: 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"a"}\n\n',
      expected: /\n\nevent: error\ndata: \{"type":"error"[^\n]*\n\n$/,
      end: 'whole',
    },
  ],
  [
    'a stream of Anthropic’s',
    {
      ask: { dialect: 'Anthropic', operation: 'Messages', stream: true },
      type: SSE_TYPE,
      sent: `${ANTHROPIC_BEGIN}event: content_block_start\ndata: {"type":"content_block_start","index":0}\n\n`,
      expected: /\n\nevent: error\ndata: \{"type":"error","error":[^\n]*\n\n$/,
      end: 'whole',
    },
  ],
  [
    'a stream of Gemini’s, whose error only some clients read',
    {
      ask: { dialect: 'Gemini', stream: true },
      type: SSE_TYPE,
      sent: GEMINI_BEGIN,
      expected: /\n\n\{"error":\{"code":502,[^\n]*$/,
      end: 'broken',
    },
  ],
  [
    'a stream of Gemini’s as an array',
    {
      ask: { dialect: 'Gemini', stream: true },
      type: JSON_TYPE,
      sent: '[{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}\n,\n',
      expected: /^\[\{"candidates"/,
      end: 'broken',
    },
  ],
]

test.each(CUTS)('a clean end that comes too early is none: %s', async (_name, { ask, type, sent, expected, end }) => {
  const relayed = new Relayed(ask)
  const outcome = await relayed.answer(200, [...type], [Buffer.from(sent)])
  if (typeof expected === 'string') {
    expect([outcome, relayed.client.begun]).toEqual([expected, false])
  } else {
    expect([outcome, relayed.client.ending]).toEqual(['relayed', end])
    expect(relayed.client.body.toString()).toMatch(expected)
  }
  expect(relayed.record).toMatchObject({ failure: 'provider_truncated', fault: 'provider' })
})

test.each(CUTS)('a connection that breaks gives the same: %s', async (_name, { ask, type, sent, expected, end }) => {
  const relayed = new Relayed(ask)
  relayed.sink.onHead(200, [...type], undefined)
  if (sent !== '') relayed.body(Buffer.from(sent))
  relayed.sink.onError(new Refusal('provider_truncated'))
  if (typeof expected === 'string') {
    expect([await relayed.outcome, relayed.client.begun]).toEqual([expected, false])
  } else {
    expect([await relayed.outcome, relayed.client.ending]).toEqual(['relayed', end])
    expect(relayed.client.body.toString()).toMatch(expected)
  }
})

test('the length of an array is not announced, since its unfinished end may be kept from the client', async () => {
  const relayed = new Relayed({ dialect: 'Gemini', stream: true })
  relayed.sink.onHead(200, [...JSON_TYPE], 100)
  relayed.body(Buffer.from('[{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}\n,\n'))
  expect([relayed.client.begun, relayed.client.announced]).toEqual([true, undefined])
})

test('an error of the provider is passed on as far as it came', async () => {
  const relayed = new Relayed()
  expect(await relayed.answer(500, [...JSON_TYPE], [Buffer.from('{"error":')])).toBe('relayed')
  expect([relayed.client.status, relayed.client.body.toString()]).toEqual([500, '{"error":'])
})

test('an answer of a type that is not read breaks when its connection breaks', async () => {
  const relayed = new Relayed()
  relayed.sink.onHead(200, [...TEXT_TYPE], 10)
  relayed.body(Buffer.from('abc'))
  relayed.sink.onError(new Refusal('provider_truncated'))
  expect([await relayed.outcome, relayed.client.ending, relayed.client.body.toString()]).toEqual([
    'relayed',
    'broken',
    'abc',
  ])
})

// Content-encodings.

const ENCODINGS: readonly (readonly [name: string, encode: (body: Buffer) => Buffer])[] = [
  ['gzip', zlib.gzipSync],
  ['x-gzip', zlib.gzipSync],
  ['GZip', zlib.gzipSync],
  ['deflate', zlib.deflateSync],
  ['br', zlib.brotliCompressSync],
  ['zstd', zlib.zstdCompressSync],
]

test.each(ENCODINGS)('an answer in %s is undone, wherever it was split', async (encoding, encode) => {
  for (const [type, body] of [
    [JSON_TYPE, ANSWER],
    [SSE_TYPE, CHAT_STREAM],
  ] as const) {
    const encoded = encode(body)
    for (const pieces of splits(encoded)) {
      const relayed = new Relayed({ stream: type === SSE_TYPE })
      expect(await relayed.answer(200, [...type, 'content-encoding', encoding], pieces, encoded.length)).toBe('relayed')
      expect(relayed.client.body.toString()).toBe(body.toString())
      expect(relayed.headers['content-encoding']).toBeUndefined()
      expect(relayed.client.ending).toBe('whole')
    }
  }
})

test.each(ENCODINGS)('an answer in %s that ends too early is none, wherever it was cut', async (encoding, encode) => {
  const encoded = encode(ANSWER)
  for (let length = 0; length < encoded.length; length++) {
    const relayed = new Relayed()
    const pieces = length === 0 ? [] : [encoded.subarray(0, length)]
    const outcome = await relayed.answer(200, [...JSON_TYPE, 'content-encoding', encoding], pieces)
    expect([length, outcome, relayed.client.begun]).toEqual([length, 'provider_truncated', false])
  }
})

test.each(ENCODINGS)('an answer that is not in %s at all is refused, and its call ended', async (encoding) => {
  const relayed = new Relayed()
  relayed.sink.onHead(200, [...JSON_TYPE, 'content-encoding', encoding], undefined)
  relayed.body(Buffer.from('this is not it, and it is long enough to be found out'))
  expect(await relayed.outcome).toBe('provider_invalid_response')
  expect(relayed.upstream.done).toContain('abort')
})

test('an encoding that is not known passes with its header', async () => {
  const relayed = new Relayed()
  expect(await relayed.answer(200, [...TEXT_TYPE, 'content-encoding', 'dcb'], [Buffer.from('xyz')])).toBe('relayed')
  expect([relayed.headers['content-encoding'], relayed.client.body.toString()]).toEqual(['dcb', 'xyz'])
})

test('what was asked for when there is no more to come: usage is recorded from a compressed stream, too', async () => {
  const relayed = new Relayed()
  await relayed.answer(200, [...JSON_TYPE, 'content-encoding', 'br'], [zlib.brotliCompressSync(ANSWER)])
  expect(relayed.record.usage).toMatchObject({ inputTokens: 3, outputTokens: 2 })
})

// Slow clients, and clients that leave.

test('a client that does not keep up slows its provider down, until it does', () => {
  const relayed = new Relayed()
  relayed.client.keepsUp = false
  relayed.sink.onHead(200, [...SSE_TYPE], undefined)
  relayed.body(Buffer.from(CHAT_EVENT))
  expect(relayed.upstream.done).toEqual(['pause'])
  relayed.client.watching?.onDrain()
  expect(relayed.upstream.done).toEqual(['pause', 'resume'])
})

test.each([
  ['before the head', (): void => {}],
  ['behind the head', (relayed: Relayed) => relayed.sink.onHead(200, [...SSE_TYPE], undefined)],
  [
    'within the body',
    (relayed: Relayed) => {
      relayed.sink.onHead(200, [...SSE_TYPE], undefined)
      relayed.body(Buffer.from(CHAT_EVENT))
    },
  ],
])('a client that leaves %s ends the call', async (_name, before) => {
  const relayed = new Relayed({ stream: true })
  before(relayed)
  relayed.client.watching?.onGone()
  expect(await relayed.outcome).toBe('client_closed')
  expect(relayed.upstream.done).toEqual(['abort'])
  expect(relayed.record).toMatchObject({ failure: 'client_closed', fault: 'caller' })
})

test.each([
  ['the last event', CHAT_END, undefined],
  ['the provider’s error', 'data: {"error":{"message":"no","type":"server_error"}}\n\n', 'provider_stream_error'],
] as const)('a client that leaves with %s, before the body ends, has its answer', async (_name, last, failure) => {
  const relayed = new Relayed({ stream: true })
  relayed.sink.onHead(200, [...SSE_TYPE], undefined)
  relayed.body(Buffer.from(CHAT_EVENT), Buffer.from(last))
  relayed.client.watching?.onGone()
  expect(await relayed.outcome).toBe('relayed')
  expect(relayed.upstream.done).toEqual(['abort'])
  expect(relayed.record).toMatchObject({ status: 200, failure, tries: [{ outcome: failure ?? 'Answered' }] })
})

test('usage that had come when the client left is recorded', async () => {
  const relayed = new Relayed({ dialect: 'Anthropic', operation: 'Messages', stream: true })
  relayed.sink.onHead(200, [...SSE_TYPE], undefined)
  relayed.body(Buffer.from(ANTHROPIC_BEGIN))
  relayed.client.watching?.onGone()
  await relayed.outcome
  expect(relayed.record.usage).toMatchObject({ inputTokens: 3 })
})

test('a client that does not take a decoded answer within the total limit is given up', async () => {
  // The limit is the test's to pass: a real one might, on a busy machine, before the decoder has anything.
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] })
  try {
    const relayed = new Relayed({ operation: 'Other' })
    relayed.client.keepsUp = false
    const encoded = zlib.gzipSync(Buffer.alloc(8 * 1024 * 1024))
    const outcome = relayed.answer(200, ['content-encoding', 'gzip'], [encoded], encoded.length)
    while (!relayed.client.begun) await setImmediate()
    jest.advanceTimersByTime(relayed.upstream.leftMs)
    expect(await outcome).toBe('relayed')
    expect([relayed.record.failure, relayed.client.ending]).toEqual(['client_stalled', 'broken'])
  } finally {
    jest.useRealTimers()
  }
})
