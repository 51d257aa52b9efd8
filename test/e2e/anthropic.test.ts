import Anthropic from '@anthropic-ai/sdk'
import { describe, expect, test } from '@jest/globals'
import { collect, WEATHER_ARGUMENTS, WEATHER_SCHEMA } from '../mock/with-mock.ts'
import { sameBothWays, twoWaysForTests } from './two-ways.ts'

const ways = twoWaysForTests()

const HELLO = {
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'Hello there' }],
}
const TOOLS = [{ name: 'get_weather', input_schema: { ...WEATHER_SCHEMA, type: 'object' as const } }]
const CALL = { type: 'tool_use', name: 'get_weather', input: WEATHER_ARGUMENTS }
const TEXT = { type: 'text', text: 'You said: Hello there' }

describe('messages', () => {
  sameBothWays(ways, [
    [
      'in one piece',
      ({ anthropic }) => anthropic.messages.create(HELLO),
      { content: [TEXT], stop_reason: 'end_turn', usage: { input_tokens: 3, output_tokens: 6 } },
    ],
    [
      'as a stream',
      async ({ anthropic }) => collect(await anthropic.messages.create({ ...HELLO, stream: true })),
      expect.arrayContaining([expect.objectContaining({ type: 'message_stop' })]),
    ],
    [
      'stream().finalMessage',
      ({ anthropic }) => anthropic.messages.stream(HELLO).finalMessage(),
      { content: [TEXT], usage: { output_tokens: 6 } },
    ],
    ['stream().finalText', ({ anthropic }) => anthropic.messages.stream(HELLO).finalText(), 'You said: Hello there'],
    [
      'a tool call',
      ({ anthropic }) => anthropic.messages.create({ ...HELLO, model: 'mock-tools', tools: TOOLS }),
      { stop_reason: 'tool_use', content: [CALL] },
    ],
    [
      'two tool calls at once, in one piece',
      ({ anthropic }) => anthropic.messages.create({ ...HELLO, model: 'mock-tools-parallel', tools: TOOLS }),
      { content: [CALL, CALL] },
    ],
    [
      'two tool calls at once, as a stream',
      ({ anthropic }) =>
        anthropic.messages.stream({ ...HELLO, model: 'mock-tools-parallel', tools: TOOLS }).finalMessage(),
      { content: [CALL, CALL] },
    ],
    [
      'the answer to a tool result',
      ({ anthropic }) =>
        anthropic.messages.create({
          ...HELLO,
          tools: TOOLS,
          messages: [
            ...HELLO.messages,
            { role: 'assistant', content: [{ ...CALL, type: 'tool_use', id: 'toolu_1' }] },
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'sunny' }] },
          ],
        }),
      { content: [{ text: 'The tool said: sunny' }] },
    ],
    [
      'structured output',
      async ({ anthropic }) => {
        const output_config = { format: { type: 'json_schema' as const, schema: WEATHER_SCHEMA } }
        return (await anthropic.messages.create({ ...HELLO, output_config })).content
      },
      [{ type: 'text' }],
    ],
    [
      'an answer cut by max_tokens',
      ({ anthropic }) => anthropic.messages.stream({ ...HELLO, max_tokens: 2 }).finalMessage(),
      { stop_reason: 'max_tokens', content: [{ text: 'You' }] },
    ],
    [
      'usage with cached input',
      async ({ anthropic }) => (await anthropic.messages.create({ ...HELLO, model: 'mock-cached-2' })).usage,
      { input_tokens: 1, cache_read_input_tokens: 2 },
    ],
    [
      'the beta API, which says so in its headers',
      ({ anthropic }) => anthropic.beta.messages.create({ ...HELLO, betas: ['context-1m-2025-08-07'] }),
      { content: [TEXT] },
    ],
    [
      'a long answer',
      ({ anthropic }) =>
        anthropic.messages.stream({ ...HELLO, model: 'mock-words-2000', max_tokens: 9999 }).finalText(),
      expect.stringMatching(/^(\S+\s){1999}\S+$/),
    ],
  ])
})

describe('other endpoints', () => {
  const { max_tokens: _, ...COUNTABLE } = HELLO
  sameBothWays(ways, [
    ['count_tokens', ({ anthropic }) => anthropic.messages.countTokens(COUNTABLE), { input_tokens: 3 }],
    ['batches, listed', async ({ anthropic }) => collect(anthropic.messages.batches.list()), []],
  ])
})

describe('headers', () => {
  test('beta flags and the version that the client speaks reach the provider, its key does not', async () => {
    await ways().through.anthropic.beta.messages.create({ ...HELLO, betas: ['context-1m-2025-08-07'] })
    const request = ways().mock.requests.at(-1)
    expect(request?.rawHeaders).toEqual(expect.arrayContaining(['anthropic-beta', 'context-1m-2025-08-07']))
    expect(request?.rawHeaders.filter((name) => name === 'anthropic-version')).toHaveLength(1)
  })

  test("the provider's request id is the SDK's, and Outrigger's is beside it", async () => {
    const { request_id, response } = await ways().through.anthropic.messages.create(HELLO).withResponse()
    expect(request_id).toMatch(/^req_01/)
    expect(request_id).toBe(response.headers.get('request-id'))
    expect(response.headers.get('x-outrigger-provider')).toBe('default/anthropic')
  })

  test.each(['apiKey', 'authToken'] as const)('a client that authenticates by %s is served', async (way) => {
    const { sidecar } = ways()
    const credentials = { apiKey: null, authToken: null, [way]: 'placeholder-of-the-application' }
    const client = new Anthropic({ baseURL: sidecar.url, ...credentials, maxRetries: 0 })
    expect((await client.messages.create(HELLO)).content).toMatchObject([TEXT])
  })
})
