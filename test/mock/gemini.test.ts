import { ApiError, FunctionCallingConfigMode, GoogleGenAI, Type } from '@google/genai'
import { describe, expect, test } from '@jest/globals'
import { tokensOf } from '../../mock/completion.ts'
import { collect, mockForTests, send, WEATHER_ARGUMENTS } from './with-mock.ts'

const mock = mockForTests()
const client = (apiKey = 'AIza-test', apiVersion?: string) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: mock().url, fetch }, ...(apiVersion ? { apiVersion } : {}) })

const HELLO = { model: 'gemini-2.5-flash', contents: 'Hello there' }
const DECLARATION = {
  name: 'get_weather',
  parameters: {
    type: Type.OBJECT,
    properties: { city: { type: Type.STRING }, unit: { type: Type.STRING, enum: ['celsius'] } },
  },
}
const TOOLS = { tools: [{ functionDeclarations: [DECLARATION] }] }
const RAW = { 'x-goog-api-key': 'AIza-test' }
const RAW_BODY = { contents: [{ role: 'user', parts: [{ text: 'Hello there' }] }] }

describe('generateContent', () => {
  test.each(['v1', 'v1beta'])('echoes the last user message at /%s', async (version) => {
    const answer = await client('AIza-test', version).models.generateContent(HELLO)
    expect(answer.text).toBe('You said: Hello there')
    expect(answer.candidates?.[0]?.finishReason).toBe('STOP')
    const [input, output] = [tokensOf('Hello there'), tokensOf('You said: Hello there')]
    expect(answer.usageMetadata).toMatchObject({
      promptTokenCount: input,
      candidatesTokenCount: output,
      totalTokenCount: input + output,
    })
    expect(mock().requests.at(-1)?.path).toBe(`/${version}/models/gemini-2.5-flash:generateContent`)
  })

  test('streams with usage in every chunk and the finish reason in the last', async () => {
    const chunks = await collect(await client().models.generateContentStream(HELLO))
    expect(chunks.map((chunk) => chunk.text)).toEqual(['You', ' said:', ' Hello', ' there'])
    expect(chunks.map((chunk) => chunk.usageMetadata?.candidatesTokenCount)).toEqual([1, 3, 4, 6])
    expect(chunks.map((chunk) => chunk.candidates?.[0]?.finishReason ?? null)).toEqual([null, null, null, 'STOP'])
  })

  test('frames server-sent events with CRLF', async () => {
    const path = '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse'
    const { body } = await send(mock(), { path, headers: RAW, body: RAW_BODY })
    expect(body.toString().split('\r\n\r\n')).toHaveLength(5)
    expect(body.toString()).toMatch(/^(data: \{.*\}\r\n\r\n)+$/)
  })

  test('streams one JSON array without alt=sse', async () => {
    const path = '/v1beta/models/gemini-2.5-flash:streamGenerateContent'
    const { body, headers } = await send(mock(), { path, headers: RAW, body: RAW_BODY })
    expect(headers['content-type']).toBe('application/json; charset=UTF-8')
    expect(JSON.parse(body.toString())).toHaveLength(4)
  })

  test('calls functions whole, finish reason STOP, with ids from Gemini 3 on', async () => {
    const contents = 'Please use get_weather'
    const answer = await client().models.generateContent({ model: 'gemini-2.5-flash', contents, config: TOOLS })
    const third = await client().models.generateContent({ model: 'gemini-3-pro', contents, config: TOOLS })
    expect(answer.functionCalls).toEqual([{ name: 'get_weather', args: WEATHER_ARGUMENTS }])
    expect(answer.candidates?.[0]?.finishReason).toBe('STOP')
    expect(third.functionCalls?.[0]?.id).toMatch(/^\w{8}$/)
  })

  test('calls two functions at once in a stream, and any when the mode demands it', async () => {
    const contents = 'Hello'
    const parallel = await client().models.generateContentStream({
      model: 'mock-tools-parallel',
      contents,
      config: TOOLS,
    })
    const toolConfig = { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } }
    const demanded = await client().models.generateContent({ ...HELLO, config: { ...TOOLS, toolConfig } })
    expect((await collect(parallel)).flatMap((chunk) => chunk.functionCalls ?? [])).toHaveLength(2)
    expect(demanded.functionCalls).toHaveLength(1)
  })

  test('stops at maxOutputTokens and answers a schema with JSON', async () => {
    const short = await client().models.generateContent({ ...HELLO, config: { maxOutputTokens: 2 } })
    const config = { responseMimeType: 'application/json', responseSchema: DECLARATION.parameters }
    const json = await client().models.generateContent({ ...HELLO, config })
    expect(short).toMatchObject({ text: 'You', candidates: [{ finishReason: 'MAX_TOKENS' }] })
    expect(JSON.parse(json.text ?? '')).toEqual(WEATHER_ARGUMENTS)
  })
})

