// What is made or read and not billed by tokens: images, and seconds of audio.
import { describe, expect, test } from '@jest/globals'
import type { Operation } from '../../../contract/sidecar-config.ts'
import { ElementCounter } from '../../../sidecar/stream/count-elements.ts'
import type { AnswerFormat } from '../../../sidecar/stream/create-body-reader.ts'
import type { Usage } from '../../../sidecar/stream/usage.ts'
import { byteByByte, replay } from './replay.ts'

function usageOf(
  operation: Operation,
  body: Buffer | string,
  format: AnswerFormat = 'json',
  dialect: 'OpenAI' | 'Gemini' = 'OpenAI',
) {
  const kind = { dialect, operation, format, stripUsage: 'Keep', framing: 'Announced' } as const
  const bytes = Buffer.from(body as string)
  const whole = replay(kind, [bytes]).usage
  if (bytes.length < 5000) expect(replay(kind, byteByByte(bytes)).usage).toEqual(whole)
  return whole
}

function used(change: Partial<Usage>): Usage {
  return { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0, ...change }
}

describe('images', () => {
  test.each<[string, unknown, Usage | undefined]>([
    ['by address', { created: 1, data: [{ url: 'u' }, { url: 'v' }] }, used({ images: 2 })],
    [
      'with the tokens for them',
      { data: [{ b64_json: 'aa=' }], usage: { input_tokens: 5, output_tokens: 7, total_tokens: 12 } },
      used({ inputTokens: 5, outputTokens: 7, images: 1 }),
    ],
    ['none', { data: [] }, undefined],
    [
      'lists of other names, and lists within',
      { images: [{}, {}], data: [{ of: [{}, {}] }], more: { data: [{}] } },
      used({ images: 1 }),
    ],
    [
      'behind strings with escapes',
      { 'a"data': 'x\\"[{', data: [{ revised_prompt: '"data":[{\\' }] },
      used({ images: 1 }),
    ],
  ])('%s', (_name, body, usage) => expect(usageOf('Images', JSON.stringify(body))).toEqual(usage))

  test('of many megabytes, however they come', () => {
    const image = { b64_json: 'iVBORw0KGgo'.repeat(50_000) }
    const body = Buffer.from(
      JSON.stringify({ data: [image, image, image], usage: { input_tokens: 5, output_tokens: 7 } }),
    )
    for (const bytes of [1021, 65_536, body.length]) {
      const chunks = Array.from({ length: Math.ceil(body.length / bytes) }, (_, i) =>
        body.subarray(i * bytes, (i + 1) * bytes),
      )
      const kind = {
        dialect: 'OpenAI',
        operation: 'Images',
        format: 'json',
        stripUsage: 'Keep',
        framing: 'Announced',
      } as const
      expect(replay(kind, chunks).usage).toEqual(used({ inputTokens: 5, outputTokens: 7, images: 3 }))
    }
  })

  test('of Gemini’s predict', () => {
    expect(usageOf('Images', '{"predictions":[{"bytesBase64Encoded":"aa"}]}', 'json', 'Gemini')).toEqual(
      used({ images: 1 }),
    )
  })

  test('in a stream: those that are whole, however large their events', () => {
    const event = (type: string, b64_json: string) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, b64_json, usage: { input_tokens: 5, output_tokens: 7 } })}\n\n`
    const body = `${event('image_generation.partial_image', 'a')}${event('image_generation.completed', 'b')}${event('image_edit.completed', 'c'.repeat(1_500_000))}`
    expect(usageOf('Images', body, 'events')).toEqual(used({ inputTokens: 5, outputTokens: 7, images: 2 }))
  })

  test('are counted like JSON.parse counts them, in whatever surrounds them', () => {
    for (const list of [[], [{}], [{}, [], {}], ['{', { a: '}' }], [{ data: [{}] }]]) {
      const document = { data0: ['data'], '\\': '\\"', data: list, z: { data: [{}] }, '': '"' }
      const counter = new ElementCounter('data')
      for (const byte of byteByByte(Buffer.from(JSON.stringify(document, null, 1)))) counter.push(byte)
      expect(counter.count).toBe(list.filter((one) => typeof one === 'object' && !Array.isArray(one)).length)
    }
  })
})

describe('audio', () => {
  test.each<[string, unknown, Usage | undefined]>([
    ['billed by its length', { text: 'hi', usage: { type: 'duration', seconds: 9 } }, used({ audioMs: 9000 })],
    [
      'with its length beside the text',
      { task: 'transcribe', duration: 8.470000267028809, text: 'hi', segments: [{ duration: 1, start: 0 }] },
      used({ audioMs: 8470 }),
    ],
    [
      'billed by tokens',
      { duration: 8.5, text: 'hi', usage: { type: 'tokens', input_tokens: 14, output_tokens: 45, total_tokens: 59 } },
      used({ inputTokens: 14, outputTokens: 45 }),
    ],
    ['of unknown length', { text: 'hi' }, undefined],
  ])('%s', (_name, body, usage) => expect(usageOf('Audio', JSON.stringify(body))).toEqual(usage))

  test('a transcription in a stream', () => {
    const body = 'data: {"type":"transcript.text.done","text":"hi","usage":{"type":"duration","seconds":2.5}}\n\n'
    expect(usageOf('Audio', body, 'events')).toEqual(used({ audioMs: 2500 }))
  })

  test('a length elsewhere is none', () => {
    expect(usageOf('Chat', '{"duration":3,"choices":[]}')).toBeUndefined()
  })
})
