// Frames split, cut and damaged at every byte, and what a stream of them says.
import { describe, expect, test } from '@jest/globals'
import type { AnswerKind } from '../../../sidecar/stream/create-body-reader.ts'
import { frameBytes, framesOf, readFrame, writeFrame } from '../../../sidecar/stream/eventstream-frame.ts'
import {
  chunkFrame as chunk,
  textFrame as delta,
  eventFrame as event,
  exceptionFrame as exception,
  METADATA,
  START,
  STOP,
} from '../../support/bedrock.ts'
import {
  type BedrockRecording,
  bedrockStreams,
  converseAnswers,
  frameVectors,
  HAS_BEDROCK_RECORDINGS,
  plainUsage,
  readBedrockReference,
} from './bedrock-recordings.ts'
import { byteByByte, offsets, type Replay, replay } from './replay.ts'

const KIND: AnswerKind = {
  dialect: 'Bedrock',
  operation: 'Chat',
  format: 'eventstream',
  stripUsage: 'Keep',
  framing: 'Chunked',
}
const recorded = HAS_BEDROCK_RECORDINGS ? describe : describe.skip
const skipped = HAS_BEDROCK_RECORDINGS ? '' : ' (skipped: no recordings on this machine)'

const METRICS = 'amazon-bedrock-invocationMetrics'
const USAGE = { inputTokens: 3, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 2, reasoningTokens: 0 }

recorded(`a vector${skipped}`, () => {
  test.each(frameVectors('frames-valid'))('$name is read', ({ bytes, headers, payload }) => {
    expect(frameBytes(bytes, 0)).toBe(bytes.length)
    const strings = headers.filter(({ type }) => type === 'string').map(({ name, value }) => [name, value])
    expect(readFrame(bytes)).toEqual({ headers: new Map(strings as [string, string][]), payload })
  })

  test.each(frameVectors('frames-corrupt'))('$name is not', ({ bytes }) => {
    const sound = frameBytes(bytes, 0) === bytes.length && readFrame(bytes) !== undefined
    expect(sound).toBe(false)
    expect(replay(KIND, [bytes, START])).toMatchObject({ forwarded: Buffer.alloc(0), complete: false })
  })
})

test('what is written is read', () => {
  const frame = writeFrame({ ':message-type': 'exception', name: 'ä'.repeat(100) }, Buffer.from('payload'))
  expect([...framesOf(frame)]).toEqual([
    {
      headers: new Map([
        [':message-type', 'exception'],
        ['name', 'ä'.repeat(100)],
      ]),
      payload: Buffer.from('payload'),
    },
  ])
})

recorded(`a recorded stream${skipped}`, () => {
  test.each(bedrockStreams())('$name is the same however it is split, and not whole when it is cut', checkStream)

  test('is one of all that there are', () => {
    expect(bedrockStreams().length).toBeGreaterThanOrEqual(18)
  })
})

function checkStream({ body }: BedrockRecording): void {
  const reference = readBedrockReference(body)
  const whole = replay(KIND, [body])
  expect(whole).toEqual({
    forwarded: body,
    complete: reference.wholeAt !== undefined,
    usage: reference.usage,
    providerError: reference.error && { word: reference.error, status: undefined },
  })
  expect(replay(KIND, byteByByte(body))).toEqual(whole)
  for (const at of offsets(body)) {
    const split = replay(KIND, [body.subarray(0, at), body.subarray(at)])
    if (!same(split, whole)) expect({ at, split }).toEqual({ at, split: whole })
    const cut = replay(KIND, [body.subarray(0, at)])
    const forwardedBytes = reference.ends.findLast((end) => end <= at) ?? 0
    const complete = reference.wholeAt !== undefined && reference.wholeAt <= at
    expect({ at, complete: cut.complete, bytes: cut.forwarded.length }).toEqual({ at, complete, bytes: forwardedBytes })
  }
}

function same(a: Replay, b: Replay): boolean {
  return a.forwarded.equals(b.forwarded) && a.complete === b.complete && sameWords(a, b)
}

function sameWords(a: Replay, b: Replay): boolean {
  return JSON.stringify([a.usage, a.providerError]) === JSON.stringify([b.usage, b.providerError])
}

recorded(`a recorded answer${skipped}`, () => {
  test.each(converseAnswers())('$name has its usage', ({ body }) => {
    const { usage } = replay({ ...KIND, format: 'json' }, [body])
    expect(usage).toEqual(plainUsage(JSON.parse(body.toString()).usage))
  })
})

