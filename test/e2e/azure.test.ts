// Azure's own client, and the providers that can stand behind it: Azure's two APIs, and OpenAI itself.
import { describe, expect, test } from '@jest/globals'
import OpenAI, { AzureOpenAI, toFile } from 'openai'
import { collect } from '../mock/with-mock.ts'
import { type Clients, providerYaml, SECRET, sameBothWays, twoWaysForTests } from './two-ways.ts'

const HELLO = { model: 'our-gpt', messages: [{ role: 'user' as const, content: 'Hello there' }] }

const PROVIDERS: Readonly<Record<string, (mockUrl: string) => string>> = {
  deployments: (url) => `type: AzureOpenAI\n  azureOpenAI: {endpoint: ${url}, apiVersion: "2026-06-01"}`,
  v1: (url) => `type: AzureOpenAI\n  azureOpenAI: {endpoint: ${url}}`,
  'OpenAI itself': (url) => `type: OpenAI\n  openAI: {baseURL: ${url}/v1}`,
}

const waysTo = (name: string) =>
  twoWaysForTests((url) => `${SECRET}---\n${providerYaml('azure', PROVIDERS[name]?.(url) ?? '')}`)

const deployments = ({ origin, apiKey }: Clients) =>
  new AzureOpenAI({ endpoint: origin, apiKey, apiVersion: '2026-06-01', maxRetries: 0 })
const v1 = ({ origin, apiKey }: Clients) =>
  new OpenAI({ baseURL: `${origin}/openai/v1`, apiKey, defaultHeaders: { 'api-key': apiKey }, maxRetries: 0 })

describe('AzureOpenAI before the deployments API', () => {
  const ways = waysTo('deployments')
  sameBothWays(ways, [
    [
      'chat, filters included',
      (clients) => deployments(clients).chat.completions.create(HELLO),
      { choices: [{ content_filter_results: { hate: { filtered: false } } }] },
    ],
    [
      'chat as a stream that begins with filters, without id and model',
      async (clients) => collect(await deployments(clients).chat.completions.create({ ...HELLO, stream: true })),
      expect.arrayContaining([expect.objectContaining({ id: '', choices: [] })]),
    ],
    [
      'embeddings',
      (clients) => deployments(clients).embeddings.create({ model: 'our-embeddings', input: 'a' }),
      { data: { length: 1 } },
    ],
    [
      'legacy completions',
      (clients) => deployments(clients).completions.create({ model: 'our-davinci', prompt: 'Hi' }),
      { choices: [{ text: 'You said: Hi' }] },
    ],
    [
      'images',
      (clients) => deployments(clients).images.generate({ model: 'our-images', prompt: 'a canoe' }),
      { data: { length: 1 } },
    ],
    [
      'transcription',
      async (clients) =>
        deployments(clients).audio.transcriptions.create({
          model: 'our-ears',
          file: await toFile(Buffer.from('12'), 'a.wav'),
        }),
      { text: 'You said: a.wav, 2 bytes.' },
    ],
  ])
})

describe('OpenAI at /openai/v1 before the v1 API', () => {
  const ways = waysTo('v1')
  sameBothWays(ways, [
    ['chat', (clients) => v1(clients).chat.completions.create(HELLO), { choices: [{ message: {} }] }],
    [
      'responses as a stream',
      async (clients) => collect(await v1(clients).responses.create({ model: 'our-gpt', input: 'Hi', stream: true })),
      expect.arrayContaining([expect.objectContaining({ type: 'response.completed' })]),
    ],
    ['files, listed', async (clients) => collect(v1(clients).files.list()), { length: 2 }],
  ])
})

describe.each([
  ['deployments', '/openai/deployments/our-gpt/chat/completions?api-version=2026-06-01', 'api-key'],
  ['v1', '/openai/v1/chat/completions', 'api-key'],
  ['OpenAI itself', '/v1/chat/completions', 'authorization'],
])('any OpenAI client before %s', (provider, path, keyHeader) => {
  const ways = waysTo(provider)
  test.each([
    ['AzureOpenAI', deployments],
    ['OpenAI at /openai/v1', v1],
    ['OpenAI', ({ openai }: Clients) => openai],
  ])('%s', async (_, client) => {
    const answer = await client(ways().through).chat.completions.create(HELLO)
    const [request] = ways().mock.requests
    expect(answer).toMatchObject({ model: 'our-gpt', choices: [{ message: { content: 'You said: Hello there' } }] })
    expect(request?.path).toBe(path)
    expect(request?.rawHeaders.map((name) => name.toLowerCase())).toContain(keyHeader)
    expect(JSON.parse(request?.body ?? '')).toMatchObject({ model: 'our-gpt' })
  })
})
