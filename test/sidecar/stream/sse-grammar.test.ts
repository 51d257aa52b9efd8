import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { readEvents } from '../../../sidecar/stream/sse-grammar.ts'
import { HAS_RECORDINGS } from './recordings.ts'
import { byteByByte, replay } from './replay.ts'

const KIND = {
  dialect: 'OpenAI',
  operation: 'Chat',
  format: 'events',
  stripUsage: 'Strip',
  framing: 'Announced',
} as const
const family = HAS_RECORDINGS ? describe : describe.skip

describe('only whole events are forwarded', () => {
  const cases: [string, string, string][] = [
    ['LF', 'data: a\n\ndata: b\n\ndata: c', 'data: a\n\ndata: b\n\n'],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\ndata: c\r\n', 'data: a\r\n\r\ndata: b\r\n\r\n'],
    ['CR', 'data: a\r\rdata: b\r\rdata: c\r', 'data: a\r\rdata: b\r\r'],
    ['LF, then CRLF', 'data: a\n\r\ndata: b\n\r', 'data: a\n\r\n'],
    ['LF, then CR', 'data: a\n\rdata: b\n\n', 'data: a\n\rdata: b\n\n'],
    ['CRLF, then LF', 'data: a\r\n\ndata: b\r\n', 'data: a\r\n\n'],
    ['CR, then CRLF', 'data: a\r\r\ndata: b', 'data: a\r\r\n'],
    ['CRLF cut before its last LF', 'data: a\r\n\r\ndata: b\r\n\r', 'data: a\r\n\r\n'],
    ['stray blank lines', '\n\r\n\rdata: a\n\n\n', '\n\r\n\rdata: a\n\n\n'],
    ['a comment as an event of its own', ': ping\n\n: ping\n\ndata', ': ping\n\n: ping\n\n'],
    ['a comment between data lines', 'data: a\n: ping\ndata: b\n\n', 'data: a\n: ping\ndata: b\n\n'],
    ['U+2028, U+2029 and U+0085', 'data: \u2028\u2028\u2029\u2029\u0085\u0085', ''],
    ['nothing', '', ''],
  ]
  test.each(cases)('%s', (_name, text, forwarded) => {
    const body = Buffer.from(text)
    expect(replay(KIND, [body]).forwarded.toString()).toBe(forwarded)
    expect(replay(KIND, byteByByte(body)).forwarded.toString()).toBe(forwarded)
    for (let at = 0; at <= body.length; at++) {
      expect(replay(KIND, [body.subarray(0, at), body.subarray(at)]).forwarded.toString()).toBe(forwarded)
    }
  })
})

