import { FunctionCallingConfigMode, Type } from '@google/genai'
import { describe, expect, test } from '@jest/globals'
import { collect, WEATHER_ARGUMENTS } from '../mock/with-mock.ts'
import { type Clients, geminiOf, type Row, sameBothWays, twoWaysForTests } from './two-ways.ts'

const ways = twoWaysForTests()

const HELLO = { model: 'gemini-2.5-flash', contents: 'Hello there' }
const DECLARATION = {
  name: 'get_weather',
  parameters: {
    type: Type.OBJECT,
    properties: { city: { type: Type.STRING }, unit: { type: Type.STRING, enum: ['celsius'] } },
  },
}
const TOOLS = { tools: [{ functionDeclarations: [DECLARATION] }] }
const CALL = { name: 'get_weather', args: WEATHER_ARGUMENTS }
const ANY_FUNCTION = { ...TOOLS, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } }
const AS_JSON = { responseMimeType: 'application/json', responseSchema: DECLARATION.parameters }

/** The API version is part of the path: both generations of the SDK must work. */
const rowsOf = (apiVersion: string): Row[] => {
  const modelsOf = ({ origin, apiKey }: Clients) => geminiOf(origin, apiKey, { apiVersion }).models
  return [
    [
      'generateContent',
      (clients) => modelsOf(clients).generateContent(HELLO),
      { text: 'You said: Hello there', usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 6 } },
    ],
    [
      'generateContentStream',
      async (clients) => collect(await modelsOf(clients).generateContentStream(HELLO)),
      [{ text: 'You' }, { text: ' said:' }, { text: ' Hello' }, { text: ' there' }],
    ],
    [
      'a function call',
      (clients) => modelsOf(clients).generateContent({ ...HELLO, config: ANY_FUNCTION }),
      { functionCalls: [CALL] },
    ],
    [
      'two function calls at once, as a stream',
      async (clients) => {
        const asked = { ...HELLO, model: 'mock-tools-parallel', config: TOOLS }
        const chunks = await collect(await modelsOf(clients).generateContentStream(asked))
        return chunks.flatMap((chunk) => chunk.functionCalls ?? [])
      },
      [CALL, CALL],
    ],
    [
      'structured output',
      async (clients) =>
        JSON.parse((await modelsOf(clients).generateContent({ ...HELLO, config: AS_JSON })).text ?? ''),
      WEATHER_ARGUMENTS,
    ],
    [
      'an answer cut by maxOutputTokens',
      (clients) => modelsOf(clients).generateContent({ ...HELLO, config: { maxOutputTokens: 2 } }),
      { text: 'You', candidates: [{ finishReason: 'MAX_TOKENS' }] },
    ],
    ['countTokens', (clients) => modelsOf(clients).countTokens(HELLO), { totalTokens: 3 }],
    [
      'embedContent',
      (clients) =>
        modelsOf(clients).embedContent({
          model: 'gemini-embedding-001',
          contents: ['a', 'b'],
          config: { outputDimensionality: 8 },
        }),
      { embeddings: [{ values: { length: 8 } }, { values: { length: 8 } }] },
    ],
    [
      'a long answer',
      async (clients) => {
        const chunks = await collect(
          await modelsOf(clients).generateContentStream({ ...HELLO, model: 'mock-words-2000' }),
        )
        return chunks.map((chunk) => chunk.text).join('')
      },
      expect.stringMatching(/^(\S+\s){1999}\S+$/),
    ],
  ]
}

describe('the API that the SDK calls by itself', () => {
  sameBothWays(ways, [
    ['generateContent', ({ gemini }) => gemini.models.generateContent(HELLO), { text: 'You said: Hello there' }],
    [
      'a chat of two turns',
      async ({ gemini }) => {
        const chat = gemini.chats.create({ model: HELLO.model })
        await chat.sendMessage({ message: 'Hello' })
        return (await chat.sendMessage({ message: 'again' })).text
      },
      'You said: again',
    ],
    ['files, listed', async ({ gemini }) => collect(await gemini.files.list()), []],
  ])
})

describe.each(['v1', 'v1beta'])('/%s', (apiVersion) => sameBothWays(ways, rowsOf(apiVersion)))

test('the headers of the answer are there for those who look', async () => {
  const answer = await ways().through.gemini.models.generateContent(HELLO)
  expect(answer.sdkHttpResponse?.headers).toMatchObject({
    'x-outrigger-provider': 'default/gemini',
    'x-outrigger-attempts': '1',
  })
})

test('a key in the query reaches no provider', async () => {
  const { sidecar, mock } = ways()
  const url = `${sidecar.url}/v1beta/models/gemini-2.5-flash:generateContent?key=placeholder-of-the-application`
  const body = JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] })
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  expect(answer.status).toBe(200)
  expect(mock.requests.at(-1)?.path).toBe('/v1beta/models/gemini-2.5-flash:generateContent')
})
