// What a route changes under the clients: a model's name, its defaults, and the list of what can be called.
import { describe, expect, test } from '@jest/globals'
import { toFile } from 'openai'
import { collect } from '../mock/with-mock.ts'
import { type Clients, failureOf, providerYaml, routeYaml, SECRET, twoWaysForTests } from './two-ways.ts'

const MESSAGES = [{ role: 'user' as const, content: 'Hello there' }]

const RULES = routeYaml(`
  - name: fast
    matches: [{models: [{type: Exact, value: fast}], operations: [Chat, Responses]}]
    backends: [{provider: {name: openai}, model: gpt-5-mini}, {provider: {name: gemini}, model: gemini-2.5-flash}]
    defaults: {temperature: 0.25}
  - name: fast-messages
    matches: [{models: [{type: Exact, value: fast}], operations: [Messages]}]
    backends: [{provider: {name: anthropic}, model: claude-haiku-4-5}]
  - name: ears
    matches: [{models: [{type: Exact, value: ears}]}]
    backends: [{provider: {name: openai}, model: gpt-4o-transcribe}]
  - name: listed
    matches: [{models: [{type: Prefix, value: gpt-}]}]
    backends: [{provider: {name: openai}}]
`)

const ways = twoWaysForTests((url) =>
  [
    SECRET,
    providerYaml(
      'openai',
      `type: OpenAI\n  openAI: {baseURL: ${url}/v1}\n  models: [{name: gpt-5-mini}, {name: gpt-4o-transcribe}]`,
    ),
    providerYaml('anthropic', `type: Anthropic\n  anthropic: {baseURL: ${url}}\n  models: [{name: claude-haiku-4-5}]`),
    providerYaml('gemini', `type: Gemini\n  gemini: {baseURL: ${url}}\n  models: [{name: gemini-2.5-flash}]`),
    RULES,
  ].join('---\n'),
)

type Alias = readonly [name: string, call: (clients: Clients) => Promise<unknown>, provider: string, model: string]

const ALIASES: readonly Alias[] = [
  [
    'openai chat',
    ({ openai }) => openai.chat.completions.create({ model: 'fast', messages: MESSAGES }),
    'openai',
    'gpt-5-mini',
  ],
  [
    'openai chat as a stream',
    ({ openai }) => openai.chat.completions.stream({ model: 'fast', messages: MESSAGES }).finalChatCompletion(),
    'openai',
    'gpt-5-mini',
  ],
  ['openai responses', ({ openai }) => openai.responses.create({ model: 'fast', input: 'Hi' }), 'openai', 'gpt-5-mini'],
  [
    'openai transcription, a form',
    async ({ openai }) =>
      openai.audio.transcriptions.create({ model: 'ears', file: await toFile(Buffer.from('12'), 'a.wav') }),
    'openai',
    'gpt-4o-transcribe',
  ],
  [
    'anthropic messages',
    ({ anthropic }) => anthropic.messages.create({ model: 'fast', max_tokens: 100, messages: MESSAGES }),
    'anthropic',
    'claude-haiku-4-5',
  ],
  [
    'anthropic count_tokens',
    ({ anthropic }) => anthropic.messages.countTokens({ model: 'fast', messages: MESSAGES }),
    'anthropic',
    'claude-haiku-4-5',
  ],
  [
    'gemini generateContent',
    ({ gemini }) => gemini.models.generateContent({ model: 'fast', contents: 'Hi' }),
    'gemini',
    'gemini-2.5-flash',
  ],
]

describe('a name that a rule gives to a model', () => {
  test.each(ALIASES)('%s', async (_, call, provider, model) => {
    const { through, mock, sidecar } = ways()
    const before = sidecar.accessLines.length
    await call(through)
    const [request] = mock.requests
    expect(`${request?.path}${request?.body}`).toContain(model)
    expect(`${request?.path}${request?.body}`).not.toMatch(/fast|ears/)
    const line = await sidecar.accessLine((entry) => sidecar.accessLines.indexOf(entry) >= before)
    expect(line).toMatchObject({ provider: `default/${provider}`, model, route: 'default/all' })
  })

  test('is told by a header', async () => {
    const asked = ways().through.openai.chat.completions.create({ model: 'fast', messages: MESSAGES })
    const { data, response } = await asked.withResponse()
    expect([data.model, response.headers.get('x-outrigger-model')]).toEqual(['gpt-5-mini', 'gpt-5-mini'])
  })

  test('comes with defaults, which the client’s own values override', async () => {
    const { through, mock } = ways()
    await through.openai.chat.completions.create({ model: 'fast', messages: MESSAGES })
    await through.openai.chat.completions.create({ model: 'fast', messages: MESSAGES, temperature: 1 })
    expect(mock.requests.map(({ body }) => JSON.parse(body).temperature)).toEqual([0.25, 1])
  })
})

describe('a model that no rule matches', () => {
  test.each([
    ['openai', ({ openai }: Clients) => openai.chat.completions.create({ model: 'other', messages: MESSAGES })],
    [
      'anthropic',
      ({ anthropic }: Clients) => anthropic.messages.create({ model: 'other', max_tokens: 9, messages: MESSAGES }),
    ],
    ['gemini', ({ gemini }: Clients) => gemini.models.generateContent({ model: 'other', contents: 'Hi' })],
  ])('%s is told which, and no provider is asked', async (_, call) => {
    const failure = await failureOf(call(ways().through))
    expect(failure).toMatchObject({
      status: 404,
      message: expect.stringContaining('No rule of the route default/all matches'),
    })
    expect(ways().mock.requests).toEqual([])
  })
})

describe('models', () => {
  test('each client lists what it can call here', async () => {
    const { openai, anthropic, gemini } = ways().through
    expect((await collect(openai.models.list())).map(({ id }) => id)).toEqual(
      expect.arrayContaining(['fast', 'ears', 'gpt-5-mini']),
    )
    expect((await collect(anthropic.models.list())).map(({ id }) => id)).toEqual(['fast'])
    expect((await collect(await gemini.models.list())).map(({ name }) => name)).toEqual(['models/fast'])
    expect(ways().mock.requests).toEqual([])
  })

  test('each client gets one, in the shape of its provider', async () => {
    const { openai, anthropic, gemini } = ways().through
    expect(await openai.models.retrieve('fast')).toMatchObject({ id: 'fast', object: 'model' })
    expect(await anthropic.models.retrieve('fast')).toMatchObject({ id: 'fast', type: 'model' })
    expect(await gemini.models.get({ model: 'fast' })).toMatchObject({ name: 'models/fast' })
    await expect(openai.models.retrieve('other')).rejects.toMatchObject({ status: 404 })
  })
})

test('a published change counts for the next request of the same client', async () => {
  const { through, sidecar, mock } = ways()
  await sidecar.publish(`${SECRET}---\n${providerYaml('openai', `type: OpenAI\n  openAI: {baseURL: ${mock.url}/v1}`)}`)
  const answer = await through.openai.chat.completions.create({ model: 'other', messages: MESSAGES })
  expect(answer.model).toBe('other')
})
