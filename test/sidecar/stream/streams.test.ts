// What the readers find in streams, case by case; recorded-streams.test.ts replays whole recordings.
import { describe, expect, test } from '@jest/globals'
import type { Dialect, Operation } from '../../../contract/sidecar-config.ts'
import type { Usage } from '../../../sidecar/stream/usage.ts'
import { ownStreams } from './recordings.ts'
import { byteByByte, type Replay, replay } from './replay.ts'

const KINDS = {
  chat: { dialect: 'OpenAI', operation: 'Chat' },
  responses: { dialect: 'OpenAI', operation: 'Responses' },
  anthropic: { dialect: 'Anthropic', operation: 'Messages' },
  gemini: { dialect: 'Gemini', operation: 'Chat' },
  images: { dialect: 'OpenAI', operation: 'Images' },
  other: { dialect: 'OpenAI', operation: 'Other' },
} satisfies Record<string, { dialect: Dialect; operation: Operation }>

/** Checks what is found and that the bytes arrive as expected, in one chunk and byte by byte. */
function check(
  kind: keyof typeof KINDS,
  text: string,
  expected: Partial<Omit<Replay, 'forwarded'>> & { forwarded?: string },
  stripUsage: 'Strip' | 'Keep' = 'Keep',
): void {
  const { forwarded = text, ...found } = expected
  const body = Buffer.from(text)
  for (const chunks of [[body], byteByByte(body)]) {
    const actual = replay({ ...KINDS[kind], format: 'events', stripUsage, framing: 'Announced' }, chunks)
    expect(actual).toMatchObject(found)
    expect(actual.forwarded.toString()).toBe(forwarded)
  }
}

function usage(counts: Partial<Usage>): Usage {
  return { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0, ...counts }
}

describe('usage of our own streams, in numbers', () => {
  const expected: Record<string, Usage> = {
    'anthropic-bare-cr-line-ends.sse': usage({
      inputTokens: 7394,
      cachedInputTokens: 50,
      cacheWriteTokens: 100,
      outputTokens: 60,
    }),
    'anthropic-byte-order-mark-and-crlf.sse': usage({
      inputTokens: 7394,
      cachedInputTokens: 50,
      cacheWriteTokens: 100,
      outputTokens: 60,
    }),
    'anthropic-misleading-content.sse': usage({
      inputTokens: 7394,
      cachedInputTokens: 50,
      cacheWriteTokens: 100,
      outputTokens: 60,
    }),
    'azure-first-chunk-without-choices.sse': usage({ inputTokens: 9, outputTokens: 12 }),
    'gemini-finish-reason-as-number.sse': usage({ inputTokens: 4, outputTokens: 2 }),
    'gemini-misleading-arguments.sse': usage({
      inputTokens: 15,
      cachedInputTokens: 6,
      outputTokens: 7,
      reasoningTokens: 4,
    }),
    'gemini-prompt-blocked.sse': usage({ inputTokens: 4 }),
    'openai-chat-crlf-and-no-space-after-colon.sse': usage({ inputTokens: 9, outputTokens: 12 }),
    'openai-chat-misleading-content.sse': usage({ inputTokens: 9, outputTokens: 12 }),
    'openai-chat-reasoning-beside-completion.sse': usage({ inputTokens: 10, outputTokens: 30, reasoningTokens: 25 }),
    'openai-chat-running-totals.sse': usage({ inputTokens: 5, outputTokens: 3 }),
    'openai-chat-usage-chunk.sse': usage({ inputTokens: 9, cachedInputTokens: 4, outputTokens: 12 }),
    'openai-chat-usage-under-x-groq.sse': usage({ inputTokens: 9, outputTokens: 12 }),
    'openai-responses-misleading-content.sse': usage({
      inputTokens: 30,
      cachedInputTokens: 10,
      cacheWriteTokens: 2,
      outputTokens: 8,
      reasoningTokens: 3,
    }),
    'openai-responses-without-event-names.sse': usage({
      inputTokens: 30,
      cachedInputTokens: 10,
      cacheWriteTokens: 2,
      outputTokens: 8,
      reasoningTokens: 3,
    }),
  }
  test.each(ownStreams().map((stream) => [stream.name, stream] as const))('%s', (name, { body, ...kind }) => {
    const found = replay({ ...kind, format: 'events', stripUsage: 'Keep', framing: 'Announced' }, [body])
    expect(found.usage).toEqual(expected[name])
    expect(found.providerError).toBeUndefined()
    expect(found.complete).toBe(true)
  })
})

describe('the usage chunk', () => {
  const usageChunk = 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
  const text = 'data: {"choices":[{"delta":{"content":"a"}}],"usage":null}\n\n'
  const done = 'data: [DONE]\n\n'

  test('is kept from a client that did not ask for it, and counted', () => {
    const counted = usage({ inputTokens: 1, outputTokens: 2 })
    check('chat', text + usageChunk + done, { forwarded: text + done, usage: counted, complete: true }, 'Strip')
  })

  test('reaches a client that asked for it', () => {
    check('chat', text + usageChunk + done, { complete: true }, 'Keep')
  })

  test('is told from chunks that hold something besides', () => {
    const besides = [
      'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n',
      'data: {"choices":[],"prompt_filter_results":[]}\n\n',
      'data: {"choices":[],"moderation":{},"usage":null}\n\n',
      'data: {"choices":[],"error":{"code":"x"},"usage":{"prompt_tokens":1}}\n\n',
    ]
    check('chat', besides.join('') + done, {}, 'Strip')
  })

  test('may be all that a chunk holds', () => {
    const reader = { ...KINDS.chat, format: 'events', stripUsage: 'Strip', framing: 'Announced' } as const
    expect(replay(reader, [Buffer.from(usageChunk)]).forwarded).toHaveLength(0)
  })
})

