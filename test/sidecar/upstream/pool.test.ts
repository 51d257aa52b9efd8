import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { ProviderConfig } from '../../../contract/sidecar-config.ts'
import { until } from '../../support/client.ts'
import { FakeProvider, OK } from './fake-provider.ts'
import { type Answer, closeAll, NOTHING, TestUpstream } from './upstream-for-tests.ts'

let fake: FakeProvider
let one: TestUpstream

beforeEach(async () => {
  fake = await FakeProvider.start()
})

afterEach(() => closeAll(one, fake))

function start(config: Partial<ProviderConfig> = {}): void {
  one = new TestUpstream(`http://127.0.0.1:${fake.port}`, config)
}

async function answered(path: string, answer = OK): Promise<number> {
  const sent = one.send(path)
  const served = await until(
    () => fake.connections.findIndex(({ unread }) => unread.includes(` ${path} `)),
    (at) => at >= 0,
  )
  await fake.connections[served]?.request()
  fake.connections[served]?.write(answer)
  await sent.outcome
  return served
}

test('a connection is kept and used again', async () => {
  start()
  expect([await answered('/a'), await answered('/b'), await answered('/c')]).toEqual([0, 0, 0])
  expect(one.counts).toEqual({ open: 1, idle: 1, waiting: 0 })
})

test('the connection that became free last is taken first, so that the others can expire', async () => {
  start({ connections: { max: 3, idleMs: 1000 } })
  const calls = ['/a', '/b', '/c'].map((path) => one.send(path))
  const connections = [await fake.connection(), await fake.connection(), await fake.connection()]
  for (const connection of connections) await connection.request()
  for (const [i, connection] of connections.entries()) {
    connection.write(OK)
    await calls[i]?.outcome
    one.pass(300)
  }
  one.pass(300)
  expect(await answered('/d')).toBe(2)
  // Now the first two have been idle for 1200 and 900 ms.
  await connections[0]?.closed
  await one.reaches({ open: 2, idle: 2, waiting: 0 })
  one.pass(999)
  await connections[1]?.closed
  await one.reaches({ open: 1, idle: 1, waiting: 0 })
})

test('beyond the maximum calls wait, and are served in the order in which they came', async () => {
  start({ connections: { max: 2, idleMs: 60_000 } })
  const served: string[] = []
  const calls = ['/a', '/b', '/c', '/d', '/e', '/f'].map((path) => one.send(path))
  expect(one.counts).toEqual({ open: 2, idle: 0, waiting: 6 })
  const [first, second] = [await fake.connection(), await fake.connection()]
  for (const connection of [first, second, first, second, first, second]) {
    const request = await connection.request()
    served.push(request?.split(' ')[1] ?? '')
    connection.write(OK)
  }
  expect(served).toEqual(['/a', '/b', '/c', '/d', '/e', '/f'])
  expect(await Promise.all(calls.map(({ outcome }) => outcome))).toEqual(Array(6).fill('200 ok'))
  expect(fake.connections.length).toBe(2)
})

test('a slot comes back when a call is refused, aborted or cut off', async () => {
  start({ connections: { max: 1, idleMs: 60_000 } })
  const cut = one.send('/cut')
  const connection = await fake.connection()
  await connection.request()
  const aborted = one.send('/aborted')
  const late = one.send('/late')
  connection.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\no')
  connection.socket.end()
  expect(await cut.outcome).toBe('provider_truncated')
  const second = await fake.connection()
  await second.request()
  aborted.call?.abort()
  const third = await fake.connection()
  await third.request()
  one.pass(10_000)
  expect(await late.outcome).toBe('provider_first_byte_timeout')
  expect(one.counts).toEqual(NOTHING)
  expect(await answered('/after')).toBe(3)
})

