import { describe, expect, test } from '@jest/globals'
import { toFile } from 'openai'
import { collect, WEATHER_ARGUMENTS, WEATHER_SCHEMA } from '../mock/with-mock.ts'
import { type Clients, sameBothWays, twoWaysForTests } from './two-ways.ts'

const ways = twoWaysForTests()

const MESSAGES = [{ role: 'user' as const, content: 'Hello there' }]
const HELLO = { model: 'gpt-5-mini', messages: MESSAGES }
const WEATHER = { name: 'get_weather', parameters: WEATHER_SCHEMA }
const TOOLS = [{ type: 'function' as const, function: WEATHER }]
const RESPONSES_TOOLS = [{ type: 'function' as const, strict: true, ...WEATHER }]
const JSON_SCHEMA = { type: 'json_schema' as const, json_schema: { name: 'weather', schema: WEATHER_SCHEMA } }
const SPEECH = () => toFile(Buffer.from('twelve bytes'), 'speech.wav', { type: 'audio/wav' })
const CALL = { type: 'function', function: { name: 'get_weather', arguments: JSON.stringify(WEATHER_ARGUMENTS) } }

const UNICODE = 'Ωmega 漢字 🛶 \u2028 \u0085 é e\u0301 "quoted" \\ and\nlines'

const PIXELS = `data:image/png;base64,${Buffer.alloc(300_000, 7).toString('base64')}`
const LONG_CONTENT = [
  { type: 'text' as const, text: 'What is this? '.repeat(20_000) },
  { type: 'image_url' as const, image_url: { url: PIXELS } },
]

async function chunksOf({ openai }: Clients, more: object = {}): Promise<unknown[]> {
  return collect(await openai.chat.completions.create({ ...HELLO, ...more, stream: true }))
}

describe('chat', () => {
  sameBothWays(ways, [
    [
      'in one piece',
      ({ openai }) => openai.chat.completions.create(HELLO),
      { choices: [{ message: { content: 'You said: Hello there' }, finish_reason: 'stop' }] },
    ],
    ['as a stream', chunksOf, { length: 6 }],
    [
      'as a stream with usage',
      (clients) => chunksOf(clients, { stream_options: { include_usage: true } }),
      expect.arrayContaining([expect.objectContaining({ choices: [], usage: expect.anything() })]),
    ],
    ['as a stream of two choices', (clients) => chunksOf(clients, { n: 2 }), { length: 12 }],
    [
      'stream().finalMessage',
      ({ openai }) => openai.chat.completions.stream(HELLO).finalMessage(),
      { content: 'You said: Hello there' },
    ],
    [
      'stream().finalChatCompletion with a tool call',
      ({ openai }) =>
        openai.chat.completions.stream({ ...HELLO, model: 'mock-tools', tools: TOOLS }).finalChatCompletion(),
      { choices: [{ finish_reason: 'tool_calls', message: { tool_calls: [CALL] } }] },
    ],
    [
      'stream() with two tool calls at once',
      ({ openai }) =>
        openai.chat.completions.stream({ ...HELLO, model: 'mock-tools-parallel', tools: TOOLS }).finalMessage(),
      { tool_calls: [CALL, CALL] },
    ],
    [
      'two tool calls at once, in one piece',
      ({ openai }) => openai.chat.completions.create({ ...HELLO, model: 'mock-tools-parallel', tools: TOOLS }),
      { choices: [{ message: { tool_calls: [CALL, CALL] } }] },
    ],
    [
      'runTools, to the end of the loop',
      ({ openai }) =>
        openai.chat.completions.runTools({ ...HELLO, model: 'mock-tools', tools: [runnable()] }).finalContent(),
      'The tool said: sunny',
    ],
    [
      'structured output',
      async ({ openai }) => {
        const answer = await openai.chat.completions.parse({ ...HELLO, response_format: JSON_SCHEMA })
        return JSON.parse(answer.choices[0]?.message.content ?? '')
      },
      WEATHER_ARGUMENTS,
    ],
    [
      'an answer cut by max_completion_tokens',
      ({ openai }) => openai.chat.completions.create({ ...HELLO, max_completion_tokens: 2 }),
      { choices: [{ finish_reason: 'length', message: { content: 'You' } }] },
    ],
    [
      'text of all alphabets',
      ({ openai }) =>
        openai.chat.completions.stream({ ...HELLO, messages: [{ role: 'user', content: UNICODE }] }).finalContent(),
      `You said: ${UNICODE}`,
    ],
    [
      'a long answer',
      ({ openai }) => openai.chat.completions.stream({ ...HELLO, model: 'mock-words-2000' }).finalMessage(),
      { content: expect.stringMatching(/^(\S+\s){1999}\S+$/) },
    ],
    [
      'a long question, with an image in it',
      ({ openai }) => openai.chat.completions.create({ ...HELLO, messages: [{ role: 'user', content: LONG_CONTENT }] }),
      { choices: [{ finish_reason: 'stop' }] },
    ],
  ])
})

