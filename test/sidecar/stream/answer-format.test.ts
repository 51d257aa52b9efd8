import { expect, test } from '@jest/globals'
import type { Dialect } from '../../../contract/sidecar-config.ts'
import { type AnswerFormat, answerFormat } from '../../../sidecar/stream/create-body-reader.ts'

const cases: [Dialect, boolean, string | undefined, AnswerFormat][] = [
  ['OpenAI', true, 'text/event-stream', 'events'],
  ['OpenAI', true, 'Text/Event-Stream; charset=utf-8', 'events'],
  ['OpenAI', true, 'text/event-stream;', 'events'],
  ['OpenAI', false, 'text/event-stream', 'events'],
  ['OpenAI', false, 'application/json', 'json'],
  ['OpenAI', true, 'application/json; charset=utf-8', 'json'],
  ['Anthropic', false, 'application/json', 'json'],
  ['Gemini', true, 'text/event-stream', 'events'],
  ['Gemini', true, 'application/json; charset=UTF-8', 'json-array'],
  ['Gemini', false, 'application/json; charset=UTF-8', 'json'],
  ['Bedrock', true, 'application/vnd.amazon.eventstream', 'eventstream'],
  ['Bedrock', false, 'application/json', 'json'],
  ['OpenAI', true, 'application/vnd.amazon.eventstream', 'opaque'],
  ['OpenAI', false, 'audio/mpeg', 'opaque'],
  ['OpenAI', false, 'application/jsonl', 'opaque'],
  ['OpenAI', false, 'x bogus', 'opaque'],
  ['OpenAI', true, undefined, 'opaque'],
]

test.each(cases)('%s, stream %s, answered as %s, is read as %s', (dialect, stream, contentType, expected) => {
  expect(answerFormat({ dialect, stream }, contentType)).toBe(expected)
})
