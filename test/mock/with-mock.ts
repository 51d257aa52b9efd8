// A mock per test file, and raw requests to it: what an SDK would hide is what these tests look at.

import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { afterAll, beforeAll } from '@jest/globals'
import { type Mock, type MockOptions, startMock } from '../../mock/server.ts'

/** A mock for this test file. Read it inside tests only: it exists from beforeAll on. */
export function mockForTests(options: MockOptions = {}): () => Mock {
  let mock: Mock | undefined
  beforeAll(async () => {
    mock = await startMock(options)
  })
  afterAll(async () => {
    await mock?.close()
  })
  return () => {
    if (!mock) throw new Error('The mock is started before the first test, not before.')
    return mock
  }
}

export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly trailers: NodeJS.Dict<string>
  /** The statuses of 1xx answers that came before. */
  readonly informational: readonly number[]
  /** False when the connection broke before the body's end. */
  readonly complete: boolean
}

export interface RawRequest {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** A chat request unless told otherwise. Resolves also when the answer breaks off; rejects when none came. */
export function send(mock: Mock, { path = '/v1/chat/completions', method = 'POST', headers, body }: RawRequest = {}) {
  return new Promise<RawAnswer>((resolve, reject) => {
    const all = { authorization: 'Bearer sk-test', 'content-type': 'application/json', ...headers }
    const request = httpRequest(mock.url + path, { method, headers: all, agent: false })
    const informational: number[] = []
    request.on('information', (info) => informational.push(info.statusCode))
    request.on('error', reject)
    request.on('response', (response) => {
      const pieces: Buffer[] = []
      const { statusCode: status = 0, headers: got } = response
      const done = () => {
        const { complete, trailers } = response
        resolve({ status, headers: got, body: Buffer.concat(pieces), trailers, informational, complete })
      }
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', () => {})
      response.on('close', done)
    })
    if (method === 'GET') request.end()
    else request.end(typeof body === 'string' ? body : JSON.stringify(body ?? chatBody()))
  })
}

export function chatBody(more: object = {}): object {
  return { model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hello there' }], ...more }
}

export const WEATHER_SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' }, unit: { type: 'string', enum: ['celsius', 'fahrenheit'] } },
  required: ['city', 'unit'],
}

export const WEATHER_ARGUMENTS = { city: 'city', unit: 'celsius' }

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
