// The Vercel AI SDK validates what it receives with schemas of its own: a stricter reader than the providers' SDKs.

import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { describe, expect, test } from '@jest/globals'
import { generateText, jsonSchema, type LanguageModel, streamText, tool } from 'ai'
import { mockForTests, WEATHER_ARGUMENTS } from './with-mock.ts'

const mock = mockForTests()

const MODELS: Readonly<Record<string, (model: string) => LanguageModel>> = {
  'OpenAI responses': (model) => createOpenAI({ baseURL: `${mock().url}/v1`, apiKey: 'k' }).responses(model),
  'OpenAI chat': (model) => createOpenAI({ baseURL: `${mock().url}/v1`, apiKey: 'k' }).chat(model),
  Anthropic: (model) => createAnthropic({ baseURL: `${mock().url}/v1`, apiKey: 'k' })(model),
  Gemini: (model) => createGoogleGenerativeAI({ baseURL: `${mock().url}/v1beta`, apiKey: 'k' })(model),
}

const get_weather = tool({
  inputSchema: jsonSchema<{ city: string; unit: string }>({
    type: 'object',
    properties: { city: { type: 'string' }, unit: { type: 'string', enum: ['celsius', 'fahrenheit'] } },
    required: ['city', 'unit'],
    additionalProperties: false,
  }),
  execute: () => 'sunny',
})

describe.each(Object.keys(MODELS))('%s', (name) => {
  const model = (id = 'some-model') => MODELS[name]?.(id) ?? ''

  test('answers in one piece, with usage', async () => {
    const { text, usage, finishReason } = await generateText({
      model: model(),
      prompt: 'Hello there',
      maxOutputTokens: 100,
    })
    expect(text).toBe('You said: Hello there')
    expect(usage).toMatchObject({ inputTokens: 3, outputTokens: 6 })
    expect(finishReason).toBe('stop')
  })

  test('answers in a stream, with usage', async () => {
    const stream = streamText({ model: model(), prompt: 'Hello there', maxOutputTokens: 100 })
    expect(await stream.text).toBe('You said: Hello there')
    expect(await stream.usage).toMatchObject({ inputTokens: 3, outputTokens: 6 })
    expect(await stream.finishReason).toBe('stop')
  })

  test('calls tools, in one piece and two at once in a stream', async () => {
    const asked = { prompt: 'Hello', maxOutputTokens: 100, tools: { get_weather } }
    const { toolCalls, finishReason } = await generateText({ ...asked, model: model('mock-tools') })
    const stream = streamText({ ...asked, model: model('mock-tools-parallel') })
    expect(finishReason).toBe('tool-calls')
    expect(toolCalls.map((call) => call.input)).toEqual([WEATHER_ARGUMENTS])
    expect((await stream.toolCalls).map((call) => call.input)).toEqual([WEATHER_ARGUMENTS, WEATHER_ARGUMENTS])
  })

  test('raises the status of an error', async () => {
    const failed = generateText({
      model: model('mock-status-429'),
      prompt: 'Hello',
      maxOutputTokens: 100,
      maxRetries: 0,
    })
    await expect(failed).rejects.toMatchObject({ statusCode: 429, isRetryable: true })
  })
})
