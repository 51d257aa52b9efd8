// The Vercel AI SDK validates what it receives with schemas of its own: a stricter reader than the providers' SDKs.
import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { describe, expect, test } from '@jest/globals'
import { embedMany, generateText, jsonSchema, type LanguageModel, Output, stepCountIs, streamText, tool } from 'ai'
import { WEATHER_ARGUMENTS } from '../mock/with-mock.ts'
import { type Clients, sameBothWays, twoWaysForTests } from './two-ways.ts'

const ways = twoWaysForTests()

const openai = ({ origin, apiKey }: Clients) => createOpenAI({ baseURL: `${origin}/v1`, apiKey })
const google = ({ origin, apiKey }: Clients) => createGoogleGenerativeAI({ baseURL: `${origin}/v1beta`, apiKey })
const anthropic = ({ origin, apiKey }: Clients) => createAnthropic({ baseURL: `${origin}/v1`, apiKey })

const MODELS: Readonly<Record<string, (clients: Clients, model?: string) => LanguageModel>> = {
  'OpenAI responses': (clients, model = 'gpt-5-mini') => openai(clients).responses(model),
  'OpenAI chat': (clients, model = 'gpt-5-mini') => openai(clients).chat(model),
  Anthropic: (clients, model = 'claude-haiku-4-5') => anthropic(clients)(model),
  Gemini: (clients, model = 'gemini-2.5-flash') => google(clients)(model),
}

/** How many events of an answer it takes until it has said something: what is cut before that is tried elsewhere. */
const EVENTS_UNTIL_CONTENT: Readonly<Record<string, number>> = {
  'OpenAI responses': 5,
  'OpenAI chat': 2,
  Anthropic: 4,
  Gemini: 1,
}

const SCHEMA = jsonSchema<{ city: string; unit: string }>({
  type: 'object',
  properties: { city: { type: 'string' }, unit: { type: 'string', enum: ['celsius', 'fahrenheit'] } },
  required: ['city', 'unit'],
  additionalProperties: false,
})
const tools = { get_weather: tool({ inputSchema: SCHEMA, execute: () => 'sunny' }) }
const ASKED = { prompt: 'Hello there', maxOutputTokens: 100, maxRetries: 0 }
const USAGE = { inputTokens: 3, outputTokens: 6 }

describe.each(Object.entries(MODELS))('%s', (api, model) => {
  sameBothWays(ways, [
    [
      'generateText',
      async (clients) => {
        const { text, usage, finishReason } = await generateText({ ...ASKED, model: model(clients) })
        return { text, usage, finishReason }
      },
      { text: 'You said: Hello there', usage: USAGE, finishReason: 'stop' },
    ],
    [
      'streamText',
      async (clients) => {
        const stream = streamText({ ...ASKED, model: model(clients) })
        return { text: await stream.text, usage: await stream.usage, finishReason: await stream.finishReason }
      },
      { text: 'You said: Hello there', usage: USAGE, finishReason: 'stop' },
    ],
    [
      'two tool calls at once, as a stream',
      async (clients) => {
        const stream = streamText({ ...ASKED, model: model(clients, 'mock-tools-parallel'), tools })
        return (await stream.toolCalls).map(({ input }) => input)
      },
      [WEATHER_ARGUMENTS, WEATHER_ARGUMENTS],
    ],
    [
      'a tool loop to its end',
      async (clients) => {
        const asked = { ...ASKED, model: model(clients, 'mock-tools'), tools, stopWhen: stepCountIs(3) }
        return (await generateText(asked)).text
      },
      expect.stringContaining('sunny'),
    ],
    [
      'structured output',
      async (clients) => {
        const output = Output.object({ schema: SCHEMA })
        return (await generateText({ ...ASKED, model: model(clients), output })).output
      },
      WEATHER_ARGUMENTS,
    ],
  ])

  test('raises what Outrigger refuses, with its status, and knows that it may not be retried', async () => {
    const { mock, sidecar } = ways()
    const nowhere = { ...ways().through, origin: `${sidecar.url}/nowhere` }
    const failed = generateText({ ...ASKED, model: model(nowhere) })
    await expect(failed).rejects.toMatchObject({ statusCode: 404, isRetryable: false })
    expect(mock.requests).toEqual([])
  })

  test('raises an error of the provider', async () => {
    const failed = generateText({ ...ASKED, model: model(ways().through, 'mock-status-429') })
    await expect(failed).rejects.toMatchObject({ statusCode: 429, isRetryable: true })
  })

  test.each(['clean', 'reset'])('raises a stream that was cut: %s', async (cut) => {
    ways().mock.next({ 'cut-after-events': String(EVENTS_UNTIL_CONTENT[api]), cut })
    const stream = streamText({ ...ASKED, model: model(ways().through), onError: () => {} })
    await expect(partsUntilError(stream)).rejects.toThrow(/ended its answer too early|Failed to process/)
  })
})

/** The SDK hands on an error that came as an event as a part, and throws what happened to the connection. */
async function partsUntilError({ fullStream }: { fullStream: AsyncIterable<{ type: string }> }): Promise<unknown[]> {
  const parts: unknown[] = []
  for await (const part of fullStream) {
    if ('error' in part) throw part.error
    parts.push(part)
  }
  return parts
}

describe('embeddings', () => {
  const embed = { values: ['a', 'b'], maxRetries: 0 }
  sameBothWays(ways, [
    [
      'OpenAI',
      async (clients) =>
        (await embedMany({ ...embed, model: openai(clients).embedding('text-embedding-3-small') })).embeddings,
      { length: 2 },
    ],
    [
      'Gemini',
      async (clients) =>
        (await embedMany({ ...embed, model: google(clients).embedding('gemini-embedding-001') })).embeddings,
      { length: 2 },
    ],
  ])
})