describe('a damaged frame', () => {
  const body = Buffer.concat([START, delta('from first'), STOP, METADATA])

  test('takes itself and all behind it out, whichever byte it was', () => {
    for (let at = START.length; at < START.length + delta('from first').length; at++) {
      const damaged = Buffer.from(body)
      damaged.writeUInt8((damaged[at] as number) ^ 0x01, at)
      for (const chunks of [[damaged], [...byteByByte(damaged)]]) {
        expect(replay(KIND, chunks)).toEqual({
          forwarded: START,
          complete: false,
          usage: undefined,
          providerError: undefined,
        })
      }
    }
  })

  test('of a length that nobody sends is not waited for', () => {
    const frame = writeFrame({}, Buffer.alloc(25 * 1024 * 1024))
    expect(replay(KIND, [frame.subarray(0, 100)])).toMatchObject({ forwarded: Buffer.alloc(0), complete: false })
    expect(frameBytes(frame, 0)).toBeUndefined()
  })
})

describe('a frame larger than what is held', () => {
  const large = event('contentBlockDelta', { delta: { image: 'a'.repeat(3 * 1024 * 1024) } })
  const body = Buffer.concat([START, large, STOP, METADATA])

  test('is passed on while it comes, and what follows is read', () => {
    const size = 64 * 1024 - 7
    const chunks = Array.from({ length: Math.ceil(body.length / size) }, (_, i) =>
      body.subarray(i * size, i * size + size),
    )
    expect(
      same(replay(KIND, chunks), { forwarded: body, complete: true, usage: USAGE, providerError: undefined }),
    ).toBe(true)
  })

  test('is whole when all comes at once', () => {
    expect(replay(KIND, [body]).forwarded.equals(body)).toBe(true)
  })

  test('leaves the answer unfinished when the stream ends in it', () => {
    const cut = replay(KIND, [body.subarray(0, 2 * 1024 * 1024)])
    expect([cut.forwarded.length, cut.complete]).toEqual([2 * 1024 * 1024, false])
  })
})

describe('the end', () => {
  const cases: [string, Buffer[], boolean][] = [
    ['is messageStop and the metadata behind it', [START, delta('a'), STOP, METADATA], true],
    ['is not messageStop alone', [START, delta('a'), STOP], false],
    ['is not metadata alone', [START, delta('a'), METADATA], false],
    [
      'is metrics in the last chunk of any model',
      [chunk({ outputText: 'a', [METRICS]: { inputTokenCount: 3 } })],
      true,
    ],
    ['is message_stop of a model without metrics', [chunk({ type: 'message_stop' })], true],
    ['is not the stop of another model', [chunk({ messageStop: { stopReason: 'end_turn' } })], false],
    ['is not a text that speaks of it', [chunk({ text: `"type":"message_stop","${METRICS}":{}` })], false],
    ['is not an event of that name in an exception', [exception('messageStop'), METADATA], false],
  ]
  test.each(cases)('%s', (_name, frames, complete) => {
    expect(replay(KIND, [Buffer.concat(frames)]).complete).toBe(complete)
  })
})

describe("the provider's own error", () => {
  const error = writeFrame(
    { ':message-type': 'error', ':error-code': 'InternalError', ':error-message': 'm' },
    Buffer.alloc(0),
  )
  const cases: [string, Buffer, string | undefined][] = [
    ['is an exception', exception('throttlingException'), 'throttlingException'],
    ['is an exception that nobody knows', exception('someNewException'), 'someNewException'],
    ['is an exception without a type', writeFrame({ ':message-type': 'exception' }, Buffer.alloc(0)), 'exception'],
    ['is an error', error, 'InternalError'],
    ['is an event of the model', chunk({ type: 'error', error: { type: 'overloaded_error' } }), 'overloaded_error'],
    ['is no text that speaks of one', chunk({ text: '"type":"error"' }), undefined],
    ['is no exception by name alone', event('throttlingException', {}), undefined],
  ]
  test.each(cases)('%s', (_name, frame, word) => {
    const { providerError, forwarded } = replay(KIND, [Buffer.concat([START, frame])])
    expect(providerError).toEqual(word && { word, status: undefined })
    expect(forwarded).toEqual(Buffer.concat([START, frame]))
  })
})