describe('responses', () => {
  const HELLO = { model: 'gpt-5-mini', input: 'Hello there' }
  sameBothWays(ways, [
    ['in one piece', ({ openai }) => openai.responses.create(HELLO), { output_text: 'You said: Hello there' }],
    [
      'as a stream',
      async ({ openai }) => collect(await openai.responses.create({ ...HELLO, stream: true })),
      expect.arrayContaining([expect.objectContaining({ type: 'response.completed' })]),
    ],
    [
      'stream().finalResponse with a tool call',
      ({ openai }) =>
        openai.responses.stream({ ...HELLO, model: 'mock-tools', tools: RESPONSES_TOOLS }).finalResponse(),
      { output: [{ type: 'function_call', name: 'get_weather', arguments: CALL.function.arguments }] },
    ],
    [
      'two tool calls at once',
      ({ openai }) => openai.responses.create({ ...HELLO, model: 'mock-tools-parallel', tools: RESPONSES_TOOLS }),
      { output: [{ type: 'function_call' }, { type: 'function_call' }] },
    ],
    [
      'incomplete at max_output_tokens',
      async ({ openai }) => collect(await openai.responses.create({ ...HELLO, max_output_tokens: 2, stream: true })),
      expect.arrayContaining([expect.objectContaining({ type: 'response.incomplete' })]),
    ],
    ['input tokens counted', ({ openai }) => openai.responses.inputTokens.count(HELLO), { input_tokens: 3 }],
  ])
})

describe('other endpoints', () => {
  const LEGACY = { model: 'davinci-002', prompt: 'Hello there', max_tokens: 100 }
  const EMBEDDINGS = { model: 'text-embedding-3-small', input: ['a', 'b'], dimensions: 16 }
  sameBothWays(ways, [
    [
      'legacy completions',
      ({ openai }) => openai.completions.create(LEGACY),
      { choices: [{ text: 'You said: Hello there' }] },
    ],
    [
      'legacy completions as a stream',
      async ({ openai }) => collect(await openai.completions.create({ ...LEGACY, stream: true })),
      expect.arrayContaining([expect.objectContaining({ object: 'text_completion' })]),
    ],
    [
      'embeddings as the SDK asks for them, in base64',
      ({ openai }) => openai.embeddings.create(EMBEDDINGS),
      { data: [{ embedding: { length: 16 } }, { embedding: { length: 16 } }] },
    ],
    [
      'embeddings as floats',
      ({ openai }) => openai.embeddings.create({ ...EMBEDDINGS, encoding_format: 'float' }),
      { data: [{ index: 0 }, { index: 1 }] },
    ],
    [
      'images',
      ({ openai }) => openai.images.generate({ model: 'gpt-image-1', prompt: 'a canoe', n: 2 }),
      { data: [{ b64_json: expect.stringMatching(/^iVBORw0K/) }, {}] },
    ],
    [
      'transcription, a form with a model in it',
      async ({ openai }) => openai.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: await SPEECH() }),
      { text: 'You said: speech.wav, 12 bytes.' },
    ],
    ['files, listed', async ({ openai }) => collect(openai.files.list()), { length: 2 }],
    [
      'a file, uploaded',
      async ({ openai }) => openai.files.create({ file: await SPEECH(), purpose: 'batch' }),
      { filename: 'speech.wav', bytes: 12, purpose: 'batch' },
    ],
    ['a file, retrieved', ({ openai }) => openai.files.retrieve('file-abc'), { id: 'file-abc' }],
    [
      'an endpoint that the SDK has no method for',
      ({ openai }) =>
        openai.post('/rerank', { body: { model: 'rerank-1', query: 'canoe', documents: ['a canoe', 'b'] } }),
      { results: [{ index: 0 }, { index: 1 }] },
    ],
  ])
})

test("the answer tells which provider, model and attempt it came from, beside the provider's own headers", async () => {
  const { response, request_id } = await ways().through.openai.chat.completions.create(HELLO).withResponse()
  const { headers } = response
  expect(request_id).toMatch(/^req_/)
  expect(request_id).toBe(headers.get('x-request-id'))
  expect(headers.get('x-outrigger-request-id')).toMatch(/^[\w-]{20,}$/)
  expect(headers.get('x-outrigger-provider')).toBe('default/openai')
  expect(headers.get('x-outrigger-attempts')).toBe('1')
  const line = await ways().sidecar.accessLine((entry) => entry.requestId === headers.get('x-outrigger-request-id'))
  expect(line).toMatchObject({ status: 200, operation: 'Chat', inputTokens: 3, outputTokens: 6, failure: null })
})

test('usage is metered in a stream whose client did not ask for it, and not shown to it', async () => {
  const chunks = await chunksOf(ways().through, { model: 'gpt-metered' })
  const line = await ways().sidecar.accessLine((entry) => entry.requestedModel === 'gpt-metered')
  expect(JSON.stringify(chunks)).not.toContain('"usage":{')
  expect(line).toMatchObject({ stream: true, inputTokens: 3, outputTokens: 6 })
})

function runnable() {
  const description = 'The weather of a city.'
  return { type: 'function' as const, function: { ...WEATHER, description, function: () => 'sunny' } }
}
