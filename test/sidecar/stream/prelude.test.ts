// What of a stream's beginning is held back. The table of recorded and own streams is preludes.txt, a line each: events up to
// the first content, the decision, the event that decided; GOLDEN=write writes it anew, its diff is read like code.
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import type { AnswerKind } from '../../../sidecar/stream/create-body-reader.ts'
import { createPrelude, type PreludeDecision } from '../../../sidecar/stream/prelude.ts'
import { HAS_RECORDINGS, ownStreams, type Recording, recordedStreams } from './recordings.ts'
import { readReference } from './reference.ts'
import { byteByByte, offsets } from './replay.ts'
import { watchPrelude } from './watch-prelude.ts'

const TABLE = new URL('preludes.txt', import.meta.url)

const CHAT = kind('OpenAI', 'Chat')
const RESPONSES = kind('OpenAI', 'Responses')
const ANTHROPIC = kind('Anthropic', 'Messages')
const GEMINI = kind('Gemini', 'Chat')
const GEMINI_ARRAY = { ...GEMINI, format: 'json-array' } as const

function kind(dialect: AnswerKind['dialect'], operation: AnswerKind['operation']): AnswerKind {
  return { dialect, operation, format: 'events', stripUsage: 'Keep', framing: 'Announced' }
}

function check(answer: AnswerKind, text: string, decision: PreludeDecision, events: number): void {
  const body = Buffer.from(text)
  const expected = { decision, events, reported: decision === 'Error' }
  expect(watchPrelude(answer, byteByByte(body))).toEqual(expected)
  expect(watchPrelude(answer, [body])).toMatchObject({ decision, events })
  for (let at = 1; at < body.length; at++) {
    expect(watchPrelude(answer, [body.subarray(0, at), body.subarray(at)])).toMatchObject({ decision, events })
  }
}

function data(...payloads: unknown[]): string {
  return payloads.map((payload) => `data: ${JSON.stringify(payload)}\n\n`).join('')
}

function choice(delta: object, besides: object = {}): object {
  return { id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: null, ...besides }] }
}

const ROLE = choice({ role: 'assistant', content: '', refusal: null }, { logprobs: null })
const CREATED = 'event: response.created\ndata: {"type":"response.created","response":{"error":null,"output":[]}}\n\n'
const START =
  'event: message_start\ndata: {"type":"message_start","message":{"content":[],"usage":{"input_tokens":1}}}\n\n'
const PING = 'event: ping\ndata: {"type": "ping"}\n\n'

describe('start-up', () => {
  const cases: [string, AnswerKind, string, number][] = [
    ['is a role', CHAT, data(ROLE), 1],
    ['is a role with null for content', CHAT, data(choice({ role: 'assistant', content: null })), 1],
    ['is a role a choice', CHAT, data(ROLE, ROLE), 2],
    [
      'is a role with empty logprobs',
      CHAT,
      data(choice({ role: 'a' }, { logprobs: { content: [], refusal: null } })),
      1,
    ],
    ['is empty reasoning', CHAT, data(choice({ role: 'a', reasoning_content: '' })), 1],
    [
      'is an empty text',
      kind('OpenAI', 'Completions'),
      data({ choices: [{ index: 0, text: '', finish_reason: null }] }),
      1,
    ],
    [
      "is Azure's filter result",
      CHAT,
      data({ choices: [], id: '', created: 0, prompt_filter_results: [{ prompt_index: 0 }] }),
      1,
    ],
    [
      'is a choice with filter results alone',
      CHAT,
      data({ choices: [{ index: 0, content_filter_results: { hate: {} }, finish_reason: null }] }),
      1,
    ],
    ['is usage alone', CHAT, data({ choices: [], usage: { prompt_tokens: 5 } }), 1],
    ['is padding', CHAT, data({ ...ROLE, obfuscation: 'aB3' }), 1],
    ['is a comment', CHAT, ': OPENROUTER PROCESSING\n\n', 1],
    ['is nothing at all', CHAT, '\n\ndata:\n\nid: 5\n\n', 2],
    ['is a role behind a byte order mark', CHAT, `\ufeff${data(ROLE)}`, 1],
    ['is a role between bare CRs', CHAT, `data: ${JSON.stringify(ROLE)}\r\r`, 1],
    ['is a role between CRLFs', CHAT, `data: ${JSON.stringify(ROLE)}\r\n\r\n`, 1],
    [
      'is a response that was created, queued, begun',
      RESPONSES,
      `${CREATED}event: response.queued\ndata: {}\n\nevent: response.in_progress\ndata: {}\n\n`,
      3,
    ],
    [
      'is a response without event names',
      RESPONSES,
      data({ type: 'response.created' }, { response: {}, type: 'response.in_progress' }),
      2,
    ],
    [
      'is a message in which no word stands yet',
      RESPONSES,
      data(
        { type: 'response.output_item.added', item: { type: 'message', id: 'm', role: 'assistant', content: [] } },
        { type: 'response.content_part.added', part: { type: 'output_text', text: '', annotations: [] } },
      ),
      2,
    ],
    ['is a sign of life', RESPONSES, 'event: keepalive\ndata: {"type":"keepalive","sequence_number":3}\n\n', 1],
    ['is the head of a message', ANTHROPIC, START, 1],
    [
      'is a block in which no word stands yet',
      ANTHROPIC,
      data({ type: 'content_block_start', content_block: { type: 'text', text: '', citations: null } }),
      1,
    ],
    ['is a ping', ANTHROPIC, `${PING}${START}${PING}: c\n\n`, 4],
    [
      "is Gemini's usage",
      GEMINI,
      data({ usageMetadata: { promptTokenCount: 1 }, modelVersion: 'm', responseId: 'r' }),
      1,
    ],
    ['is a candidate without parts', GEMINI, data({ candidates: [{ content: { role: 'model' }, index: 0 }] }), 1],
    [
      'is a candidate with empty parts',
      GEMINI,
      data({ candidates: [{ content: { parts: [{}, { text: '', thought: true }] } }] }),
      1,
    ],
    ['is an unspecified finish', GEMINI, data({ candidates: [{ finishReason: 'FINISH_REASON_UNSPECIFIED' }] }), 1],
    ['is an element without parts', GEMINI_ARRAY, '[{"usageMetadata":{}}\n,\r\n{"candidates":[{"content":{}}]}\n]', 2],
    ['is an empty array', GEMINI_ARRAY, '[]\n', 0],
  ]
  test.each(cases)('%s', (_name, answer, text, events) => check(answer, text, 'Hold', events))
})