describe("the provider's own error", () => {
  const cases: [string, keyof typeof KINDS, string, word: string, status?: number][] = [
    [
      'as a named event',
      'chat',
      'event: error\ndata: {"error":{"code":"tool_use_failed","type":"t"}}\n\n',
      'tool_use_failed',
    ],
    [
      'as a named event with a flat body',
      'chat',
      'event: error\ndata: {"message":"m","type":"server_error"}\n\n',
      'server_error',
    ],
    ['as a named event without JSON', 'chat', 'event: error\ndata: oops\n\n', 'error'],
    ['beside choices', 'chat', 'data: {"choices":[{"delta":{}}],"error":{"code":502,"message":"m"}}\n\n', '502', 502],
    ['as a string', 'chat', 'data: {"error":"overloaded"}\n\n', 'overloaded'],
    ['in a body of its own', 'chat', '{"error":{"type":"server_error","code":null}}', 'server_error'],
    ['nested, of Responses', 'responses', 'event: error\ndata: {"type":"error","error":{"code":"c"}}\n\n', 'c'],
    ['flat, of Responses', 'responses', 'event: error\ndata: {"type":"error","code":"c","message":"m"}\n\n', 'c'],
    ['flat without a code, of Responses', 'responses', 'data: {"type":"error","code":null,"message":"m"}\n\n', 'error'],
    ['in chat form, of Responses', 'responses', 'data: {"error":{"type":"server_error"}}\n\n', 'server_error'],
    [
      'as a failed response',
      'responses',
      'data: {"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded"},"usage":null}}\n\n',
      'rate_limit_exceeded',
    ],
    [
      'of Anthropic',
      'anthropic',
      'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n',
      'overloaded_error',
    ],
    ['of Anthropic in a body of its own', 'anthropic', '{"type":"error","error":{"type":"api_error"}}\n', 'api_error'],
    [
      'of Gemini as an event',
      'gemini',
      'data: {"error":{"code":503,"status":"UNAVAILABLE"}}\r\n\r\n',
      'UNAVAILABLE',
      503,
    ],
    [
      'of Gemini as bare JSON after events',
      'gemini',
      'data: {"candidates":[]}\r\n\r\n{\n  "error": {\n    "code": 503,\n    "status": "UNAVAILABLE"\n  }\n}\n',
      'UNAVAILABLE',
      503,
    ],
  ]
  for (const [name, kind, text, word, status] of cases) {
    test(name, () => check(kind, text, { providerError: { word, status } }))
  }

  test('does not make a chat, Anthropic or Gemini stream complete', () => {
    for (const [, kind, text] of cases) {
      if (kind !== 'responses') check(kind, text, { complete: false })
    }
  })

  test('ends a Responses stream', () => {
    for (const [name, kind, text] of cases) {
      if (kind === 'responses' && !name.includes('chat form')) check(kind, text, { complete: true })
    }
  })

  test('is none when the member is null, empty or false', () => {
    check('chat', 'data: {"error":null}\n\ndata: {"error":""}\n\ndata: {"error":false}\n\n', {
      providerError: undefined,
    })
  })

  test('is not forwarded in half', () => {
    check('gemini', 'data: {"a":1}\r\n\r\n{"error":{"code":503', {
      forwarded: 'data: {"a":1}\r\n\r\n',
      providerError: undefined,
    })
  })
})

describe('an incomplete response', () => {
  test('is complete as a stream, and its zeros are its usage', () => {
    const text = 'data: {"type":"response.incomplete","response":{"usage":{"input_tokens":0,"output_tokens":0}}}\n\n'
    check('responses', text, { complete: true, usage: usage({}) })
  })
})

describe('a stream whose end is not known', () => {
  test('is complete whenever it ends, and its images are counted', () => {
    const text =
      'event: image_generation.completed\ndata: {"b64_json":"aa","usage":{"input_tokens":5,"output_tokens":6}}\n\n'
    check('images', text, { complete: true, usage: usage({ inputTokens: 5, outputTokens: 6 }) })
  })

  test('of an operation that is not metered brings no usage', () => {
    check('other', 'data: {"usage":{"total_tokens":5}}\n\n', { complete: true, usage: undefined })
  })
})

describe('Gemini', () => {
  test('an unspecified finish reason is none', () => {
    check('gemini', 'data: {"candidates":[{"finishReason":"FINISH_REASON_UNSPECIFIED"}]}\r\n\r\n', { complete: false })
  })

  test('usage of the last chunk counts, however many come in one read', () => {
    const chunks = [1, 2, 3].map(
      (n) => `data: {"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":${n}}}\r\n\r\n`,
    )
    check('gemini', chunks.join(''), { usage: usage({ inputTokens: 7, outputTokens: 3 }) })
  })
})
