import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import type { Dialect, Operation } from '../../../contract/sidecar-config.ts'
import { type AnswerKind, createBodyReader } from '../../../sidecar/stream/create-body-reader.ts'
import { HAS_RECORDINGS, recordedAnswers } from './recordings.ts'
import { plainUsage } from './reference.ts'
import { byteByByte, replay } from './replay.ts'

const family = HAS_RECORDINGS ? describe : describe.skip

function json(dialect: Dialect, operation: Operation): AnswerKind {
  return { dialect, operation, format: 'json', stripUsage: 'Keep', framing: 'Announced' }
}

function usageOf(dialect: Dialect, operation: Operation, body: unknown) {
  return replay(json(dialect, operation), [Buffer.from(JSON.stringify(body))]).usage
}

family(`a recorded answer${HAS_RECORDINGS ? '' : ' (skipped: no recordings on this machine)'}`, () => {
  const answers = HAS_RECORDINGS ? recordedAnswers() : []
  test.each(answers.map((answer) => [answer.name, answer] as const))('%s', (_name, { dialect, operation, body }) => {
    const found = replay(json(dialect, operation), [body])
    const parsed = JSON.parse(body.toString())
    const object = dialect === 'Gemini' ? parsed.usageMetadata : parsed.usage
    expect(found.usage).toEqual(plainUsage(dialect, object))
    expect(found.complete).toBe(true)
    expect(found.forwarded.equals(body)).toBe(true)
    expect(replay(json(dialect, operation), byteByByte(body))).toEqual(found)
  })
})

describe('usage is the document’s own', () => {
  const folder = new URL('../../fixtures/answers/', import.meta.url)
  const expected: Record<string, [Dialect, Operation, object]> = {
    'anthropic-tool-input.json': [
      'Anthropic',
      'Messages',
      { inputTokens: 125, outputTokens: 7, cacheWriteTokens: 100 },
    ],
    'gemini-function-arguments.json': ['Gemini', 'Chat', { inputTokens: 15, outputTokens: 7, reasoningTokens: 4 }],
    'openai-chat-tool-arguments.json': ['OpenAI', 'Chat', { inputTokens: 19, outputTokens: 10, cachedInputTokens: 4 }],
  }
  test.each(readdirSync(folder))('%s', (file) => {
    const body = readFileSync(new URL(file, folder))
    const [dialect, operation, usage] = expected[file] ?? []
    if (dialect === undefined || operation === undefined) throw new Error(`${file} is not in the table`)
    expect(replay(json(dialect, operation), [body]).usage).toMatchObject(usage as object)
  })

  test('a rerank answer is counted by total, or by billed units', () => {
    const counted = { inputTokens: 12, outputTokens: 0 }
    expect(usageOf('OpenAI', 'Rerank', { results: [], usage: { total_tokens: 12 } })).toMatchObject(counted)
    expect(usageOf('OpenAI', 'Rerank', { meta: { billed_units: { input_tokens: 12 } } })).toMatchObject(counted)
    expect(usageOf('OpenAI', 'Rerank', { meta: { billed_units: { search_units: 1 } } })).toBeUndefined()
  })

  test('a count of tokens is no usage', () => {
    expect(usageOf('Anthropic', 'Messages', { input_tokens: 14 })).toBeUndefined()
    expect(usageOf('OpenAI', 'Responses', { object: 'response.input_tokens', input_tokens: 14 })).toBeUndefined()
    expect(usageOf('Gemini', 'Chat', { totalTokens: 14 })).toBeUndefined()
    expect(usageOf('Gemini', 'Embeddings', { embedding: { values: [1] } })).toBeUndefined()
  })

  test('what repeats usage that was recorded before is not counted again', () => {
    expect(usageOf('OpenAI', 'Other', { object: 'batch', usage: { total_tokens: 5 } })).toBeUndefined()
  })
})

