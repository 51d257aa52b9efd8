// Refusals as the official SDKs meet them, over real sockets.
import { EventEmitter, once } from 'node:events'
import Anthropic from '@anthropic-ai/sdk'
import { ApiError, GoogleGenAI } from '@google/genai'
import { describe, expect, test } from '@jest/globals'
import OpenAI from 'openai'
import type { Dialect, Operation } from '../../../contract/sidecar-config.ts'
import { FAILURES, type FailureCode, Refusal } from '../../../sidecar/errors.ts'
import { refusalBody, refusalEvent } from '../../../sidecar/translate/refusal.ts'
import { lendFetchDispatcher } from '../../support/google-genai.ts'
import { type Answer, withServer } from './sdk-server.ts'

lendFetchDispatcher()

const REQUEST_ID = 'req-7'
const MODEL = 'm'

/** One way in which an application reads answers; `events` are two good ones of its stream. */
interface Client {
  /** Amazon's SDK meets them in refusal-bedrock.test.ts. */
  dialect: Exclude<Dialect, 'Bedrock'>
  operation: Operation
  events: string[]
  create(baseURL: string): Promise<unknown>
  stream(baseURL: string): Promise<AsyncIterable<unknown>>
}

const chatEvent = (content: string) => `data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`
const responsesEvent = (delta: string) =>
  `event: response.output_text.delta\ndata: {"type":"response.output_text.delta","output_index":0,"delta":"${delta}"}\n\n`
const anthropicEvent = (text: string) =>
  `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${text}"}}\n\n`
const geminiEvent = (text: string) => `data: {"candidates": [{"content": {"parts": [{"text": "${text}"}]}}]}\r\n\r\n`

const openAi = (baseURL: string) => new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: 'k', maxRetries: 0 })
const anthropic = (baseURL: string) => new Anthropic({ baseURL, apiKey: 'k', maxRetries: 0 })
const gemini = (baseUrl: string) => new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl } })
const messages = [{ role: 'user', content: 'Hi' }] as const

const CLIENTS: Record<string, Client> = {
  'OpenAI Chat Completions': {
    dialect: 'OpenAI',
    operation: 'Chat',
    events: [chatEvent('a'), chatEvent('b')],
    create: (url) => openAi(url).chat.completions.create({ model: MODEL, messages: [...messages] }),
    stream: (url) => openAi(url).chat.completions.create({ model: MODEL, messages: [...messages], stream: true }),
  },
  'OpenAI Completions': {
    dialect: 'OpenAI',
    operation: 'Completions',
    events: ['data: {"choices":[{"index":0,"text":"a"}]}\n\n', 'data: {"choices":[{"index":0,"text":"b"}]}\n\n'],
    create: (url) => openAi(url).completions.create({ model: MODEL, prompt: 'Hi' }),
    stream: (url) => openAi(url).completions.create({ model: MODEL, prompt: 'Hi', stream: true }),
  },
  'OpenAI Responses': {
    dialect: 'OpenAI',
    operation: 'Responses',
    events: [responsesEvent('a'), responsesEvent('b')],
    create: (url) => openAi(url).responses.create({ model: MODEL, input: 'Hi' }),
    stream: (url) => openAi(url).responses.create({ model: MODEL, input: 'Hi', stream: true }),
  },
  'Anthropic Messages': {
    dialect: 'Anthropic',
    operation: 'Messages',
    events: [anthropicEvent('a'), anthropicEvent('b')],
    create: (url) => anthropic(url).messages.create({ model: MODEL, max_tokens: 1, messages: [...messages] }),
    stream: (url) =>
      anthropic(url).messages.create({ model: MODEL, max_tokens: 1, messages: [...messages], stream: true }),
  },
  'Gemini generateContent': {
    dialect: 'Gemini',
    operation: 'Chat',
    events: [geminiEvent('a'), geminiEvent('b')],
    create: (url) => gemini(url).models.generateContent({ model: MODEL, contents: 'Hi' }),
    stream: (url) => gemini(url).models.generateContentStream({ model: MODEL, contents: 'Hi' }),
  },
}
const clients = Object.entries(CLIENTS)

/** What the client's stream yields before it raises, and what it raises. Every write waits for the ones before it. */
async function readStream(client: Client, writes: Answer['writes']): Promise<{ yielded: number; error: unknown }> {
  let yielded = 0
  const progress = new EventEmitter()
  const mayWrite = async (index: number) => {
    while (yielded < index) await once(progress, 'yielded')
  }
  return withServer({ status: 200, contentType: 'text/event-stream', writes, mayWrite }, async (url) => {
    try {
      for await (const _event of await client.stream(url)) {
        yielded++
        progress.emit('yielded')
      }
    } catch (error) {
      return { yielded, error }
    }
    return { yielded, error: undefined }
  })
}

async function readAnswer(client: Client, refusal: Refusal): Promise<unknown> {
  const { contentType, body } = refusalBody(client.dialect, refusal, REQUEST_ID)
  return withServer({ status: refusal.failure.status, contentType, writes: [body] }, async (url) => {
    try {
      return await client.create(url)
    } catch (error) {
      return error
    }
  })
}

