// How much text passes in streams, and what an answer used that broke off.
import { describe, expect, test } from '@jest/globals'
import type { BodyReader } from '../../../sidecar/stream/body-reader.ts'
import { type AnswerKind, createBodyReader } from '../../../sidecar/stream/create-body-reader.ts'
import type { Usage } from '../../../sidecar/stream/usage.ts'
import { usageSoFar } from '../../../sidecar/stream/usage-so-far.ts'
import { chunkFrame, eventFrame, METADATA, START, STOP, textFrame } from '../../support/bedrock.ts'
import { HAS_RECORDINGS, type Recording, recordedStreams } from './recordings.ts'

const family = HAS_RECORDINGS ? describe : describe.skip
const SKIPPED = HAS_RECORDINGS ? '' : ' (skipped: no recordings on this machine)'

type Kind = Pick<AnswerKind, 'dialect' | 'operation' | 'format'>
const CHAT: Kind = { dialect: 'OpenAI', operation: 'Chat', format: 'events' }
const RESPONSES: Kind = { ...CHAT, operation: 'Responses' }
const MESSAGES: Kind = { dialect: 'Anthropic', operation: 'Messages', format: 'events' }
const GEMINI: Kind = { dialect: 'Gemini', operation: 'Chat', format: 'events' }

function read(kind: Kind, ...chunks: (Buffer | string)[]): BodyReader {
  const reader = createBodyReader({ ...kind, stripUsage: 'Keep', framing: 'Announced' })
  for (const chunk of chunks) reader.push(Buffer.from(chunk as string))
  reader.end()
  return reader
}