describe('other endpoints', () => {
  test('countTokens agrees with the usage', async () => {
    const { totalTokens } = await client().models.countTokens(HELLO)
    expect(totalTokens).toBe(tokensOf('Hello there'))
  })

  test('embeds one text and several', async () => {
    const several = await client().models.embedContent({
      model: 'gemini-embedding-001',
      contents: ['a', 'b'],
      config: { outputDimensionality: 8 },
    })
    const path = '/v1beta/models/gemini-embedding-001:embedContent'
    const one = { content: { parts: [{ text: 'a' }] }, outputDimensionality: 8 }
    const { body } = await send(mock(), { path, headers: RAW, body: one })
    expect(several.embeddings?.map((embedding) => embedding.values?.length)).toEqual([8, 8])
    expect(JSON.parse(body.toString()).embedding.values).toEqual(several.embeddings?.[0]?.values)
  })

  test('lists and gets models, and lists files', async () => {
    const names = (await collect(await client().models.list())).map((model) => model.name)
    expect(names).toContain('models/gemini-2.5-flash')
    expect((await client().models.get({ model: 'gemini-2.5-flash' })).inputTokenLimit).toBeGreaterThan(0)
    expect(await collect(await client().files.list())).toEqual([])
  })
})

describe('errors', () => {
  test('a bad key is 400 API_KEY_INVALID, an unknown model 404, a limit 429 with RetryInfo', async () => {
    const bad = await client('invalid-key')
      .models.generateContent(HELLO)
      .catch((error: unknown) => error)
    const unknown = await client()
      .models.generateContent({ ...HELLO, model: 'unknown' })
      .catch((error: unknown) => error)
    const headers = { 'x-mock-status': '429', 'x-mock-retry-after': '34' }
    const limited = client().models.generateContent({ ...HELLO, config: { httpOptions: { headers } } })
    expect(bad).toBeInstanceOf(ApiError)
    expect(bad).toMatchObject({ status: 400, message: expect.stringContaining('API_KEY_INVALID') })
    expect(unknown).toMatchObject({ status: 404, message: expect.stringContaining('NOT_FOUND') })
    await expect(limited).rejects.toMatchObject({ status: 429, message: expect.stringContaining('"retryDelay":"34s"') })
  })

  test('the key may come in the query', async () => {
    const path = '/v1beta/models/gemini-2.5-flash:generateContent'
    const anonymous = { authorization: '' }
    const without = await send(mock(), { path, headers: anonymous, body: RAW_BODY })
    const with_ = await send(mock(), { path: `${path}?key=AIza-test`, headers: anonymous, body: RAW_BODY })
    expect([without.status, with_.status]).toEqual([403, 200])
  })

  test('an error inside a stream is raised by the SDK', async () => {
    const stream = await client().models.generateContentStream({ ...HELLO, model: 'mock-error-in-stream-after-2' })
    const failure = await collect(stream).catch((error: unknown) => error)
    expect(failure).toMatchObject({ status: 503, message: expect.stringContaining('UNAVAILABLE') })
  })
})
