import { describe, expect, test } from '@jest/globals'
import OpenAI, { AuthenticationError, AzureOpenAI, BadRequestError, NotFoundError, RateLimitError } from 'openai'
import { tokensOf } from '../../mock/completion.ts'
import { collect, mockForTests, send, WEATHER_ARGUMENTS, WEATHER_SCHEMA } from './with-mock.ts'

const mock = mockForTests()
const client = (apiKey = 'sk-test') => new OpenAI({ baseURL: `${mock().url}/v1`, apiKey, maxRetries: 0 })
const azure = () =>
  new AzureOpenAI({ endpoint: mock().url, apiKey: 'azure-key', apiVersion: '2026-06-01', maxRetries: 0 })

const HELLO = { model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hello there' }] } as const
const WEATHER = { name: 'get_weather', parameters: WEATHER_SCHEMA }
const CHAT_TOOLS = [{ type: 'function', function: WEATHER }] as const
const RESPONSES_TOOLS = [{ type: 'function', strict: true, ...WEATHER }] as const

describe('chat', () => {
  test('echoes the last user message and counts bytes/4 as tokens', async () => {
    const answer = await client().chat.completions.create({ ...HELLO, messages: [...HELLO.messages] })
    expect(answer.choices[0]?.message.content).toBe('You said: Hello there')
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.id).toMatch(/^chatcmpl-\w{29}$/)
    expect(answer._request_id).toMatch(/^req_\w{32}$/)
    const [input, output] = [tokensOf('Hello there'), tokensOf('You said: Hello there')]
    expect(answer.usage).toMatchObject({
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
    })
  })

  test('streams role, words, finish reason, and the usage only because it is asked for', async () => {
    const stream = await client().chat.completions.create({
      ...HELLO,
      messages: [...HELLO.messages],
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = await collect(stream)
    expect(chunks.map((chunk) => chunk.choices[0]?.delta)).toEqual([
      { role: 'assistant', content: '', refusal: null },
      { content: 'You' },
      { content: ' said:' },
      { content: ' Hello' },
      { content: ' there' },
      {},
      undefined,
    ])
    expect(chunks.map((chunk) => chunk.usage?.total_tokens ?? null)).toEqual([null, null, null, null, null, null, 9])
  })

  test('mentions no usage at all in a stream that did not ask for it, and ends with [DONE]', async () => {
    const { body, headers } = await send(mock(), { body: { ...HELLO, stream: true } })
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8')
    expect(body.toString()).not.toContain('usage')
    expect(body.toString()).toMatch(/^data: \{"id":"chatcmpl-[\s\S]*\n\ndata: \[DONE\]\n\n$/)
  })

  test('calls the tool that the user names, with arguments that satisfy its schema', async () => {
    const answer = await client().chat.completions.create({
      model: 'gpt-5-mini',
      messages: [{ role: 'user', content: 'Please use get_weather' }],
      tools: [...CHAT_TOOLS],
    })
    expect(answer.choices[0]?.finish_reason).toBe('tool_calls')
    expect(answer.choices[0]?.message.content).toBeNull()
    const [toolCall] = answer.choices[0]?.message.tool_calls ?? []
    expect(toolCall).toMatchObject({ id: expect.stringMatching(/^call_\w{24}$/), type: 'function' })
    expect(toolCall?.type === 'function' && JSON.parse(toolCall.function.arguments)).toEqual(WEATHER_ARGUMENTS)
  })

  test('streams two parallel calls that the SDK puts together again by index', async () => {
    const runner = client().chat.completions.stream({
      model: 'mock-tools-parallel',
      messages: [{ role: 'user', content: 'Hello' }],
      tools: [...CHAT_TOOLS],
    })
    const message = await runner.finalMessage()
    const calls = (message.tool_calls ?? []).map(
      (call) => call.type === 'function' && JSON.parse(call.function.arguments),
    )
    expect(calls).toEqual([WEATHER_ARGUMENTS, WEATHER_ARGUMENTS])
    expect(new Set(message.tool_calls?.map((call) => call.id)).size).toBe(2)
  })

  test('answers a tool result in text, so that agent loops end', async () => {
    const answer = await client().chat.completions.create({
      model: 'mock-tools',
      messages: [
        { role: 'user', content: 'Use get_weather' },
        {
          role: 'assistant',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'get_weather', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
      ],
      tools: [...CHAT_TOOLS],
    })
    expect(answer.choices[0]?.message.content).toBe('The tool said: sunny')
  })

  test('gives as many choices as asked, interleaved in a stream', async () => {
    const stream = await client().chat.completions.create({
      ...HELLO,
      messages: [...HELLO.messages],
      n: 2,
      stream: true,
    })
    const indexes = (await collect(stream)).map((chunk) => chunk.choices[0]?.index)
    expect(indexes).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
  })

  test('stops at max_tokens, and says so', async () => {
    const answer = await client().chat.completions.create({
      ...HELLO,
      messages: [...HELLO.messages],
      max_completion_tokens: 2,
    })
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'You' } })
  })

  test('answers a JSON schema with JSON of that schema', async () => {
    const answer = await client().chat.completions.create({
      ...HELLO,
      messages: [...HELLO.messages],
      response_format: { type: 'json_schema', json_schema: { name: 'weather', schema: WEATHER_SCHEMA } },
    })
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual(WEATHER_ARGUMENTS)
  })

  test('reports cached tokens when the model name says so', async () => {
    const answer = await client().chat.completions.create({
      ...HELLO,
      model: 'mock-cached-2',
      messages: [...HELLO.messages],
    })
    expect(answer.usage?.prompt_tokens_details?.cached_tokens).toBe(2)
  })
})

describe('legacy completions', () => {
  test('answer in one piece and in a stream', async () => {
    const request = { model: 'davinci-002', prompt: 'Hello there', max_tokens: 100 }
    const answer = await client().completions.create(request)
    const stream = await client().completions.create({ ...request, stream: true })
    const chunks = await collect(stream)
    expect(answer.choices[0]).toMatchObject({ text: 'You said: Hello there', finish_reason: 'stop' })
    expect(chunks.map((chunk) => chunk.choices[0]?.text).join('')).toBe('You said: Hello there')
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop')
  })
})

describe('responses', () => {
  test('echo, with usage', async () => {
    const answer = await client().responses.create({ model: 'gpt-5-mini', input: 'Hello there' })
    expect(answer.output_text).toBe('You said: Hello there')
    expect(answer).toMatchObject({ status: 'completed', usage: { input_tokens: 3, output_tokens: 6, total_tokens: 9 } })
  })

  test('stream their events in order, numbered without gaps', async () => {
    const stream = await client().responses.create({ model: 'gpt-5-mini', input: 'Hi', stream: true })
    const events = await collect(stream)
    expect(events.map((event) => event.type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, at) => at))
  })

  test('call a tool: item ids are not call ids', async () => {
    const stream = client().responses.stream({ model: 'mock-tools', input: 'Hi', tools: [...RESPONSES_TOOLS] })
    const [item] = (await stream.finalResponse()).output
    expect(item).toMatchObject({ type: 'function_call', name: 'get_weather' })
    expect(item?.type === 'function_call' && JSON.parse(item.arguments)).toEqual(WEATHER_ARGUMENTS)
    expect(item?.type === 'function_call' && item.call_id).not.toBe(item?.id)
  })

  test('are incomplete at max_output_tokens', async () => {
    const stream = await client().responses.create({ model: 'm', input: 'Hi', max_output_tokens: 1, stream: true })
    const last = (await collect(stream)).at(-1)
    expect(last).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
    })
  })

  test('count their input tokens', async () => {
    const count = await client().responses.inputTokens.count({ model: 'gpt-5-mini', input: 'Hello there' })
    expect(count.input_tokens).toBe(3)
  })
})

