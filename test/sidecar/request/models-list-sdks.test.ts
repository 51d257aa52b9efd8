// The official SDKs read Outrigger's models lists, over a real socket.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import OpenAI from 'openai'
import { createRuntime } from '../../../sidecar/config/runtime.ts'
import { FAILURES, Refusal } from '../../../sidecar/errors.ts'
import { decode } from '../../../sidecar/request/decode.ts'
import { modelsList } from '../../../sidecar/request/models-list.ts'
import { lendFetchDispatcher } from '../../support/google-genai.ts'
import { provider, sidecarConfig } from '../../support/sidecar-config.ts'

const RUNTIME = createRuntime(
  sidecarConfig({
    providers: [
      provider('ai/claude', 'Anthropic', ['haiku', 'opus', 'sonnet']),
      provider('ai/gemini', 'Gemini', [{ name: 'flash', upstreamName: 'f', contextWindow: 1048576 }, 'pro']),
      provider('ai/openai', 'OpenAI', ['ft:gpt-5:acme', 'gpt-5']),
    ],
  }),
  {},
)

const server = http.createServer((request, response) => {
  const head = { method: request.method ?? '', target: request.url ?? '', rawHeaders: request.rawHeaders }
  response.setHeader('content-type', 'application/json')
  try {
    const { status, body } = modelsList(RUNTIME, decode(head, Buffer.alloc(0), RUNTIME.readFields))
    response.writeHead(status).end(body)
  } catch (error) {
    const status = error instanceof Refusal ? FAILURES[error.code].status : 500
    response.writeHead(status).end('{"error":{"message":"refused"}}')
  }
})
let baseURL = ''

beforeAll(async () => {
  lendFetchDispatcher()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const options = { apiKey: 'placeholder', maxRetries: 0 }

test('openai lists and retrieves models', async () => {
  const client = new OpenAI({ ...options, baseURL: `${baseURL}/v1` })
  const ids = (await Array.fromAsync(client.models.list())).map(({ id }) => id)
  const one = await client.models.retrieve('ft:gpt-5:acme')
  expect([ids, one.id, one.owned_by]).toEqual([['ft:gpt-5:acme', 'gpt-5'], 'ft:gpt-5:acme', 'ai/openai'])
  await expect(client.models.retrieve('opus')).rejects.toMatchObject({ status: 404 })
})

test('@anthropic-ai/sdk lists models over pages, forwards and backwards, and retrieves one', async () => {
  const client = new Anthropic({ ...options, baseURL })
  const idsOf = async (query: Anthropic.ModelListParams) =>
    (await Array.fromAsync(client.models.list(query))).map(({ id }) => id)
  expect(await idsOf({ limit: 2 })).toEqual(['haiku', 'opus', 'sonnet'])
  expect(await idsOf({ limit: 1, before_id: 'sonnet' })).toEqual(['opus', 'haiku'])
  expect((await client.models.retrieve('opus')).display_name).toBe('opus')
  await expect(client.models.retrieve('gpt-5')).rejects.toMatchObject({ status: 404 })
})

test('@google/genai lists and retrieves models', async () => {
  const client = new GoogleGenAI({ apiKey: 'placeholder', httpOptions: { baseUrl: baseURL } })
  const names = (await Array.fromAsync(await client.models.list())).map(({ name }) => name)
  const one = await client.models.get({ model: 'flash' })
  expect([names, one.displayName, one.inputTokenLimit]).toEqual([['models/flash', 'models/pro'], 'flash', 1048576])
  await expect(client.models.get({ model: 'gpt-5' })).rejects.toMatchObject({ status: 404 })
})
