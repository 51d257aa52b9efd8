// What of a stream of Bedrock's frames is held back until content comes.
import { expect, test } from '@jest/globals'
import type { AnswerKind } from '../../../sidecar/stream/create-body-reader.ts'
import type { PreludeDecision } from '../../../sidecar/stream/prelude.ts'
import { chunkFrame, eventFrame, exceptionFrame, METADATA, START, STOP, textFrame } from '../../support/bedrock.ts'
import { bedrockStreams } from './bedrock-recordings.ts'
import { byteByByte } from './replay.ts'
import { type SeenPrelude, watchPrelude } from './watch-prelude.ts'

const KIND: AnswerKind = {
  dialect: 'Bedrock',
  operation: 'Chat',
  format: 'eventstream',
  stripUsage: 'Keep',
  framing: 'Chunked',
}

function watch(chunks: Iterable<Buffer>): Pick<SeenPrelude, 'decision' | 'events'> {
  const { decision, events } = watchPrelude(KIND, chunks)
  return { decision, events }
}

const MESSAGE_START = chunkFrame({ type: 'message_start', message: { content: [], usage: { input_tokens: 3 } } })
const PING = chunkFrame({ type: 'ping' })
const OVERLOADED = chunkFrame({ type: 'error', error: { type: 'overloaded_error', message: 'm' } })
const NOVA_START = chunkFrame({ messageStart: { role: 'assistant' } })
const LARGE = eventFrame('contentBlockDelta', { delta: { image: 'a'.repeat(2 * 1024 * 1024) } })

test.each<[string, Buffer[], PreludeDecision, number]>([
  ['the start of a message is held', [START], 'Hold', 1],
  ['a start that says more is content', [eventFrame('messageStart', { role: 'assistant', text: 'a' })], 'Content', 1],
  ['a start that is no JSON object is content', [eventFrame('messageStart', [])], 'Content', 1],
  ['a text is content', [START, textFrame('a'), STOP], 'Content', 2],
  [
    'a tool is content',
    [START, eventFrame('contentBlockStart', { start: { toolUse: { name: 'f' } }, contentBlockIndex: 0 })],
    'Content',
    2,
  ],
  ['an end without text is content', [START, STOP, METADATA], 'Content', 2],
  ['an event that nobody knows is content', [eventFrame('someNewEvent', {})], 'Content', 1],
  ['the start of an invoked message is held, a ping too', [MESSAGE_START, PING], 'Hold', 2],
  ['the start of a block is content', [MESSAGE_START, chunkFrame({ type: 'content_block_start' })], 'Content', 2],
  ["Nova's start is held", [NOVA_START], 'Hold', 1],
  ["Nova's text is content", [NOVA_START, chunkFrame({ contentBlockDelta: { delta: { text: 'a' } } })], 'Content', 2],
  ["Titan's text is content", [chunkFrame({ outputText: 'a', index: 0 })], 'Content', 1],
  ['a chunk without bytes is content', [eventFrame('chunk', {})], 'Content', 1],
  ['an exception that comes first is an error', [exceptionFrame('throttlingException')], 'Error', 1],
  ['an exception after the start is an error', [START, exceptionFrame('modelStreamErrorException')], 'Error', 2],
  ['an error of the model is an error', [MESSAGE_START, OVERLOADED], 'Error', 2],
  ['an exception after content is content', [START, textFrame('a'), exceptionFrame('x')], 'Content', 2],
])('%s', (_name, frames, decision, events) => {
  const body = Buffer.concat(frames)
  expect(watch([body])).toEqual({ decision, events })
  expect(watch(byteByByte(body))).toEqual({ decision, events })
})

test('a piece of a frame that is too large to be held is content', () => {
  const chunks = [LARGE.subarray(0, 600_000), LARGE.subarray(600_000)]
  expect(watch(chunks)).toEqual({ decision: 'Content', events: 1 })
})

test('each recorded stream begins to pass with its first content or error (none where there are no recordings)', () => {
  const table = bedrockStreams().map(({ name, body }) => {
    const { decision, events } = watch([body])
    return [name, `${decision} ${events}`]
  })
  const expected = bedrockStreams().map(({ name }) => [name, BEGINNINGS[name] ?? 'Content 2'])
  expect(table).toEqual(expected)
})

/** Where it is not the second frame. */
const BEGINNINGS: Readonly<Record<string, string>> = {
  // An empty text block comes first.
  'invoke-stream/anthropic-text': 'Content 3',
  'invoke-stream/anthropic-tool-use': 'Content 3',
  'invoke-stream/titan-guardrail': 'Content 1',
  'invoke-stream/titan-text': 'Content 1',
  'error/invoke-in-band-overloaded': 'Error 1',
  'error/throttling-exception-first-frame': 'Error 1',
}