describe('a body', () => {
  const small = Buffer.from('{"a":"b","usage":{"prompt_tokens":1}}\n')

  test('is held until its end while it is small', () => {
    const chunks = [small.subarray(0, 5), small.subarray(5)]
    expect(replay(json('OpenAI', 'Chat'), chunks)).toMatchObject({ forwarded: small, complete: true })
  })

  test.each([1009, 65_536, 400_000])('of more than 256 KiB is forwarded as it comes, in reads of %i bytes', (bytes) => {
    const head = `{"data":[{"usage":{"prompt_tokens":9}},"${'x'.repeat(400_000)}"],`
    const body = Buffer.from(`${head}"usage":{"prompt_tokens":1,"completion_tokens":2}}`)
    const chunks = Array.from({ length: Math.ceil(body.length / bytes) }, (_, i) =>
      body.subarray(i * bytes, (i + 1) * bytes),
    )
    const found = replay(json('OpenAI', 'Images'), chunks)
    expect(found.forwarded.equals(body)).toBe(true)
    expect(found).toMatchObject({ complete: true, usage: { inputTokens: 1, outputTokens: 2 } })
    const cut = replay(json('OpenAI', 'Images'), [...chunks.slice(0, -1), (chunks.at(-1) as Buffer).subarray(0, -1)])
    expect(cut.complete).toBe(true)
    expect(replay(json('OpenAI', 'Images'), [body.subarray(0, 300_000)]).complete).toBe(false)
  })

  test('that was cut is not complete, unless behind an inner bracket', () => {
    const body = '{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":1}} '
    const complete = Array.from(body, (_, at) => at).filter(
      (at) => at > 0 && replay(json('OpenAI', 'Chat'), [Buffer.from(body.slice(0, at))]).complete,
    )
    expect(complete.map((at) => body.slice(at - 2, at))).toEqual(['"}', '}}', '}]', '1}', '}}'])
  })

  test('of no bytes at all is no answer, except where there may be none', () => {
    expect(replay(json('OpenAI', 'Chat'), [])).toMatchObject({ complete: false, usage: undefined })
    expect(replay(json('OpenAI', 'Other'), [])).toMatchObject({ complete: true, usage: undefined })
  })

  test.each(['null', '"text"', '[]', ' {} \r\n'])('may be %j', (text) => {
    expect(replay(json('OpenAI', 'Chat'), [Buffer.from(text)])).toMatchObject({ complete: true, usage: undefined })
  })

  test('of an unknown type passes unread', () => {
    const kind = { ...json('OpenAI', 'Audio'), format: 'opaque' } as const
    expect(replay(kind, [small])).toMatchObject({ forwarded: small, complete: true, usage: undefined })
  })
})

describe("the provider's own error under a status of success", () => {
  const chat = json('OpenAI', 'Chat')
  test.each<[string, AnswerKind, string, object | undefined]>([
    ['as the first member', chat, '{"error":{"code":502,"message":"m"},"user_id":"u"}', { word: '502', status: 502 }],
    [
      'pretty-printed',
      chat,
      ' {\n  "error" : {\n "code": "content_filter", "status": 400}}',
      { word: 'content_filter', status: 400 },
    ],
    ['as text', chat, '{"error":"overloaded"}', { word: 'overloaded', status: undefined }],
    ['behind a byte order mark', chat, '\ufeff{"error":{"type":"t"}}', { word: 't', status: undefined }],
    ['cut behind an inner bracket', chat, '{"error":{"code":"c"}', { word: 'error', status: undefined }],
    [
      'of Anthropic',
      json('Anthropic', 'Messages'),
      '{"type":"error","error":{"type":"overloaded_error"}}',
      { word: 'overloaded_error', status: undefined },
    ],
    [
      'of Anthropic, sorted',
      json('Anthropic', 'Messages'),
      '{"error":{"type":"api_error"},"type":"error"}',
      { word: 'api_error', status: undefined },
    ],
    [
      'of Anthropic, without a word',
      json('Anthropic', 'Messages'),
      '{"type":"error"}',
      { word: 'error', status: undefined },
    ],
    [
      'of Gemini',
      json('Gemini', 'Chat'),
      '{"error":{"code":503,"status":"UNAVAILABLE"}}',
      { word: 'UNAVAILABLE', status: 503 },
    ],
    ['of embeddings', json('OpenAI', 'Embeddings'), '{"error":{"code":"c"}}', { word: 'c', status: undefined }],
    ['that is none: null', chat, '{"error":null,"choices":[]}', undefined],
    ['that is none: empty', chat, '{"error":"","choices":[]}', undefined],
    ['that is none: false', chat, '{"error":false,"choices":[]}', undefined],
    [
      'that is not the first member',
      json('OpenAI', 'Responses'),
      '{"id":"r","status":"failed","error":{"code":"server_error"}}',
      undefined,
    ],
    ['inside the answer', chat, '{"choices":[{"error":{"code":"c"}}]}', undefined],
    ['of a type that begins alike', chat, '{"type":"errors"}', undefined],
    ['in a document that was fetched', json('OpenAI', 'Other'), '{"error":{"code":"c"}}', undefined],
    ['in no document', chat, 'error', undefined],
    ['in no bytes', chat, '', undefined],
  ])('%s', (_name, kind, text, providerError) => {
    const body = Buffer.from(text)
    for (const chunks of [[body], byteByByte(body)]) expect(replay(kind, chunks).providerError).toEqual(providerError)
  })

  test('is not looked for in a body that was forwarded while it came', () => {
    const body = Buffer.from(`{"error":{"code":"c","message":"${'x'.repeat(300_000)}"}}`)
    expect(replay(chat, [body]).providerError).toBeUndefined()
  })
})

test.each([
  ['Announced', true],
  ['Chunked', false],
] as const)('a document that was cut behind an inner bracket: %s', (framing, complete) => {
  const reader = createBodyReader({ dialect: 'OpenAI', operation: 'Chat', format: 'json', stripUsage: 'Keep', framing })
  reader.push(Buffer.from('{"choices":[{"message":{"content":"}"}}],"usage":{"prompt_tokens":1}'))
  expect(reader.end().complete).toBe(complete)
})
