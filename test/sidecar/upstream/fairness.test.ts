// A provider that sends without end gets its share of each turn of the event loop, and no more, so that the events of other
// streams come through while it goes on. What is counted is bytes and turns, never time.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { TURN_BYTES_MAX } from '../../../sidecar/http/turn-share.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'
import { until } from '../../support/client.ts'
import { type FakeConnection, FakeProvider, OK } from './fake-provider.ts'
import { type Answer, closeAll, TestUpstream } from './upstream-for-tests.ts'

const MIB = 1024 * 1024
const WITHOUT_END = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
/** The read that goes beyond the share is consumed, too, and TLS has a few more records of it. */
const TURN_BYTES_BOUND = TURN_BYTES_MAX + 128 * 1024

let fake: FakeProvider
let one: TestUpstream

beforeEach(async () => {
  fake = await FakeProvider.start()
  one = new TestUpstream(`http://127.0.0.1:${fake.port}`)
})

afterEach(() => closeAll(one, fake))

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function asked(path: string): Promise<{ sent: Answer; connection: FakeConnection }> {
  const sent = one.send(path)
  sent.keep = false
  const connection = await fake.connection()
  await connection.request()
  return { sent, connection }
}

/** A call whose provider has sent all that the kernel takes, which waits to be read. */
async function dammedUp(path = '/firehose'): Promise<{ sent: Answer; connection: FakeConnection }> {
  const { sent, connection } = await asked(path)
  sent.onPiece = () => sent.call?.pause()
  connection.write(`${WITHOUT_END}1\r\n.\r\n`)
  await sent.begun
  sent.onPiece = undefined
  connection.write(`${(64 * MIB).toString(16)}\r\n`)
  connection.write(Buffer.alloc(64 * MIB))
  let left = -1
  await until(
    async () => {
      const before = left
      left = connection.socket.writableLength
      await turns(20)
      return left === before
    },
    (blocked) => blocked,
  )
  return { sent, connection }
}

/** The most that came in one turn, until `enough` bytes have come. */
async function mostPerTurn(sent: Answer, enough: number): Promise<number> {
  let most = 0
  while (sent.bodyBytes < enough) {
    const before = sent.bodyBytes
    await turns(1)
    most = Math.max(most, sent.bodyBytes - before)
  }
  return most
}

test.each(['http', 'https'])('of one answer no more than its share is read in a turn, over %s', async (protocol) => {
  if (protocol === 'https') {
    await fake.close()
    fake = await FakeProvider.start({ key: KEY, cert: CERTIFICATE })
    one = new TestUpstream(`https://127.0.0.1:${fake.port}`, { tls: { caBundle: CERTIFICATE } })
  }
  const { sent } = await dammedUp()
  sent.call?.resume()
  expect(await mostPerTurn(sent, 32 * MIB)).toBeLessThanOrEqual(TURN_BYTES_BOUND)
  sent.call?.abort()
})

test('events that trickle arrive one by one while a firehose goes on, none more than a few turns after it was sent', async () => {
  const trickle = await asked('/trickle')
  trickle.connection.write(WITHOUT_END)
  const firehoses = [await dammedUp('/a'), await dammedUp('/b'), await dammedUp('/c')]
  for (const { sent } of firehoses) sent.call?.resume()
  const waited: number[] = []
  for (let events = 1; events <= 20; events++) {
    trickle.connection.write('1\r\n!\r\n')
    let passed = 0
    for (; trickle.sent.bodyBytes < events; passed++) await turns(1)
    waited.push(passed)
  }
  expect(firehoses.map(({ sent }) => sent.ends)).toEqual([0, 0, 0])
  for (const { sent } of firehoses) expect(sent.bodyBytes).toBeLessThan(64 * MIB)
  expect(Math.max(...waited)).toBeLessThanOrEqual(5)
  for (const { sent } of [trickle, ...firehoses]) sent.call?.abort()
})

test('a client that is slow now and then does not give its stream more than its share', async () => {
  const { sent } = await dammedUp()
  sent.onPiece = () => {
    sent.call?.pause()
    sent.call?.resume()
  }
  sent.call?.resume()
  expect(await mostPerTurn(sent, 16 * MIB)).toBeLessThanOrEqual(TURN_BYTES_BOUND)
  sent.call?.abort()
})

test('a client that becomes slow when its stream has had its share is waited for, however many turns that takes', async () => {
  const { sent } = await dammedUp()
  // Whichever read it is behind which the connection rests: one of these is it.
  for (let reads = 1; reads <= 10; reads++) {
    let pieces = 0
    sent.onPiece = () => ++pieces >= reads && sent.call?.pause()
    sent.call?.resume()
    await until(
      () => pieces,
      (seen) => seen >= reads,
    )
    await turns(20)
    expect(pieces).toBe(reads)
  }
  sent.call?.abort()
})

test('an answer that ends while its connection rests leaves a connection that serves the next', async () => {
  const sizes = [TURN_BYTES_MAX, TURN_BYTES_MAX + 1, TURN_BYTES_MAX + 64 * 1024, 3 * TURN_BYTES_MAX]
  void fake.serve((request) => {
    const bytes = Number(/^POST \/(\d+)/.exec(request)?.[1])
    return Number.isNaN(bytes) ? OK : `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`
  })
  for (const bytes of sizes) {
    const large = one.send(`/${bytes}`)
    large.keep = false
    await large.outcome
    const next = one.send('/next')
    expect([large.bodyBytes, await next.outcome]).toEqual([bytes, '200 ok'])
  }
  expect(fake.connections.length).toBe(1)
})

test('a connection that is gone when its rest ends stays gone', async () => {
  const { sent, connection } = await dammedUp()
  sent.onPiece = () => sent.bodyBytes > TURN_BYTES_MAX && sent.call?.abort()
  sent.call?.resume()
  await connection.closed
  await turns(5)
  expect([one.counts, sent.ends]).toEqual([{ open: 0, idle: 0, waiting: 0 }, 0])
})