describe('other endpoints', () => {
  test('embeddings are the same in float and base64, and unit vectors', async () => {
    const request = { model: 'text-embedding-3-small', input: ['a', 'b'], dimensions: 16 }
    const packed = await client().embeddings.create(request)
    const floats = await client().embeddings.create({ ...request, encoding_format: 'float' })
    const vectors = packed.data.map((item) => Array.from(item.embedding))
    expect(vectors).toEqual(floats.data.map((item) => item.embedding))
    expect(Math.hypot(...(vectors[0] ?? []))).toBeCloseTo(1, 5)
    expect(vectors[0]).not.toEqual(vectors[1])
  })

  test('models are listed, and any but an unknown one can be fetched', async () => {
    const ids = (await collect(client().models.list())).map((model) => model.id)
    expect(ids).toContain('gpt-5-mini')
    expect((await client().models.retrieve('ft:gpt-4o:org/x')).id).toBe('ft:gpt-4o:org/x')
    await expect(client().models.retrieve('unknown-1')).rejects.toThrow(NotFoundError)
  })

  test('images, transcriptions and files', async () => {
    const file = new File(['twelve bytes'], 'speech.wav')
    const image = await client().images.generate({ model: 'gpt-image-1', prompt: 'a canoe', n: 2 })
    const transcript = await client().audio.transcriptions.create({ model: 'gpt-4o-transcribe', file })
    const uploaded = await client().files.create({ file, purpose: 'batch' })
    expect(image.data?.map((entry) => entry.b64_json?.slice(0, 8))).toEqual(['iVBORw0K', 'iVBORw0K'])
    expect(transcript.text).toBe('You said: speech.wav, 12 bytes.')
    expect(uploaded).toMatchObject({ filename: 'speech.wav', bytes: 12, purpose: 'batch' })
    expect((await client().files.retrieve(uploaded.id)).id).toBe(uploaded.id)
    expect((await collect(client().files.list())).length).toBe(2)
  })

  test('rerank puts the document with the query words first', async () => {
    const documents = ['nothing', 'a canoe on water']
    const { body } = await send(mock(), {
      path: '/v1/rerank',
      body: { model: 'rerank-1', query: 'canoe water', documents },
    })
    expect(JSON.parse(body.toString()).results).toEqual([
      { index: 1, relevance_score: 1 },
      { index: 0, relevance_score: 0 },
    ])
  })
})

