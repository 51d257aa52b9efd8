// How the listener ends: it goes on accepting while requests from before are open, each answer being its connection's last;
// then nobody listens, and what is idle ends. Requests that are on their way meet no closing socket.
import http from 'node:http'
import { expect, test } from '@jest/globals'
import { ask, until } from '../../support/client.ts'
import { type Front, frontsForTests, turns } from './front.ts'
import type { RawClient } from './raw-client.ts'
import { BODY, chunked, HOST, post, said } from './served.ts'

const start = frontsForTests()

const WAYS: readonly (readonly [name: string, request: string])[] = [
  ['an ordinary request', post(BODY, '', '/hold')],
  ['one that node:http reads', chunked(BODY).replace('/v1/chat/completions', '/hold')],
  [
    'an upgrade',
    `GET /v1/realtime HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  ],
]

async function open(front: Front, request: string): Promise<RawClient> {
  const client = await front.connect()
  client.write(request)
  await until(
    () => front.admission.requests,
    (requests) => requests === 1,
  )
  return client
}

/** Whether it has ended, as far as that many turns can tell. */
async function ended(draining: Promise<void>): Promise<boolean> {
  let done = false
  void draining.then(() => {
    done = true
  })
  await turns(50)
  return done
}

async function listens(front: Front): Promise<boolean> {
  return ask(front.url).then(
    () => true,
    () => false,
  )
}

test.each(WAYS)(
  'while %s from before is open, new connections are served, and told that they close',
  async (_name, request) => {
    const front = await start()
    const before = await open(front, request)
    const idle = await front.connect()
    idle.write(post(BODY))
    expect(await idle.reply()).toMatchObject({ status: 200, headers: { 'content-length': '2' } })
    const draining = front.listener.drain()

    for (const ordinary of [post(BODY), chunked(BODY), `GET /v1/models HTTP/1.1\r\n${HOST}\r\n`]) {
      const fresh = await front.connect()
      fresh.write(ordinary)
      expect(await fresh.reply()).toMatchObject({ status: 200, headers: { connection: 'close' }, body: 'ok' })
      await fresh.closed
    }
    // One that was there stays until it is used.
    expect(idle.unread).toBe('')
    idle.write(post(BODY))
    expect(await idle.reply()).toMatchObject({ status: 200, headers: { connection: 'close' } })
    await idle.closed

    expect(await ended(draining)).toBe(false)
    front.held[0]?.answer()
    if (front.upgraded.length > 0) before.leave()
    else expect(await before.reply()).toMatchObject({ status: 200, headers: { connection: 'close' }, body: 'held' })
    await draining
    expect(await listens(front)).toBe(false)
  },
)

test('an answer that has begun before goes to its end; what came later holds nothing up beyond its time', async () => {
  const front = await start()
  const before = await open(front, post(BODY, '', '/hold'))
  front.held[0]?.exchange.begin(200, [], undefined)
  front.held[0]?.exchange.write(Buffer.from('a'))
  const draining = front.listener.drain()
  const later = await front.connect()
  later.write(post(BODY, '', '/hold'))
  await until(
    () => front.held.length,
    (held) => held === 2,
  )
  front.held[0]?.exchange.write(Buffer.from('b'))
  front.held[0]?.exchange.end()
  expect(await before.reply()).toMatchObject({ status: 200, body: 'ab' })
  // Those from before are done: nobody listens any more, whatever else is open.
  await until(
    () => listens(front),
    (listening) => !listening,
  )
  expect(await ended(draining)).toBe(false)
  front.held[1]?.answer()
  expect(await later.reply()).toMatchObject({ status: 200, headers: { connection: 'close' } })
  await draining
})

test('after its time it stops accepting, however long a request from before takes, and that one goes on', async () => {
  const front = await start({ drainAcceptMs: 50 })
  const before = await open(front, post(BODY, '', '/hold'))
  const draining = front.listener.drain()
  await until(
    () => listens(front),
    (listening) => !listening,
  )
  expect(await ended(draining)).toBe(false)
  front.held[0]?.answer()
  expect(await before.reply()).toMatchObject({ status: 200, body: 'held' })
  await draining
})

test('with nothing open it ends at once: connections that have said nothing, are idle, or have sent half a body', async () => {
  const front = await start()
  const clients = [await front.connect(), await front.connect(), await front.connect()]
  clients[1]?.write(post(BODY))
  await clients[1]?.reply()
  clients[2]?.write(chunked(BODY))
  await clients[2]?.reply()
  await front.listener.drain()
  for (const client of clients) await client.closed
  expect(await listens(front)).toBe(false)
})

test('requests that arrive while it ends are answered: those on idle connections, and those of connections just made', async () => {
  for (let round = 0; round < 20; round++) {
    const front = await start()
    const idle = [await front.connect(), await front.connect()]
    for (const [i, client] of idle.entries()) {
      client.write(i === 0 ? post(BODY) : chunked(BODY))
      expect(said(await client.reply())).toBe('200')
    }
    // Both in the same turn of the event loop, in which the drain begins, so that they have arrived and nobody has read them.
    const fresh = ask(`${front.url}/v1/models`)
    idle[0]?.write(post(BODY))
    idle[1]?.write(chunked(BODY))
    const draining = front.listener.drain()
    for (const client of idle)
      expect(await client.reply()).toMatchObject({ headers: { connection: 'close' }, body: 'ok' })
    expect((await fresh).body).toBe('ok')
    await draining
  }
})

test('an SDK’s agent whose connections are told to close loses no request over a drain that waits', async () => {
  const front = await start()
  const before = await open(front, post(BODY, '', '/hold'))
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 })
  const draining = front.listener.drain()
  const statuses = await Promise.all(
    Array.from({ length: 100 }, async () => (await ask(`${front.url}/v1/x`, { body: BODY, agent })).status),
  )
  expect(new Set(statuses)).toEqual(new Set([200]))
  front.held[0]?.answer()
  await before.reply()
  await draining
  agent.destroy()
})

test('a reply that waits for a slow client is not cut off by the end of its idle connection', async () => {
  for (const request of [
    post('{}', '', '/bytes/8000000'),
    chunked('{}').replace('/v1/chat/completions', '/bytes/8000000'),
  ]) {
    const front = await start()
    const client = await front.connect()
    client.socket.pause()
    client.write(request)
    await until(
      () => front.admission.answers.bytes,
      (bytes) => bytes > 0,
    )
    const draining = front.listener.drain()
    expect(await ended(draining)).toBe(false)
    client.socket.resume()
    const reply = await client.reply()
    expect(typeof reply === 'object' && [reply.status, reply.body.length]).toEqual([200, 8_000_000])
    await draining
  }
})

test('a drain that is cut short ends everything, in either of its steps', async () => {
  for (const drainAcceptMs of [600_000, 0]) {
    const front = await start({ drainAcceptMs })
    const before = await open(front, post(BODY, '', '/hold'))
    const draining = front.listener.drain()
    await turns(10)
    front.listener.destroy()
    await draining
    await before.closed
    expect([await listens(front), front.held[0]?.gone]).toEqual([false, true])
  }
})

test('draining twice is draining once', async () => {
  const front = await start()
  await Promise.all([front.listener.drain(), front.listener.drain()])
  await front.listener.drain()
})