describe('content', () => {
  const cases: [string, AnswerKind, string, number][] = [
    ['is a text', CHAT, data(ROLE, choice({ content: 'a' }), ROLE), 2],
    ['is a text behind a byte order mark', CHAT, `\ufeff${data(choice({ content: 'a' }))}`, 1],
    ['is a space', CHAT, data(choice({ content: ' ' })), 1],
    ['is a list', CHAT, data(choice({ content: [{ type: 'text', text: '' }] })), 1],
    ['is a refusal', CHAT, data(choice({ refusal: 'I' })), 1],
    ['is reasoning', CHAT, data(choice({ role: 'a', reasoning: 'We' })), 1],
    [
      'is a tool call',
      CHAT,
      data(choice({ tool_calls: [{ index: 0, id: 'call_1', function: { name: 'f', arguments: '' } }] })),
      1,
    ],
    ['is a finish', CHAT, data(choice({}, { finish_reason: 'stop' })), 1],
    [
      'is a text of the second choice',
      CHAT,
      data({
        choices: [
          { index: 0, delta: { role: 'a' } },
          { index: 1, delta: { content: 'b' } },
        ],
      }),
      1,
    ],
    ['is a whole message', CHAT, data({ choices: [{ index: 0, delta: {}, message: { content: 'a' } }] }), 1],
    ['is a completion', kind('OpenAI', 'Completions'), data({ choices: [{ text: 'a' }] }), 1],
    ['is a member of a chunk that nobody knows', CHAT, data({ ...ROLE, citations: ['u'] }), 1],
    ['is a member of a choice that nobody knows', CHAT, data(choice({}, { audio: { id: 1 } })), 1],
    ['is a member of a delta that nobody knows', CHAT, data(choice({ hologram: 0 })), 1],
    ['is an end', CHAT, `${data(ROLE)}data: [DONE]\n\n`, 2],
    ['is what is no JSON', CHAT, 'data: {"choices":\n\n', 1],
    ['is JSON that is no object', CHAT, data(null), 1],
    ['is an array', CHAT, data([]), 1],
    ['is a delta that is no object', CHAT, data({ choices: [{ delta: 'a' }] }), 1],
    ['is a list of choices that is none', CHAT, data({ choices: 'a' }), 1],
    [
      'is an item',
      RESPONSES,
      `${CREATED}event: response.output_item.added\ndata: {"type":"response.output_item.added"}\n\n`,
      2,
    ],
    [
      'is a message that has words at once',
      RESPONSES,
      data({
        type: 'response.output_item.added',
        item: { type: 'message', content: [{ type: 'output_text', text: 'a' }] },
      }),
      1,
    ],
    ['is a part that refuses', RESPONSES, data({ type: 'response.content_part.added', part: { refusal: 'No' } }), 1],
    [
      'is a call of a function',
      RESPONSES,
      data({ type: 'response.output_item.added', item: { type: 'function_call', name: 'f', arguments: '' } }),
      1,
    ],
    ['is a type that nobody knows', RESPONSES, data({ type: 'response.rate_limits' }), 1],
    ['is an end without an error', RESPONSES, data({ type: 'response.incomplete', response: { error: null } }), 1],
    [
      'is a block of reasoning',
      ANTHROPIC,
      data({ type: 'content_block_start', content_block: { type: 'thinking', thinking: '', signature: '' } }),
      1,
    ],
    [
      'is a call of a tool',
      ANTHROPIC,
      data({ type: 'content_block_start', content_block: { type: 'tool_use', id: 't', name: 'f', input: {} } }),
      1,
    ],
    [
      "is a block's start",
      ANTHROPIC,
      `${START}event: content_block_start\ndata: {"type":"content_block_start"}\n\n`,
      2,
    ],
    ['is a head with content', ANTHROPIC, data({ type: 'message_start', message: { content: [{ type: 'text' }] } }), 1],
    ['is a head that is no JSON', ANTHROPIC, 'event: message_start\ndata: {\n\n', 1],
    ['is an end without blocks', ANTHROPIC, `${START}event: message_delta\ndata: {"type":"message_delta"}\n\n`, 2],
    ['is a part', GEMINI, data({ candidates: [{ content: { parts: [{ text: 'a' }] } }] }), 1],
    [
      'is a signature',
      GEMINI,
      data({ candidates: [{ content: { parts: [{ text: '', thoughtSignature: 's' }] } }] }),
      1,
    ],
    ['is a finish without parts', GEMINI, data({ candidates: [{ finishReason: 'SAFETY' }] }), 1],
    ['is a finish as a number', GEMINI, data({ candidates: [{ finishReason: 1 }] }), 1],
    ['is a block', GEMINI, data({ promptFeedback: { blockReason: 'SAFETY' } }), 1],
    ['is a shape that nobody knows', GEMINI, data({ this: [{ is: 1 }] }), 1],
    [
      'is an element with parts',
      GEMINI_ARRAY,
      '[{"usageMetadata":{}},{"candidates":[{"content":{"parts":[{"text":"] }"}]}}]}]',
      2,
    ],
  ]
  test.each(cases)('%s', (_name, answer, text, events) => check(answer, text, 'Content', events))

  test('is whatever is left of an event that is too large to be held', () => {
    const body = Buffer.from(`data: {"choices":[{"delta":{"content":"${'x'.repeat(2 * 1024 * 1024)}"}}]}\n\n`)
    const chunks = [body.subarray(0, 600_000), body.subarray(600_000, 1_200_000), body.subarray(1_200_000)]
    expect(watchPrelude(CHAT, chunks)).toEqual({ decision: 'Content', events: 1, reported: false })
  })
})

