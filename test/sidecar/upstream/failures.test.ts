// What becomes of a call whose provider does not answer as it should: always exactly one refusal, and nothing left open.
import net from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { until } from '../../support/client.ts'
import { INVALID } from './answers.ts'
import { type FakeConnection, FakeProvider, OK } from './fake-provider.ts'
import { type Answer, closeAll, LIMITS, NOTHING, TestUpstream } from './upstream-for-tests.ts'

let fake: FakeProvider
let one: TestUpstream

beforeEach(async () => {
  fake = await FakeProvider.start()
  one = new TestUpstream(`http://127.0.0.1:${fake.port}`)
})

afterEach(() => closeAll(one, fake))

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'

/** A call whose request has arrived. */
async function asked(sent = one.send('/v1')): Promise<{ sent: Answer; connection: FakeConnection }> {
  const connection = await fake.connection()
  await connection.request()
  return { sent, connection }
}

/** A connection that has served once and is idle. */
async function kept(): Promise<FakeConnection> {
  const { sent, connection } = await asked()
  connection.write(OK)
  await sent.outcome
  return connection
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('nobody listens: every waiting call hears it, and what happened, but not where', async () => {
  one.adopt(`http://127.0.0.1:${await freePort()}`, { connections: { max: 2, idleMs: 1000 } })
  const calls = Array.from({ length: 5 }, () => one.send('/v1'))
  for (const { outcome } of calls) expect(await outcome).toBe('provider_unreachable')
  expect(calls[0]?.refusal?.message).toBe('The provider could not be reached. (ECONNREFUSED)')
})

test('a name that does not resolve', async () => {
  one.adopt('http://nowhere.invalid:1')
  const sent = one.send('/v1')
  expect(await sent.outcome).toBe('provider_unreachable')
  expect(sent.refusal?.message).not.toContain('nowhere')
})

test('a TLS handshake that is never answered runs into the connect limit', async () => {
  one.adopt(`https://127.0.0.1:${fake.port}`)
  const sent = one.send('/v1')
  const connection = await fake.connection()
  one.pass(LIMITS.connectMs)
  expect(await sent.outcome).toBe('provider_connect_timeout')
  await connection.closed
  await one.reaches(NOTHING)
})

test('waiting for a free connection counts against the connect limit too, and each call has its own', async () => {
  one.adopt(`http://127.0.0.1:${fake.port}`, { connections: { max: 1, idleMs: 60_000 } })
  const { sent, connection } = await asked()
  const [short, long] = [one.send('/short', { timeouts: { connectMs: 100 } }), one.send('/long')]
  one.pass(100)
  expect(await short.outcome).toBe('overloaded')
  connection.write(OK)
  expect(await sent.outcome).toBe('200 ok')
  expect(await connection.request()).toContain('/long')
  connection.write(OK)
  expect(await long.outcome).toBe('200 ok')
})

const SLOW_HEADS: readonly [name: string, sent: string][] = [
  ['nothing comes', ''],
  ['only an interim answer comes', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ['only a part of the head comes', 'HTTP/1.1 200 OK\r\nContent-'],
]

test.each(SLOW_HEADS)('the first-byte limit holds when %s', async (_name, text) => {
  const { sent, connection } = await asked()
  if (text !== '') connection.write(text)
  one.pass(LIMITS.firstByteMs)
  expect(await sent.outcome).toBe('provider_first_byte_timeout')
  await connection.closed
})

test('the first-byte limit begins when the request is sent, not when the call was made', async () => {
  one.adopt(`http://127.0.0.1:${fake.port}`, { connections: { max: 1, idleMs: 60_000 } })
  const { sent, connection } = await asked()
  const second = one.send('/second', { timeouts: { connectMs: 30_000 } })
  one.pass(LIMITS.firstByteMs - 1)
  connection.write(OK)
  await sent.outcome
  await connection.request()
  one.pass(LIMITS.firstByteMs - 1)
  connection.write(OK)
  expect(await second.outcome).toBe('200 ok')
})

test('the idle limit is about the silence between two reads, not about the whole', async () => {
  const { sent, connection } = await asked()
  connection.write(HEAD)
  for (const letter of 'abcd') {
    const before = sent.bodyBytes
    connection.write(letter)
    await until(
      () => sent.bodyBytes,
      (bytes) => bytes > before,
    )
    one.pass(LIMITS.idleMs - 1)
  }
  expect(sent.body).toBe('abcd')
  one.pass(1)
  expect(await sent.outcome).toBe('provider_idle_timeout')
  await connection.closed
})

test('the time in which the client does not read is not the idleness of the provider', async () => {
  const { sent, connection } = await asked()
  connection.write(`${HEAD}a`)
  await sent.begun
  sent.call?.pause()
  one.pass(LIMITS.idleMs * 2)
  const { sent: other, connection: otherConnection } = await asked(one.send('/other', { timeouts: { firstByteMs: 1 } }))
  one.pass(1)
  expect(await other.outcome).toBe('provider_first_byte_timeout')
  await otherConnection.closed
  connection.write('bcde')
  sent.call?.resume()
  expect(await sent.outcome).toBe('200 abcde')
})

test('the total limit holds however lively the answer is', async () => {
  const { sent, connection } = await asked(one.send('/v1', { timeouts: { totalMs: 12_000 } }))
  connection.write('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n')
  for (let i = 0; i < 3; i++) {
    connection.write('x')
    await until(
      () => sent.bodyBytes,
      (bytes) => bytes === i + 1,
    )
    one.pass(4000)
  }
  expect(await sent.outcome).toBe('provider_total_timeout')
})

test('the total limit holds while the client does not read', async () => {
  const { sent, connection } = await asked()
  connection.write(`${HEAD}a`)
  await sent.begun
  sent.call?.pause()
  one.pass(LIMITS.totalMs)
  expect(await sent.outcome).toBe('client_stalled')
  await connection.closed
})

type Cut = (connection: FakeConnection) => void
const closes: Cut = ({ socket }) => void socket.end()
const resets: Cut = ({ socket }) => void socket.resetAndDestroy()

const CUTS: readonly [name: string, before: string, cut: Cut, expected: string][] = [
  ['closes before a byte', '', closes, 'provider_disconnected'],
  ['resets before a byte', '', resets, 'provider_disconnected'],
  ['closes within the head', 'HTTP/1.1 200 OK\r\nContent', closes, 'provider_truncated'],
  ['closes after an interim answer', 'HTTP/1.1 103 Early Hints\r\n\r\n', closes, 'provider_truncated'],
  ['closes behind the head', HEAD, closes, 'provider_truncated'],
  ['closes within the body', `${HEAD}abc`, closes, 'provider_truncated'],
  [
    'closes between two chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n',
    closes,
    'provider_truncated',
  ],
  [
    'closes within the trailer',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n',
    closes,
    'provider_truncated',
  ],
  ['closes where only that ends the body', 'HTTP/1.1 200 OK\r\n\r\nok', closes, '200 ok'],
]

test.each(CUTS)('on a new connection the provider %s', async (_name, before, cut, expected) => {
  const { sent, connection } = await asked()
  if (before !== '') connection.write(before)
  cut(connection)
  expect(await sent.outcome).toBe(expected)
  expect([fake.connections.length, sent.ends]).toEqual([1, 1])
})

test.each(['HTTP/1.1 200 OK\r\nContent', HEAD, `${HEAD}abc`, 'HTTP/1.1 200 OK\r\n\r\nok'])(
  'a reset behind %j is no end',
  async (before) => {
    const { sent, connection } = await asked()
    connection.write(before)
    // The reset must not overtake what was written: wait until it was read.
    await until(
      () => connection.socket.bytesWritten,
      (bytes) => bytes === before.length,
    )
    await new Promise((resolve) => setImmediate(resolve))
    connection.socket.resetAndDestroy()
    expect(['provider_truncated', 'provider_disconnected']).toContain(await sent.outcome)
  },
)

test.each(INVALID)(
  'what is no valid answer is refused, and its connection closed: $name',
  async ({ bytes, method }) => {
    const { sent, connection } = await asked(one.send('/v1', method === undefined ? {} : { method }))
    connection.write(bytes)
    expect(await sent.outcome).toBe('provider_invalid_response')
    await connection.closed
    expect(fake.connections.length).toBe(1)
  },
)

test.each([
  ['closed', closes],
  ['reset', resets],
])('a kept connection that was %s at that moment: the call is sent once more, on a new one', async (_name, cut) => {
  const first = await kept()
  const sent = one.send('/again', { body: [Buffer.from('body')] })
  await first.request()
  cut(first)
  const { connection: second } = await asked(sent)
  second.write(OK)
  expect(await sent.outcome).toBe('200 ok')
  expect([fake.connections.length, sent.ends]).toEqual([2, 1])
})

test('it is sent once more and no oftener', async () => {
  const first = await kept()
  const sent = one.send('/again')
  await first.request()
  closes(first)
  const { connection: second } = await asked(sent)
  closes(second)
  expect(await sent.outcome).toBe('provider_disconnected')
  expect([fake.connections.length, sent.ends]).toEqual([2, 1])
})

test.each(['H', 'HTTP/1.1 103 Early Hints\r\n\r\n', HEAD])(
  'after a first byte (%j) it is not sent again, for the provider has seen it',
  async (bytes) => {
    const first = await kept()
    const sent = one.send('/again')
    await first.request()
    first.write(bytes)
    closes(first)
    expect(await sent.outcome).toBe('provider_truncated')
    expect([fake.connections.length, sent.ends]).toEqual([1, 1])
  },
)

test('a kept connection that ends after the provider had the request for a while: it is not sent again, for it may have been worked on', async () => {
  const first = await kept()
  const sent = one.send('/again')
  await first.request()
  one.pass(2000)
  closes(first)
  expect(await sent.outcome).toBe('provider_disconnected')
  expect([fake.connections.length, sent.ends]).toEqual([1, 1])
})

test.each(['onHead', 'onBody', 'onEnd'] as const)(
  'a fault of ours in %s costs that call and nothing else',
  async (where) => {
    const sent = one.send('/v1')
    sent[where] = () => {
      throw new TypeError('a fault')
    }
    const { connection } = await asked(sent)
    connection.write(OK)
    expect(await sent.outcome).toBe('internal')
    const next = one.send('/next')
    const other = where === 'onEnd' ? connection : await fake.connection()
    await other.request()
    other.write(OK)
    expect([await next.outcome, sent.ends]).toEqual(['200 ok', 1])
  },
)

test('a call that ran out of time is not sent again', async () => {
  const first = await kept()
  const sent = one.send('/again')
  await first.request()
  one.pass(LIMITS.firstByteMs)
  expect(await sent.outcome).toBe('provider_first_byte_timeout')
  expect(fake.connections.length).toBe(1)
})

test('a connection that lay idle without ever serving can be stale as well', async () => {
  const aborted = one.send('/aborted')
  aborted.call?.abort()
  await one.reaches({ open: 1, idle: 1, waiting: 0 })
  const sent = one.send('/v1')
  const first = await fake.connection()
  await first.request()
  closes(first)
  const { connection: second } = await asked(sent)
  second.write(OK)
  expect(await sent.outcome).toBe('200 ok')
})

test('a retry does not get round the maximum or the order', async () => {
  one.adopt(`http://127.0.0.1:${fake.port}`, { connections: { max: 1, idleMs: 60_000 } })
  const first = await kept()
  const sent = one.send('/again')
  const waiting = one.send('/waiting')
  await first.request()
  closes(first)
  const second = await fake.connection()
  const order: (string | undefined)[] = []
  for (let i = 0; i < 2; i++) {
    order.push((await second.request())?.split(' ')[1])
    expect(one.counts.open).toBe(1)
    second.write(OK)
  }
  // On a fresh connection it goes first: a kept one might be dead, too.
  expect(order).toEqual(['/again', '/waiting'])
  expect([await sent.outcome, await waiting.outcome]).toEqual(['200 ok', '200 ok'])
})

test('it goes on a fresh connection, not on another old one, and is not sent a third time', async () => {
  one.adopt(`http://127.0.0.1:${fake.port}`, { connections: { max: 2, idleMs: 60_000 } })
  const warm = [one.send('/a'), one.send('/b')]
  const [busy, stale] = [await fake.connection(), await fake.connection()]
  for (const connection of [busy, stale]) {
    await connection.request()
    connection.write(OK)
  }
  for (const { outcome } of warm) await outcome
  const calls = ['/x', '/y', '/z'].map((path) => one.send(path))
  const [x, y] = (await stale.request())?.includes('/x') ? [stale, busy] : [busy, stale]
  await (x === stale ? y : x).request()
  // Neither x, which is an old one, too, nor /z, which has waited for longer, comes before it.
  closes(y)
  const fresh = await fake.connection()
  expect(await fresh.request()).toContain('/y')
  closes(fresh)
  expect(await calls[1]?.outcome).toBe('provider_disconnected')
  const last = await fake.connection()
  expect(await last.request()).toContain('/z')
  last.write(OK)
  x.write(OK)
  expect([await calls[0]?.outcome, await calls[2]?.outcome]).toEqual(['200 ok', '200 ok'])
  expect(fake.connections.length).toBe(4)
})