function expectRaised(client: Client, error: unknown, code: FailureCode): void {
  expect((error as Error).message).toContain(FAILURES[code].message)
  if (client.dialect === 'OpenAI') {
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(error).toMatchObject({ code, param: null })
  } else if (client.dialect === 'Anthropic') {
    expect(error).toBeInstanceOf(Anthropic.APIError)
    expect(error).toMatchObject({ error: { type: 'error', request_id: REQUEST_ID } })
  } else {
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({ status: FAILURES[code].status })
  }
}

describe('a refusal inside a stream that has begun', () => {
  const codes: FailureCode[] = ['provider_truncated', 'provider_idle_timeout', 'internal', 'shutting_down']
  test.each(clients)('makes the iterator of %s raise', async (_name, client) => {
    for (const code of codes) {
      const event = refusalEvent(client.dialect, client.operation, new Refusal(code), REQUEST_ID)
      const { yielded, error } = await readStream(client, [...client.events, event])
      expect(yielded).toBe(2)
      expectRaised(client, error, code)
    }
  })

  test.each(clients)('makes it raise in %s even when all arrives at once', async (_name, client) => {
    const event = refusalEvent(client.dialect, client.operation, new Refusal('provider_truncated'), REQUEST_ID)
    const { yielded, error } = await readStream(client, [Buffer.concat([...client.events.map(Buffer.from), event])])
    expect(yielded).toBe(2)
    expect(error).toBeInstanceOf(Error)
  })

  test.each(clients)('is what makes the difference: without it %s sees a finished stream', async (_name, client) => {
    expect(await readStream(client, client.events)).toEqual({ yielded: 2, error: undefined })
  })

  test('keeps line separators of other readers out of Gemini', () => {
    const refusal = new Refusal('model_not_found', 'a\u0085b\u2028c\u2029d')
    const event = refusalEvent('Gemini', 'Chat', refusal, REQUEST_ID).toString()
    expect(event).not.toMatch(/[\u0085\u2028\u2029\r\n]/)
    expect(JSON.parse(event).error.message).toContain('a\u0085b\u2028c\u2029d')
  })
})

describe('a refusal in place of an answer', () => {
  const classes: [FailureCode, string, string][] = [
    ['invalid_body', 'BadRequestError', 'BadRequestError'],
    ['host_not_allowed', 'PermissionDeniedError', 'PermissionDeniedError'],
    ['model_not_found', 'NotFoundError', 'NotFoundError'],
    ['request_timeout', 'APIError', 'RequestTimeoutError'],
    ['body_too_large', 'APIError', 'ContentTooLargeError'],
    ['internal', 'InternalServerError', 'InternalServerError'],
    ['provider_unreachable', 'InternalServerError', 'InternalServerError'],
    ['not_configured', 'InternalServerError', 'ServiceUnavailableError'],
    ['provider_first_byte_timeout', 'InternalServerError', 'GatewayTimeoutError'],
  ]
  test.each(classes)('%s is raised as %s by OpenAI, %s by Anthropic', async (code, openAiClass, anthropicClass) => {
    for (const [, client] of clients) {
      const error = await readAnswer(client, new Refusal(code))
      expectRaised(client, error, code)
      const raised = (error as object).constructor.name
      expect(raised).toBe({ OpenAI: openAiClass, Anthropic: anthropicClass, Gemini: 'ApiError' }[client.dialect])
    }
  })
})

describe('the words for a refusal', () => {
  const cases: [FailureCode, string, string, string][] = [
    ['invalid_body', 'invalid_request_error', 'invalid_request_error', 'INVALID_ARGUMENT'],
    ['origin_not_allowed', 'permission_error', 'permission_error', 'PERMISSION_DENIED'],
    ['model_not_found', 'invalid_request_error', 'not_found_error', 'NOT_FOUND'],
    ['request_timeout', 'timeout_error', 'timeout_error', 'DEADLINE_EXCEEDED'],
    ['body_too_large', 'invalid_request_error', 'request_too_large', 'INVALID_ARGUMENT'],
    ['unsupported_encoding', 'invalid_request_error', 'invalid_request_error', 'INVALID_ARGUMENT'],
    ['client_closed', 'invalid_request_error', 'invalid_request_error', 'CANCELLED'],
    ['internal', 'server_error', 'api_error', 'INTERNAL'],
    ['provider_truncated', 'server_error', 'api_error', 'UNAVAILABLE'],
    ['overloaded', 'server_error', 'overloaded_error', 'UNAVAILABLE'],
    ['provider_total_timeout', 'server_error', 'timeout_error', 'DEADLINE_EXCEEDED'],
  ]
  test.each(cases)('%s', (code, openAiType, anthropicType, geminiStatus) => {
    const refusal = new Refusal(code, 'Try "this".')
    const { message } = refusal
    const bodies = (['OpenAI', 'Anthropic', 'Gemini'] as const).map((dialect) => {
      const { contentType, body } = refusalBody(dialect, refusal, REQUEST_ID)
      expect(contentType).toBe('application/json')
      return JSON.parse(body.toString())
    })
    expect(bodies).toEqual([
      { error: { message, type: openAiType, param: null, code } },
      { type: 'error', error: { type: anthropicType, message }, request_id: REQUEST_ID },
      { error: { code: refusal.failure.status, message, status: geminiStatus } },
    ])
  })
})
