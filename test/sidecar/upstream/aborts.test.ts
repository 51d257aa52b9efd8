// A client that leaves ends its call in whatever phase it is. What counts is what the provider sees, and how soon: 100 ms
// are promised; the bound here leaves room for a busy machine, and is still far below every time limit.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { until } from '../../support/client.ts'
import { FakeProvider, OK } from './fake-provider.ts'
import { closeAll, NOTHING, TestUpstream } from './upstream-for-tests.ts'

/**
 * The upstream's clock stands still here, so no limit ends anything: what closes a connection is the abort. How promptly is
 * measured with the SDKs in test/e2e/aborts.test.ts; this bound only ends a test that hangs.
 */
const SEEN_WITHIN_MS = 10_000

let fake: FakeProvider
let one: TestUpstream

beforeEach(async () => {
  fake = await FakeProvider.start()
  one = new TestUpstream(`http://127.0.0.1:${fake.port}`, { connections: { max: 1, idleMs: 60_000 } })
})

afterEach(() => closeAll(one, fake))

type Phase = 'waiting for the answer' | 'streaming' | 'paused' | 'sending a large body'

const PHASES: readonly Phase[] = ['waiting for the answer', 'streaming', 'paused', 'sending a large body']

test.each(PHASES)('%s: the provider sees the connection close', async (phase) => {
  const body = phase === 'sending a large body' ? [Buffer.alloc(32 * 1024 * 1024)] : []
  const sent = one.send('/v1', { body })
  const connection = await fake.connection()
  if (phase === 'sending a large body') {
    await until(
      () => connection.unread.length,
      (bytes) => bytes > 0,
    )
    connection.socket.pause()
  } else await connection.request()
  if (phase === 'streaming' || phase === 'paused') {
    connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
    await sent.begun
  }
  if (phase === 'paused') sent.call?.pause()
  const abortedAt = performance.now()
  sent.call?.abort()
  connection.socket.resume()
  await connection.closed
  expect(performance.now() - abortedAt).toBeLessThan(SEEN_WITHIN_MS)
  expect([one.counts, sent.ends]).toEqual([NOTHING, 0])
})

test('queued: it is never sent, and gives its place to the next', async () => {
  const busy = one.send('/busy')
  const connection = await fake.connection()
  await connection.request()
  const queued = one.send('/queued')
  const next = one.send('/next')
  queued.call?.abort()
  expect(one.counts.waiting).toBe(1)
  connection.write(OK)
  await busy.outcome
  expect(await connection.request()).toContain('/next')
  connection.write(OK)
  await next.outcome
  expect([queued.ends, fake.connections.length]).toEqual([0, 1])
})

test('connecting: it is never sent; the connection is kept for the next', async () => {
  const sent = one.send('/v1')
  sent.call?.abort()
  expect(one.counts.waiting).toBe(0)
  await one.reaches({ open: 1, idle: 1, waiting: 0 })
  const next = one.send('/next')
  const connection = await fake.connection()
  expect(await connection.request()).toContain('/next')
  connection.write(OK)
  expect([await next.outcome, sent.ends, fake.connections.length]).toEqual(['200 ok', 0, 1])
})

test('connecting to a provider that never gets ready: the connection goes at the connect limit', async () => {
  one.adopt(`https://127.0.0.1:${fake.port}`)
  const sent = one.send('/v1')
  const connection = await fake.connection()
  sent.call?.abort()
  expect(one.counts).toEqual({ open: 1, idle: 0, waiting: 0 })
  one.pass(1000)
  await connection.closed
  expect([one.counts, sent.ends]).toEqual([NOTHING, 0])
})

test('calls that are made and aborted again and again open no more connections than one', async () => {
  one.adopt(`https://127.0.0.1:${fake.port}`)
  for (let i = 0; i < 100; i++) one.send('/v1').call?.abort()
  await fake.connection()
  expect(one.counts).toEqual({ open: 1, idle: 0, waiting: 0 })
  one.pass(1000)
})

test('between two tries: the second is never made', async () => {
  const first = one.send('/first')
  const connection = await fake.connection()
  await connection.request()
  connection.write(OK)
  await first.outcome
  const again = one.send('/again')
  await connection.request()
  connection.socket.end()
  // Looked at in every turn of the event loop: it takes but a few until the second connection stands.
  while (one.counts.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
  again.call?.abort()
  await one.reaches({ open: 1, idle: 1, waiting: 0 })
  expect([again.ends, (await fake.connection()).unread]).toEqual([0, ''])
})

test('from within its own answer, at the head, in the body and at the end, the sink hears nothing more', async () => {
  for (const at of ['onHead', 'onBody'] as const) {
    const sent = one.send('/v1')
    let heard = 0
    sent[at] = () => {
      heard++
      sent.call?.abort()
    }
    const connection = await fake.connection()
    await connection.request()
    connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n')
    await connection.closed
    expect([at, heard, sent.ends]).toEqual([at, 1, 0])
    await one.reaches(NOTHING)
  }
})

test('an abort after the end touches neither the connection nor the call that has it now', async () => {
  const first = one.send('/first')
  const connection = await fake.connection()
  await connection.request()
  connection.write(OK)
  await first.outcome
  const second = one.send('/second')
  await connection.request()
  first.call?.abort()
  first.call?.pause()
  connection.write(OK)
  expect(await second.outcome).toBe('200 ok')
})
