// What providers do below the API makes no difference to what clients get, and connections are kept.
import http from 'node:http'
import { describe, expect, test } from '@jest/globals'
import type { Asked } from '../../mock/behaviours.ts'
import { ask } from '../support/client.ts'
import { comparable } from './comparable.ts'
import { HELPERS, ITERATORS, UNARY } from './streams.ts'
import { CLIENT_KEY, twoWaysForTests } from './two-ways.ts'

const ways = twoWaysForTests()

const ODDITIES: readonly (readonly [name: string, asked: Asked])[] = [
  ['one byte at a time', { 'chunk-size': '1' }],
  ['seven bytes at a time', { 'chunk-size': '7' }],
  ['compressed, though nobody asked', { gzip: '' }],
  ['compressed, a few bytes at a time', { gzip: '', 'chunk-size': '5' }],
  ['ended by the end of the connection', { 'no-length': '' }],
  ['on a connection that closes', { close: '' }],
  ['after early hints', { 'early-hints': '' }],
  ['with trailers', { trailers: '' }],
]

describe.each(ODDITIES)('an answer %s', (_, asked) => {
  test.each([...UNARY, ...ITERATORS, ...HELPERS])('is the same to $name', async ({ read }) => {
    const plain = await read(ways().direct)
    ways().mock.next(asked)
    expect(withoutHeaders(await read(ways().through))).toEqual(withoutHeaders(plain))
  })
})

describe('connections', () => {
  test('to the provider are used again', async () => {
    const { mock, through } = ways()
    for (let i = 0; i < 5; i++) {
      for (const { read } of [...UNARY, ...ITERATORS]) await read(through)
    }
    const perProvider = Map.groupBy(mock.requests, ({ path }) => dialectOf(path))
    for (const requests of perProvider.values()) {
      expect(new Set(requests.map(({ connection }) => connection)).size).toBe(1)
    }
    expect(perProvider.size).toBe(3)
  })

  test('to the provider are no more than requests at the same time', async () => {
    const { mock, through } = ways()
    const [chat] = UNARY
    for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 8 }, () => chat?.read(through)))
    expect(new Set(mock.requests.map(({ connection }) => connection)).size).toBeLessThanOrEqual(8)
    expect(mock.requests).toHaveLength(24)
  })

  test('of the client are used again, after a refusal and after a stream too', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const ports = new Set<number | undefined>()
    agent.on('free', (socket: { localPort?: number }) => ports.add(socket.localPort))
    const chat = (model: string, stream: boolean | string) =>
      ask(`${ways().sidecar.url}/v1/chat/completions`, {
        agent,
        headers: { authorization: `Bearer ${CLIENT_KEY}` },
        body: { model, stream, messages: [{ role: 'user', content: 'Hi' }] },
      })
    const replies = [await chat('m', false), await chat('', false), await chat('m', true), await chat('m', false)]
    agent.destroy()
    expect(replies.map(({ status }) => status)).toEqual([200, 400, 200, 200])
    expect(ports.size).toBe(1)
  })
})

function dialectOf(path: string): string {
  if (path.startsWith('/v1/messages')) return 'Anthropic'
  return path.includes('enerateContent') ? 'Gemini' : 'OpenAI'
}

/** Of Gemini's results, which hold the headers of the answer. */
function withoutHeaders(result: unknown): unknown {
  const text = JSON.stringify(comparable(result), (name, value) => (name === 'sdkHttpResponse' ? undefined : value))
  return JSON.parse(text)
}