test('connection: close is obeyed, and the next call gets another connection', async () => {
  start()
  expect(await answered('/a')).toBe(0)
  expect(await answered('/b', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')).toBe(0)
  await fake.connections[0]?.closed
  expect(await answered('/c')).toBe(1)
})

test('connection: close in the middle of a pool costs no waiting call its turn', async () => {
  start({ connections: { max: 1, idleMs: 60_000 } })
  void fake.serve(() => 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
  const calls = Array.from({ length: 5 }, (_, i) => one.send(`/${i}`))
  expect(await Promise.all(calls.map(({ outcome }) => outcome))).toEqual(Array(5).fill('200 ok'))
  expect(fake.connections.length).toBe(5)
})

const IDLE_ENDS: readonly [name: string, end: (fake: FakeProvider) => void][] = [
  ['closes', ({ connections }) => void connections[0]?.socket.end()],
  ['resets', ({ connections }) => void connections[0]?.socket.resetAndDestroy()],
  [
    'sends something on',
    ({ connections }) => connections[0]?.write('HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n'),
  ],
]

test.each(IDLE_ENDS)('an idle connection that the provider %s leaves the pool', async (_name, end) => {
  start()
  await answered('/a')
  end(fake)
  await one.reaches(NOTHING)
  await fake.connections[0]?.closed
  expect(await answered('/b')).toBe(1)
})

test('an answer that was too much for its client at its last byte leaves a connection that is read again', async () => {
  start()
  const slow = one.send('/slow')
  slow.onPiece = () => slow.call?.pause()
  const connection = await fake.connection()
  await connection.request()
  connection.write(OK)
  expect(await slow.outcome).toBe('200 ok')
  expect(await answered('/next')).toBe(0)
})

test('an answer that came before its request was sent whole is delivered, and the connection is not used again', async () => {
  start()
  const sent = one.send('/large', { body: [Buffer.alloc(32 * 1024 * 1024)] })
  const connection = await fake.connection()
  connection.socket.pause()
  connection.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nok')
  expect(await sent.outcome).toBe('413 ok')
  expect(one.counts).toEqual(NOTHING)
  connection.socket.resume()
  await connection.closed
})

test('a provider that is reached by a name with several addresses is found at the one that answers', async () => {
  one = new TestUpstream(`http://localhost:${fake.port}`)
  expect(await answered('/a')).toBe(0)
})

test('a burst beyond the maximum ends with nothing waiting and no more connections than allowed', async () => {
  start({ connections: { max: 20, idleMs: 60_000 } })
  void fake.serve((request) => OK.replace(/ok$/, request.includes('/7') ? 'OK' : 'ok'))
  const calls: Answer[] = Array.from({ length: 80 }, (_, i) => one.send(`/${i % 10}`))
  const outcomes = await Promise.all(calls.map(({ outcome }) => outcome))
  expect(outcomes.filter((outcome) => outcome === '200 OK').length).toBe(8)
  expect(outcomes.filter((outcome) => outcome === '200 ok').length).toBe(72)
  expect(calls.every(({ ends }) => ends === 1)).toBe(true)
  expect([one.counts, fake.connections.length]).toEqual([{ open: 20, idle: 20, waiting: 0 }, 20])
})

const WAITING_MAX: readonly [connectionsMax: number, waitingMax: number][] = [
  [1, 64],
  [16, 64],
  [20, 80],
  [100, 400],
]

test.each(WAITING_MAX)(
  'with %d connections %d calls may wait; the next is refused at once, those that wait are served',
  async (max, waitingMax) => {
    start({ connections: { max, idleMs: 60_000 } })
    const calls = Array.from({ length: waitingMax }, () => one.send('/v1'))
    const refused = [one.send('/late'), one.send('/later')]
    // Before this turn of the event loop ends.
    expect(refused.map(({ refusal }) => refusal?.code)).toEqual(['overloaded', 'overloaded'])
    expect(refused[0]?.refusal?.message).toBe(
      'Too much is waiting in this sidecar. Too many requests wait for the provider.',
    )
    expect(one.counts.waiting).toBe(waitingMax)
    for (const { call } of refused) {
      call?.pause()
      call?.resume()
      call?.abort()
    }
    void fake.serve(() => OK)
    expect(new Set(await Promise.all(calls.map(({ outcome }) => outcome)))).toEqual(new Set(['200 ok']))
    expect([await one.send('/after').outcome, refused.map(({ ends }) => ends)]).toEqual(['200 ok', [1, 1]])
  },
)

test('a call that leaves the queue makes room for another', async () => {
  start({ connections: { max: 1, idleMs: 60_000 } })
  const calls = Array.from({ length: 64 }, () => one.send('/v1'))
  expect(one.send('/late').refusal?.code).toBe('overloaded')
  calls[10]?.call?.abort()
  calls.push(one.send('/v1'))
  expect(calls.at(-1)?.refusal).toBeUndefined()
  expect(one.send('/late').refusal?.code).toBe('overloaded')
  for (const { call } of calls) call?.abort()
})