describe('errors', () => {
  const ask = (apiKey: string, model: string) =>
    client(apiKey).chat.completions.create({ ...HELLO, model, messages: [...HELLO.messages] })

  test('a bad key, an unknown model and a limit raise what the SDK promises', async () => {
    await expect(ask('invalid-key', 'm')).rejects.toThrow(AuthenticationError)
    await expect(ask('sk-test', 'unknown-model')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
    await expect(ask('sk-test', 'mock-status-429')).rejects.toThrow(RateLimitError)
    await expect(ask('sk-mock-status-429', 'm')).rejects.toMatchObject({ code: 'rate_limit_exceeded' })
  })

  test('bad JSON, no messages and no model are 400', async () => {
    const bodies = ['{"model":', { model: 'm' }, { messages: [] }]
    const answers = await Promise.all(bodies.map((body) => send(mock(), { body })))
    expect(answers.map((answer) => answer.status)).toEqual([400, 400, 400])
    await expect(client().embeddings.create({ model: 'm', input: [] })).rejects.toThrow(BadRequestError)
  })

  test('an error inside a stream is raised by the SDK', async () => {
    const stream = await client().chat.completions.create(
      { ...HELLO, messages: [...HELLO.messages], stream: true },
      { headers: { 'x-mock-error-in-stream': 'after-2' } },
    )
    await expect(collect(stream)).rejects.toThrow('The server had an error.')
    const responses = await client().responses.create({
      model: 'mock-error-in-stream-first',
      input: 'Hi',
      stream: true,
    })
    await expect(collect(responses)).rejects.toThrow('The server had an error.')
  })
})

describe('Azure', () => {
  const messages = [{ role: 'user' as const, content: 'Hi' }]

  test('answers a deployment, filters included', async () => {
    const answer = await azure().chat.completions.create({ model: 'my-deployment', messages })
    expect(answer.choices[0]).toMatchObject({
      message: { content: 'You said: Hi' },
      content_filter_results: { hate: { filtered: false } },
    })
    expect(mock().requests.at(-1)?.path).toBe(
      '/openai/deployments/my-deployment/chat/completions?api-version=2026-06-01',
    )
  })

  test('streams a first chunk without id, model and choices', async () => {
    const chunks = await collect(await azure().chat.completions.create({ model: 'd', messages, stream: true }))
    expect(chunks[0]).toMatchObject({ id: '', model: '', choices: [], prompt_filter_results: [{ prompt_index: 0 }] })
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('You said: Hi')
  })

  test('knows no deployment that begins with unknown, and labels that error with no type', async () => {
    await expect(azure().chat.completions.create({ model: 'unknown', messages })).rejects.toThrow(NotFoundError)
    const path = '/openai/deployments/unknown/chat/completions?api-version=1'
    const answer = await send(mock(), { path, headers: { 'api-key': 'k' } })
    expect(answer.headers['content-type']).toBeUndefined()
    expect(JSON.parse(answer.body.toString()).error.code).toBe('DeploymentNotFound')
  })

  test('wants an api-version for deployments, and accepts a doubled slash', async () => {
    const path = '/openai/deployments/d/chat/completions'
    const answers = [path, `/${path}?api-version=1`].map((target) => send(mock(), { path: target }))
    expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([404, 200])
  })

  test('serves the v1 API without deployments', async () => {
    const v1 = new OpenAI({ baseURL: `${mock().url}/openai/v1`, apiKey: 'k', defaultHeaders: { 'api-key': 'k' } })
    expect((await v1.responses.create({ model: 'gpt-5', input: 'Hi' })).output_text).toBe('You said: Hi')
  })
})