describe('an error before content', () => {
  const cases: [string, AnswerKind, string, number][] = [
    ['is an event of its own', CHAT, data(ROLE, { error: { code: 502, message: 'm' } }), 2],
    ['is a named event', CHAT, `${data(ROLE)}event: error\ndata: {"message":"m"}\n\n`, 2],
    ['stands beside choices', CHAT, data({ ...ROLE, error: { code: 502 } }), 1],
    [
      'comes after the metadata of Azure',
      CHAT,
      data({ choices: [], prompt_filter_results: [{}] }, { error: { code: '429' } }),
      2,
    ],
    ['comes after comments', CHAT, `: PROCESSING\n\n${data({ error: { code: 502 } })}`, 2],
    ['is a bare body', CHAT, '{\n  "error": {"code": "c"}\n}\n\n', 1],
    ['is an error event', RESPONSES, `${CREATED}${data({ type: 'error', code: 'server_error' })}`, 2],
    [
      'is a response that failed',
      RESPONSES,
      `${CREATED}${data({ type: 'response.failed', response: { error: { code: 'rate_limit_exceeded' } } })}`,
      2,
    ],
    [
      'is a response that failed without a word',
      RESPONSES,
      data({ type: 'response.failed', response: { error: null } }),
      1,
    ],
    ['has the form of a chat', RESPONSES, data({ error: { code: 'c' } }), 1],
    [
      'comes after a sign of life',
      RESPONSES,
      `${CREATED}${data({ type: 'keepalive' }, { type: 'error', error: {} })}`,
      3,
    ],
    ['comes first', ANTHROPIC, 'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error"}}\n\n', 1],
    ['comes after the head of a message', ANTHROPIC, `${START}${PING}event: error\ndata: {"error":{}}\n\n`, 3],
    ["is Gemini's", GEMINI, data({ usageMetadata: {} }, { error: { code: 503, status: 'UNAVAILABLE' } }), 2],
    ['is an element', GEMINI_ARRAY, '[{"usageMetadata":{}},{"error":{"code":503}}]', 2],
    ["is in the array's place", GEMINI_ARRAY, '{\n "error": {"code": 503}\n}\n', 1],
  ]
  test.each(cases)('%s', (_name, answer, text, events) => check(answer, text, 'Error', events))

  test('is none after content', () => {
    check(CHAT, data(ROLE, choice({ content: 'a' }), { error: { code: 502 } }), 'Content', 2)
  })
})

