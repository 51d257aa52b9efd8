import Anthropic, { APIError, AuthenticationError, NotFoundError, RateLimitError } from '@anthropic-ai/sdk'
import { describe, expect, test } from '@jest/globals'
import { tokensOf } from '../../mock/completion.ts'
import { collect, mockForTests, send, WEATHER_ARGUMENTS, WEATHER_SCHEMA } from './with-mock.ts'

const mock = mockForTests()
const client = (apiKey = 'sk-ant-test') => new Anthropic({ baseURL: mock().url, apiKey, maxRetries: 0 })

const HELLO = {
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'Hello there' }],
}
const TOOLS = [{ name: 'get_weather', input_schema: { ...WEATHER_SCHEMA, type: 'object' as const } }]

describe('messages', () => {
  test('echo the last user message, with usage and a request id', async () => {
    const message = await client().messages.create(HELLO)
    expect(message.content).toEqual([{ type: 'text', text: 'You said: Hello there' }])
    expect(message).toMatchObject({ type: 'message', role: 'assistant', stop_reason: 'end_turn', stop_sequence: null })
    expect(message.usage).toMatchObject({
      input_tokens: tokensOf('Hello there'),
      output_tokens: tokensOf('You said: Hello there'),
    })
    expect(message._request_id).toMatch(/^req_01\w{22}$/)
  })

  test('accept both generations of credentials', async () => {
    const old = { 'x-api-key': 'sk-ant-test', authorization: '', 'anthropic-version': '2023-06-01' }
    const answer = await send(mock(), { path: '/v1/messages', headers: old, body: HELLO })
    await client().messages.create(HELLO)
    expect(answer.status).toBe(200)
    expect(mock().requests.at(-1)?.rawHeaders).toContain('Bearer sk-ant-test')
  })

  test('stream named events in order, with a ping, and cumulative usage at the end', async () => {
    const headers = { 'anthropic-version': '2023-06-01' }
    const { body } = await send(mock(), { path: '/v1/messages', headers, body: { ...HELLO, stream: true } })
    const names = [...body.toString().matchAll(/^event: (\w+)$/gm)].map((match) => match[1])
    expect(names).toEqual([
      'message_start',
      'content_block_start',
      'ping',
      'content_block_delta',
      'content_block_delta',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    const message = await client().messages.stream(HELLO).finalMessage()
    expect(message.content).toMatchObject([{ type: 'text', text: 'You said: Hello there' }])
    expect(message.usage.output_tokens).toBe(6)
  })

  test('call tools, one or two at once, in one piece and in a stream', async () => {
    const asked = { ...HELLO, messages: [{ role: 'user' as const, content: 'Use a tool' }], tools: TOOLS }
    const unary = await client().messages.create(asked)
    const streamed = await client()
      .messages.stream({ ...asked, model: 'mock-tools-parallel' })
      .finalMessage()
    const weather = { type: 'tool_use', name: 'get_weather', input: WEATHER_ARGUMENTS }
    expect(unary).toMatchObject({ stop_reason: 'tool_use', content: [weather] })
    expect(streamed).toMatchObject({ stop_reason: 'tool_use', content: [weather, weather] })
  })

  test('call a tool when the choice demands it, and none after a result', async () => {
    const demanded = await client().messages.create({ ...HELLO, tools: TOOLS, tool_choice: { type: 'any' } })
    const result = { type: 'tool_result' as const, tool_use_id: 'toolu_1', content: 'sunny' }
    const messages = [...HELLO.messages, { role: 'user' as const, content: [result] }]
    const after = await client().messages.create({ ...HELLO, messages, tools: TOOLS, tool_choice: { type: 'any' } })
    expect(demanded.stop_reason).toBe('tool_use')
    expect(after.content).toEqual([{ type: 'text', text: 'The tool said: sunny' }])
  })

  test('stop at max_tokens and at a stop sequence', async () => {
    const short = await client().messages.create({ ...HELLO, max_tokens: 2 })
    const stopped = await client().messages.create({ ...HELLO, stop_sequences: ['Hello'] })
    expect(short).toMatchObject({ stop_reason: 'max_tokens', content: [{ text: 'You' }] })
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'Hello' })
  })

  test('report cached input apart from uncached input', async () => {
    const { usage } = await client().messages.create({ ...HELLO, model: 'mock-cached-2' })
    expect(usage).toMatchObject({ input_tokens: 1, cache_read_input_tokens: 2 })
  })
})

describe('other endpoints', () => {
  test('count_tokens agrees with the usage of the message', async () => {
    const request = { ...HELLO, system: 'Be brief.', tools: TOOLS }
    const { max_tokens, ...countable } = request
    const message = await client().messages.create({ ...countable, max_tokens })
    expect(await client().messages.countTokens(countable)).toEqual({ input_tokens: message.usage.input_tokens })
  })

  test('models and batches are listed', async () => {
    const ids = (await collect(client().models.list())).map((model) => model.id)
    expect(ids).toContain('claude-haiku-4-5')
    expect((await client().models.retrieve('claude-haiku-4-5')).type).toBe('model')
    expect(await collect(client().messages.batches.list())).toEqual([])
  })
})

describe('errors', () => {
  test('a bad key, an unknown model and a limit raise what the SDK promises', async () => {
    await expect(client('invalid-key').messages.create(HELLO)).rejects.toThrow(AuthenticationError)
    await expect(client().messages.create({ ...HELLO, model: 'unknown-1' })).rejects.toThrow(NotFoundError)
    const limited = client().messages.create(HELLO, { headers: { 'x-mock-status': '429', 'x-mock-retry-after': '7' } })
    await expect(limited).rejects.toThrow(RateLimitError)
    await expect(client().messages.create({ ...HELLO, model: 'mock-status-529' })).rejects.toMatchObject({
      status: 529,
      type: 'overloaded_error',
    })
  })

  test('an error inside a stream is raised by the SDK', async () => {
    const stream = await client().messages.create({ ...HELLO, model: 'mock-error-in-stream-after-4', stream: true })
    const failure = await collect(stream).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(APIError)
    expect(failure).toMatchObject({ type: 'overloaded_error' })
  })

  test('a request without a version or max_tokens is refused', async () => {
    const headers = { 'anthropic-version': '2023-06-01' }
    const unversioned = await send(mock(), { path: '/v1/messages', body: HELLO })
    const unlimited = await send(mock(), { path: '/v1/messages', headers, body: { ...HELLO, max_tokens: undefined } })
    expect(JSON.parse(unversioned.body.toString()).error.message).toBe('anthropic-version: header is required')
    expect(JSON.parse(unlimited.body.toString()).error.message).toBe('max_tokens: Field required')
  })
})
