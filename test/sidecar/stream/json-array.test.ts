import { describe, expect, test } from '@jest/globals'
import { HAS_RECORDINGS, recordedStreams } from './recordings.ts'
import { readReference } from './reference.ts'
import { byteByByte, replay } from './replay.ts'

const KIND = {
  dialect: 'Gemini',
  operation: 'Chat',
  format: 'json-array',
  stripUsage: 'Keep',
  framing: 'Announced',
} as const
const family = HAS_RECORDINGS ? describe : describe.skip

const FIRST =
  '[{\n  "candidates": [{"content": {"parts": [{"text": "}] \\" ["}]}}],\n  "usageMetadata": {"promptTokenCount": 3}\n}\n'
const SECOND =
  ',\r\n{\n  "candidates": [{"finishReason": "STOP"}],\n  "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4}\n}'
const ARRAY = `${FIRST}${SECOND}\n]\n`

describe("Gemini's stream as an array", () => {
  test('arrives as it was sent, however it was cut, and is read', () => {
    const whole = replay(KIND, [Buffer.from(ARRAY)])
    expect(whole.forwarded.toString()).toBe(ARRAY)
    expect(whole).toMatchObject({ complete: true, usage: { inputTokens: 3, outputTokens: 4 } })
    expect(replay(KIND, byteByByte(Buffer.from(ARRAY)))).toEqual(whole)
    for (let at = 0; at < ARRAY.length; at++) {
      expect(replay(KIND, [Buffer.from(ARRAY.slice(0, at)), Buffer.from(ARRAY.slice(at))])).toEqual(whole)
    }
  })

  test('is forwarded in whole elements, and complete only behind its last bracket', () => {
    const elementEnds = [FIRST.length - 1, FIRST.length + SECOND.length]
    for (let at = 0; at < ARRAY.length; at++) {
      const cut = replay(KIND, [Buffer.from(ARRAY.slice(0, at))])
      const closed = at >= ARRAY.length - 1
      expect(cut.complete).toBe(closed)
      expect(cut.forwarded.length).toBe(closed ? at : (elementEnds.findLast((end) => end <= at) ?? 0))
    }
  })

  test('is not complete without a finish reason', () => {
    expect(replay(KIND, [Buffer.from(`${FIRST}]`)]).complete).toBe(false)
    expect(replay(KIND, [Buffer.from('[]')]).complete).toBe(false)
  })

  test.each([
    ['in an element', `${FIRST},{"error":{"code":503,"status":"UNAVAILABLE"}}]`],
    ['in its place', '{\n  "error": {"code": 503, "status": "UNAVAILABLE"}\n}\n'],
  ])('may hold an error %s', (_name, text) => {
    const found = replay(KIND, byteByByte(Buffer.from(text)))
    expect(found).toMatchObject({ complete: false, providerError: { word: 'UNAVAILABLE', status: 503 } })
    expect(found.forwarded.toString()).toBe(text)
  })

  test.each([1009, 65_536])(
    'passes an image on before it is whole, and still tells end and usage (reads of %i)',
    (bytes) => {
      const image = `[{"candidates":[{"content":{"parts":[{"inlineData":{"data":"${'A'.repeat(3_000_000)}"}}]},"finishReason":"STOP"}]`
      const body = Buffer.from(`${image},"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4}}]`)
      const chunks = Array.from({ length: Math.ceil(body.length / bytes) }, (_, i) =>
        body.subarray(i * bytes, (i + 1) * bytes),
      )
      const found = replay(KIND, chunks)
      expect(found.forwarded.equals(body)).toBe(true)
      expect(found).toMatchObject({ complete: true, usage: { inputTokens: 3, outputTokens: 4 } })
      expect(replay(KIND, chunks.slice(0, -1)).forwarded.length).toBeGreaterThan(1_000_000)
    },
  )
})

family('a recorded Gemini stream, were it an array', () => {
  const streams = HAS_RECORDINGS ? recordedStreams().filter(({ dialect }) => dialect === 'Gemini') : []
  test.each(streams.map((stream) => [stream.name, stream] as const))('%s', (_name, stream) => {
    const reference = readReference(stream)
    const elements = reference.events.map(({ data }) => data).filter((data) => data !== '')
    const body = Buffer.from(`[${elements.join('\n,\r\n')}\n]\n`)
    const whole = replay(KIND, [body])
    expect(whole.forwarded.equals(body)).toBe(true)
    expect(whole.usage).toEqual(reference.usage)
    expect(whole.complete).toBe(reference.wholeAt !== undefined)
    expect(replay(KIND, byteByByte(body))).toEqual(whole)
  })
})