describe('a prelude', () => {
  test('keeps its decision', () => {
    const prelude = createPrelude(CHAT)
    const role = Buffer.from(data(ROLE))
    const pushed = [role, Buffer.from(data(choice({ content: 'a' }))), role].map((bytes) => prelude?.push(bytes))
    expect(pushed).toEqual(['Hold', 'Content', 'Content'])
    expect(prelude?.events).toBe(2)
  })

  test.each([
    [{ ...CHAT, format: 'json' }],
    [{ ...CHAT, format: 'opaque' }],
    [kind('OpenAI', 'Other')],
    [kind('OpenAI', 'Images')],
    [kind('Anthropic', 'Models')],
    [kind('Gemini', 'Embeddings')],
    [{ ...kind('Gemini', 'Other'), format: 'json-array' }],
  ] as [AnswerKind][])('is for streams of answers only, not for %j', (answer) => {
    expect(createPrelude(answer)).toBeUndefined()
  })
})

const streams = [...ownStreams(), ...(HAS_RECORDINGS ? recordedStreams() : [])].filter(
  ({ dialect, operation }) => createPrelude(kind(dialect, operation)) !== undefined,
)

describe(`a stream of our own${HAS_RECORDINGS ? ' or a recorded one' : ' (recorded ones skipped: none on this machine)'}`, () => {
  test('begins as the table says', () => {
    const lines = streams.map(tableLine).sort()
    if (process.env.GOLDEN === 'write' && HAS_RECORDINGS) writeFileSync(TABLE, `${lines.join('\n')}\n`)
    const known = readFileSync(TABLE, 'utf8').trimEnd().split('\n')
    const names = new Set(streams.map(({ name }) => name))
    expect(lines).toEqual(known.filter((line) => names.has(line.slice(0, line.indexOf(': ')))))
  })

  test.each(streams.map((stream) => [stream.name, stream] as const))(
    'is judged alike however it is cut: %s',
    (_name, stream) => {
      const answer = kind(stream.dialect, stream.operation)
      const whole = watchPrelude(answer, [stream.body])
      const beginning = beginningOf(stream, whole.events)
      expect(watchPrelude(answer, byteByByte(beginning))).toMatchObject({
        decision: whole.decision,
        events: whole.events,
      })
      for (const at of offsets(beginning)) {
        const { decision, events } = watchPrelude(answer, [beginning.subarray(0, at), beginning.subarray(at)])
        if (decision !== whole.decision || events !== whole.events)
          expect({ at, decision, events }).toEqual({ at, ...whole })
      }
    },
  )
})

/** Up to and with the event that decided. */
function beginningOf({ body, ...stream }: Recording, events: number): Buffer {
  return body.subarray(0, eventsOf({ body, ...stream })[events - 1]?.end)
}

function eventsOf(stream: Recording) {
  return readReference(stream).events.filter(({ start, end }) => end - start > 2)
}

/** Of recorded texts the table shows only that they are there. */
function withoutTexts(_name: string, value: unknown): unknown {
  return typeof value === 'string' && value !== '' ? '…' : value
}

function tableLine(stream: Recording): string {
  const { decision, events } = watchPrelude(kind(stream.dialect, stream.operation), [stream.body])
  const text = eventsOf(stream)[events - 1]?.data ?? ''
  const parsed = text.startsWith('{') ? JSON.parse(text) : {}
  const telling = parsed.type ?? JSON.stringify(parsed.choices ?? parsed.candidates ?? parsed, withoutTexts)
  return `${stream.name}: ${events} ${decision} ${text.startsWith('{') ? telling.slice(0, 100) : text}`
}