describe('an event that is too large to be held', () => {
  const MiB = 1024 * 1024
  const first = Buffer.from('data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
  const done = Buffer.from('data: [DONE]\n\n')

  function chunksOf(body: Buffer, bytes: number): Buffer[] {
    return Array.from({ length: Math.ceil(body.length / bytes) }, (_, i) => body.subarray(i * bytes, (i + 1) * bytes))
  }

  test('is passed on unchanged, and what follows is read', () => {
    const large = Buffer.from(`data: {"choices":[{"delta":{"content":"${'x'.repeat(3 * MiB)}"}}]}\n\n`)
    const usage = Buffer.from('data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n')
    for (const bytes of [1009, 65_536, 10 * MiB]) {
      const found = replay(KIND, chunksOf(Buffer.concat([first, large, usage, done]), bytes))
      expect(found.forwarded.equals(Buffer.concat([first, large, done]))).toBe(true)
      expect(found).toMatchObject({ complete: true, usage: { inputTokens: 1, outputTokens: 2 } })
    }
  })

  test('is passed on before it is whole', () => {
    const part = Buffer.from(`data: {"choices":[{"delta":{"content":"${'x'.repeat(2 * MiB)}`)
    const found = replay(KIND, chunksOf(part, 65_536))
    expect(found.forwarded.length).toBeGreaterThan(MiB)
    expect(part.subarray(0, found.forwarded.length).equals(found.forwarded)).toBe(true)
  })

  test('is held while it is not', () => {
    const part = Buffer.from(`data: {"choices":[{"delta":{"content":"${'x'.repeat(MiB - 100)}`)
    expect(replay(KIND, chunksOf(part, 65_536)).forwarded).toHaveLength(0)
  })

  const image = 'A'.repeat(2 * MiB)
  const usage = '"input_tokens":3,"output_tokens":4,"total_tokens":7'
  test.each([
    [
      'a completed response with an image',
      { dialect: 'OpenAI', operation: 'Responses' } as const,
      `event: response.completed\ndata: {"type":"response.completed","response":{"output":[{"result":"${image}"}],"usage":{${usage}}}}\n\n`,
    ],
    [
      'the same without an event name',
      { dialect: 'OpenAI', operation: 'Responses' } as const,
      `data: {"type":"response.completed","response":{"output":[{"result":"${image}"}],"usage":{${usage}}}}\n\n`,
    ],
    [
      'a Gemini answer that is one image',
      { dialect: 'Gemini', operation: 'Chat' } as const,
      `data: {"candidates": [{"content": {"parts": [{"inlineData": {"data": "${image}"}}]},"finishReason": "STOP"}],"usageMetadata": {"promptTokenCount": 3,"candidatesTokenCount": 4}}\r\n\r\n`,
    ],
    [
      'a generated image',
      { dialect: 'OpenAI', operation: 'Images' } as const,
      `event: image_generation.completed\ndata: {"b64_json":"${image}","usage":{${usage}}}\n\n`,
    ],
  ])('still tells its end and its usage: %s', (_name, kind, text) => {
    const body = Buffer.from(text)
    for (const bytes of [65_536, 1009]) {
      const found = replay(
        { ...kind, format: 'events', stripUsage: 'Keep', framing: 'Announced' },
        chunksOf(body, bytes),
      )
      expect(found.forwarded.equals(body)).toBe(true)
      expect(found).toMatchObject({ complete: true, usage: { inputTokens: 3, outputTokens: 4 } })
    }
  })
})

interface GrammarCase {
  name: string
  chunksBase64?: string[]
  inputBase64?: string
  inputUtf8?: string
  expectedEvents: { event: string | null; data: string }[]
  reject?: true
}

function grammarCases(file: string): GrammarCase[] {
  const url = new URL(`../../../../shared/fixtures/sse-grammar/cases/${file}`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) as GrammarCase[]
}

family('the grammar as browsers and SDKs read it', () => {
  const cases = HAS_RECORDINGS ? ['boundaries.json', 'sdk-chunks.json', 'wpt.json'].flatMap(grammarCases) : []
  test.each(cases.filter(({ reject }) => !reject).map((each) => [each.name, each] as const))('%s', (_name, given) => {
    const { chunksBase64, inputBase64, inputUtf8 = '' } = given
    const chunks = chunksBase64?.map((chunk) => Buffer.from(chunk, 'base64')) ?? [
      inputBase64 === undefined ? Buffer.from(inputUtf8) : Buffer.from(inputBase64, 'base64'),
    ]
    const { forwarded } = replay(KIND, chunks)
    expect(Buffer.concat(chunks).subarray(0, forwarded.length).equals(forwarded)).toBe(true)
    const text = forwarded.toString('latin1').replace(/^\xef\xbb\xbf/, '')
    const events = readEvents(text).map(({ name, data }) => ({ name, data: Buffer.from(data, 'latin1').toString() }))
    const expected = given.expectedEvents.map(({ event, data }) => ({
      name: event === 'message' ? '' : (event ?? ''),
      data,
    }))
    // An event without data is dispatched by nobody, but it is forwarded.
    expect(events.filter(({ data }) => data !== '')).toEqual(expected.filter(({ data }) => data !== ''))
  })
})
