// More than there is room for: it is said at once, in words that an SDK understands, and what goes on already goes on.
import { expect, test } from '@jest/globals'
import { ask, until } from '../../support/client.ts'
import { type Front, frontsForTests, turns } from './front.ts'
import type { RawClient } from './raw-client.ts'
import { BODY, chunked, expectError, HOST, post, said } from './served.ts'

const start = frontsForTests()

/** Requests that wait for the test, each on a connection of its own. */
async function hold(front: Front, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = []
  for (let i = 0; i < count; i++) {
    const client = await front.connect()
    client.write(post(BODY, '', '/hold'))
    clients.push(client)
  }
  await until(
    () => front.held.length,
    (held) => held === count,
  )
  return clients
}

test('a connection too many is told so in OpenAI’s form and closed; it counts for nothing', async () => {
  const front = await start({ connectionsMax: 2 })
  const clients = await hold(front, 2)
  const third = await front.connect()
  const reply = await third.reply()
  expect(reply).toMatchObject({ status: 503, headers: { 'retry-after': '1', connection: 'close' } })
  if (typeof reply === 'object') expectError(reply, 'OpenAI')
  expect(said(reply)).toBe('503 overloaded')
  await third.closed
  expect([front.admission.connections, front.refused]).toEqual([2, ['overloaded']])

  clients[0]?.leave()
  await until(
    () => front.admission.connections,
    (connections) => connections === 1,
  )
  const next = await front.connect()
  next.write(post(BODY))
  expect(said(await next.reply())).toBe('200')
})

test.each([
  ['a small request', BODY.length],
  ['a large one', 40_000],
])('a client that sends %s as soon as it is connected reads the refusal', async (_name, bytes) => {
  const front = await start({ connectionsMax: 1 })
  await hold(front, 1)
  for (let i = 0; i < 20; i++) {
    const reply = await ask(`${front.url}/v1/chat/completions`, { body: BODY.padEnd(bytes) })
    expect([reply.status, reply.headers['retry-after'], reply.complete]).toEqual([503, '1', true])
  }
})

test('a flood of connections is closed, told or not, and leaves room for nobody else and nothing behind', async () => {
  const front = await start({ connectionsMax: 2 })
  const [first, second] = await hold(front, 2)
  const flood = await Promise.all(Array.from({ length: 800 }, () => front.connect()))
  const replies = await Promise.all(flood.map(async (client) => said(await client.reply())))
  expect([...new Set(replies)].sort()).toEqual(expect.arrayContaining(['503 overloaded']))
  expect(replies.filter((reply) => reply !== '503 overloaded' && reply !== 'closed')).toEqual([])
  expect(replies.filter((reply) => reply === '503 overloaded').length).toBeGreaterThanOrEqual(256)
  for (const held of front.held) held.answer()
  expect([said((await first?.reply()) ?? 'cut'), said((await second?.reply()) ?? 'cut')]).toEqual(['200', '200'])
})

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n'

const DIALECTS: readonly (readonly [name: string, request: string, dialect: 'OpenAI' | 'Anthropic' | 'Gemini'])[] = [
  ['a chat', post(BODY), 'OpenAI'],
  ['a message', post(BODY, 'anthropic-version: 2023-06-01\r\n', '/v1/messages'), 'Anthropic'],
  ['a generateContent', post('{}', '', '/v1beta/models/flash:generateContent'), 'Gemini'],
  ['a chat in chunks', chunked(BODY), 'OpenAI'],
  ['a list', `GET /v1/models HTTP/1.1\r\n${HOST}\r\n`, 'OpenAI'],
]