function bytesOf(kind: Kind, ...data: unknown[]): number | undefined {
  return read(kind, data.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')).contentBytes()
}

const delta = (content: object) => ({ id: 'chatcmpl-1', choices: [{ index: 0, delta: content }], usage: null })

describe('bytes of text', () => {
  test.each<[string, Kind, unknown[], number]>([
    [
      'deltas of text',
      CHAT,
      [delta({ role: 'assistant', content: '' }), delta({ content: 'abc' }), delta({ content: 'de' })],
      5,
    ],
    ['nothing, where content is null', CHAT, [delta({ content: null })], 0],
    ['bytes and not characters', CHAT, [delta({ content: 'é€' })], 5],
    ['escapes as they are written', CHAT, [delta({ content: 'a"b\\' })], 6],
    ['reasoning, in either spelling', CHAT, [delta({ reasoning_content: 'abc' }), delta({ reasoning: 'de' })], 5],
    ['typed parts', CHAT, [delta({ content: [{ type: 'text', text: 'abc' }] })], 3],
    ['a refusal', CHAT, [delta({ refusal: 'no' })], 2],
    ['no padding', CHAT, [{ ...delta({ content: 'a' }), obfuscation: 'xxxxxxxx' }], 1],
    [
      'arguments of a tool without its name',
      CHAT,
      [delta({ tool_calls: [{ index: 0, id: 'c', function: { name: 'get_weather', arguments: '{"a"' } }] })],
      6,
    ],
    ['text that looks like a chunk, once', CHAT, [delta({ content: '{"content":"x"}' })], 19],
    ['Completions', { ...CHAT, operation: 'Completions' }, [{ choices: [{ text: 'abc' }] }], 3],
    [
      'Responses: the deltas, and not what repeats them',
      RESPONSES,
      [
        { type: 'response.created', response: { instructions: 'be nice' } },
        { type: 'response.output_text.delta', delta: 'abc', obfuscation: 'xx' },
        { type: 'response.output_text.done', text: 'abc' },
        { type: 'response.function_call_arguments.delta', delta: '{}' },
      ],
      5,
    ],
    [
      'Messages: text, thinking and input of tools',
      MESSAGES,
      [
        { type: 'content_block_start', content_block: { type: 'text', text: '' } },
        { type: 'content_block_delta', delta: { type: 'text_delta', text: 'ab' } },
        { type: 'content_block_delta', delta: { type: 'thinking_delta', thinking: 'cde' } },
        { type: 'content_block_delta', delta: { type: 'signature_delta', signature: 'xxxx' } },
        { type: 'content_block_delta', delta: { type: 'input_json_delta', partial_json: '{' } },
      ],
      6,
    ],
    ['Gemini', GEMINI, [{ candidates: [{ content: { parts: [{ text: 'abc', thoughtSignature: 'xx' }] } }] }], 3],
  ])('%s', (_name, kind, data, bytes) => expect(bytesOf(kind, ...data)).toBe(bytes))

  test('the same however the bytes are cut', () => {
    const body = Buffer.from(
      [delta({ content: 'a\\"b' }), delta({ content: 'cd' })].map((one) => `data: ${JSON.stringify(one)}\n\n`).join(''),
    )
    for (let at = 0; at <= body.length; at++) {
      expect(read(CHAT, body.subarray(0, at), body.subarray(at)).contentBytes()).toBe(8)
    }
  })

  test('of an array’s elements', () => {
    const part = { candidates: [{ content: { parts: [{ text: 'abc' }] } }] }
    expect(read({ ...GEMINI, format: 'json-array' }, JSON.stringify([part, part])).contentBytes()).toBe(6)
  })

  test('of Bedrock’s frames, its own and those of a model that was invoked', () => {
    const kind: Kind = { dialect: 'Bedrock', operation: 'Chat', format: 'eventstream' }
    const tool = eventFrame('contentBlockDelta', {
      contentBlockIndex: 0,
      delta: { toolUse: { input: '{"a' } },
      p: 'abcd',
    })
    expect(read(kind, START, textFrame('abcde'), tool, STOP, METADATA).contentBytes()).toBe(5 + 4)
    const invoked = chunkFrame({ type: 'content_block_delta', delta: { type: 'text_delta', text: 'abc' } })
    expect(read(kind, invoked, invoked).contentBytes()).toBe(6)
  })

  test('of a document all that came; nothing where output is no text, and unknown where nothing is metered', () => {
    const json = (operation: Kind['operation']) =>
      read({ dialect: 'OpenAI', operation, format: 'json' }, '{"a":').contentBytes()
    expect(json('Chat')).toBe(5)
    expect(json('Embeddings')).toBe(0)
    expect(json('Other')).toBeUndefined()
    expect(read({ ...CHAT, format: 'opaque' }, 'ID3').contentBytes()).toBeUndefined()
    expect(read({ ...CHAT, operation: 'Other' }, 'data: {}\n\n').contentBytes()).toBeUndefined()
    expect(read({ ...CHAT, operation: 'Audio' }, 'data: {}\n\n').contentBytes()).toBe(0)
  })
})

describe('the usage of an answer that broke off', () => {
  const assumed = { inputTokens: 40, outputOf: (bytes: number) => Math.ceil(bytes / 4) }
  const start = `event: message_start\ndata: ${JSON.stringify({
    type: 'message_start',
    message: { usage: { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 3 } },
  })}\n\n`
  const text = (length: number) =>
    `event: content_block_delta\ndata: ${JSON.stringify({ delta: { type: 'text_delta', text: 'x'.repeat(length) } })}\n\n`
  const end = 'event: message_delta\ndata: {"usage":{"output_tokens":9}}\n\n'
  const counts = (inputTokens: number, cachedInputTokens: number, outputTokens: number): Usage => ({
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens: 0,
    outputTokens,
    reasoningTokens: 0,
  })

  test.each<[string, BodyReader, Usage | undefined]>([
    [
      'input as expected and output as counted',
      read(CHAT, `data: ${JSON.stringify(delta({ content: 'x'.repeat(41) }))}\n\n`),
      { ...counts(40, 0, 11), estimated: true },
    ],
    ['input alone before the first word', read(CHAT), { ...counts(40, 0, 0), estimated: true }],
    ['the provider’s own input', read(MESSAGES, start, text(100)), { ...counts(15, 5, 25), estimated: true }],
    [
      'no less output than the provider spoke of',
      read(MESSAGES, start, text(4)),
      { ...counts(15, 5, 3), estimated: true },
    ],
    ['the provider’s own words once it has told all', read(MESSAGES, start, text(400), end), counts(15, 5, 9)],
    [
      'a running total',
      read(GEMINI, `data: ${JSON.stringify({ usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 2 } })}\n\n`),
      counts(4, 0, 2),
    ],
    ['nothing where nothing is metered', read({ ...CHAT, operation: 'Other' }, 'data: {}\n\n'), undefined],
    ['nothing where nothing is read', read({ ...CHAT, format: 'opaque' }, 'ID3'), undefined],
  ])('%s', (_name, reader, usage) => expect(usageSoFar(reader, assumed)).toEqual(usage))
})

family(`recorded streams, cut anywhere${SKIPPED}`, () => {
  const assumed = { inputTokens: 7, outputOf: (bytes: number) => bytes }
  const streams = HAS_RECORDINGS ? recordedStreams() : []

  test.each(streams.map((stream) => [stream.name, stream] as const))(
    '%s',
    (_name, { dialect, operation, body }: Recording) => {
      const kind: Kind = { dialect, operation, format: 'events' }
      let before = 0
      for (let at = 0; at <= body.length; at += Math.max(1, Math.floor(body.length / 40))) {
        const reader = read(kind, body.subarray(0, at))
        const usage = usageSoFar(reader, assumed)
        const told = reader.usage()
        expect(usage).toBeDefined()
        expect(usage?.estimated).toBe(told === undefined || told.estimated ? true : undefined)
        // More of the stream is never less text.
        expect(reader.contentBytes()).toBeGreaterThanOrEqual(before)
        before = reader.contentBytes() ?? 0
      }
    },
  )

  test('most have text, and about as much as their tokens say', () => {
    const ratios = streams.flatMap(({ dialect, operation, body }) => {
      const reader = read({ dialect, operation, format: 'events' }, body)
      const usage = reader.usage()
      const bytes = reader.contentBytes() ?? 0
      return usage !== undefined && bytes > 200 && usage.reasoningTokens === 0 ? [usage.outputTokens / bytes] : []
    })
    const sorted = ratios.toSorted((one, other) => one - other)
    expect(sorted.length).toBeGreaterThan(30)
    expect(sorted[sorted.length >> 1]).toBeGreaterThan(0.15)
    expect(sorted[sorted.length >> 1]).toBeLessThan(0.45)
  })
})