test.each(DIALECTS)(
  'a request too many is refused in its dialect, and its connection lives on: %s',
  async (_name, request, dialect) => {
    const front = await start({ requestsMax: 2 })
    const [first] = await hold(front, 2)
    const client = await front.connect()
    for (let i = 0; i < 3; i++) {
      client.write(request)
      const reply = await client.reply()
      expect(said(reply)).toBe('503 overloaded')
      if (typeof reply === 'object') {
        expectError(reply, dialect)
        expect([reply.headers['retry-after'], reply.headers['x-should-retry']]).toEqual(['1', undefined])
      }
    }
    expect([front.admission.requests, front.refused.length, front.letIn.length]).toEqual([2, 3, 2])
    front.held[0]?.answer()
    expect(said((await first?.reply()) ?? 'cut')).toBe('200')
    client.write(post(BODY))
    expect(said(await client.reply())).toBe('200')
  },
)

test('an upgrade too many is refused, and one that is let in counts as long as it lasts', async () => {
  const front = await start({ requestsMax: 1 })
  const upgrade = `GET /v1/realtime?model=x HTTP/1.1\r\n${HOST}${UPGRADE}\r\n`
  const first = await front.connect()
  first.write(upgrade)
  expect(await first.interim()).toBe(101)
  const second = await front.connect()
  second.write(upgrade)
  expect(said(await second.reply('GET'))).toBe('503 overloaded')
  await second.closed
  first.leave()
  await until(
    () => front.admission.requests,
    (requests) => requests === 0,
  )
  expect(front.upgraded.length).toBe(1)
})

test('a request too many is refused before its body comes, which is dropped and costs no budget', async () => {
  const front = await start({ requestsMax: 1, bodyMax: 1024 * 1024, bodyTotalMax: 1024 * 1024 })
  await hold(front, 1)
  const held = front.bodies.bytes
  const client = await front.connect()
  const request = post('x'.repeat(900_000))
  const headEnd = request.indexOf('\r\n\r\n') + 4
  client.write(request.slice(0, headEnd))
  expect(said(await client.reply())).toBe('503 overloaded')
  expect(front.bodies.bytes).toBe(held)
  client.write(request.slice(headEnd, headEnd + 500_000))
  await turns(20)
  expect(front.bodies.bytes).toBe(held)
  client.write(request.slice(headEnd + 500_000))
  front.held[0]?.answer()
  await until(
    () => front.admission.requests,
    (requests) => requests === 0,
  )
  client.write(post(BODY))
  expect(said(await client.reply())).toBe('200')
  expect(front.bodies.bytes).toBe(0)
})

test.each([
  ['announced', (body: string) => post(body)],
  ['in chunks', (body: string) => chunked(body)],
])(
  'a body for which there is no room is refused at once, %s, and its connection lives on or says that it closes',
  async (_name, write) => {
    const front = await start({ bodyMax: 200_000, bodyTotalMax: 250_000 })
    const busy = await front.connect()
    busy.write(post('x'.repeat(200_000)).slice(0, -1))
    await until(
      () => front.bodies.bytes,
      (bytes) => bytes === 200_000,
    )
    const late = await front.connect()
    const request = write('y'.repeat(100_000))
    // Without its end: nobody waits for that.
    late.write(request.slice(0, -20_000))
    const reply = await late.reply()
    expect(said(reply)).toBe('503 overloaded')
    expect(typeof reply === 'object' && reply.headers['retry-after']).toBe('1')
    late.write(request.slice(-20_000))
    busy.leave()
    await until(
      () => front.bodies.bytes,
      (bytes) => bytes === 0,
    )
    late.write(post(BODY))
    expect(said(await late.reply())).toBe('200')
  },
)

test('requests that were answered early hold no place while the rest of their bodies comes', async () => {
  const front = await start({ requestsMax: 1 })
  const client = await front.connect()
  client.write(post(BODY, '', '/hold').slice(0, -5))
  await until(
    () => front.held.length,
    (held) => held === 1,
  )
  front.held[0]?.answer('no')
  expect(said(await client.reply())).toBe('200')
  expect([front.admission.requests, front.bodies.bytes]).toEqual([0, 0])
})
