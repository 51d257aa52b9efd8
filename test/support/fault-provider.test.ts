// The fault provider does to a bare client exactly what it was told, so that what a sidecar makes of it can be believed.
import { once } from 'node:events'
import net from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { until } from './client.ts'
import { FaultProvider } from './fault-provider.ts'
import { type Answer, type End, type Fault, type Framing, type Until, wireOf } from './fault-provider-fault.ts'

const answer: Answer = { status: 200, headers: { 'x-a': '1' }, body: '{"a":"bc"}', framing: 'Length' }
const HEAD = 'HTTP/1.1 200 Scripted\r\nx-a: 1\r\n'
const BY_LENGTH = `${HEAD}content-length: 10\r\n\r\n`
const CHUNKED = `${HEAD}transfer-encoding: chunked\r\n\r\n`

const WIRES: readonly (readonly [Framing, Until, End, string, ReturnType<typeof wireOf>['end']])[] = [
  ['Length', 'Whole', 'Fin', `${BY_LENGTH}{"a":"bc"}`, undefined],
  ['Chunked', 'Whole', 'Fin', `${CHUNKED}a\r\n{"a":"bc"}\r\n0\r\n\r\n`, undefined],
  ['Close', 'Whole', 'Fin', `${HEAD}connection: close\r\n\r\n{"a":"bc"}`, 'Fin'],
  ['Length', 'BeforeHead', 'Rst', '', 'Rst'],
  ['Length', 'MidHead', 'Fin', 'HTTP/1.1 200 Scripted\r\nx-a', 'Fin'],
  ['Length', 'AfterHead', 'Stall', BY_LENGTH, 'Stall'],
  ['Length', 'MidBody', 'Rst', `${BY_LENGTH}{"a":`, 'Rst'],
  ['Length', 'LastByte', 'Fin', `${BY_LENGTH}{"a":"bc"`, 'Fin'],
  ['Chunked', 'MidBody', 'Fin', `${CHUNKED}a\r\n{"a":`, 'Fin'],
  ['Chunked', 'LastByte', 'Fin', `${CHUNKED}a\r\n{"a":"bc"}\r\n0\r\n\r`, 'Fin'],
  ['Length', { bodyBytes: 1 }, 'Stall', `${BY_LENGTH}{`, 'Stall'],
  ['Length', 'MidBody', 'Polite', `${HEAD}content-length: 5\r\n\r\n{"a":`, undefined],
  ['Chunked', 'MidBody', 'Polite', `${CHUNKED}5\r\n{"a":\r\n0\r\n\r\n`, undefined],
  ['Chunked', 'AfterHead', 'Polite', `${CHUNKED}0\r\n\r\n`, undefined],
  ['Close', 'MidBody', 'Polite', `${HEAD}connection: close\r\n\r\n{"a":`, 'Fin'],
]

test.each(WIRES)('an answer by %s until %j, then %s, has these bytes', (framing, upTo, end, text, follows) => {
  const wire = wireOf({ answer: { ...answer, framing }, until: upTo, end })
  expect([wire.bytes.toString(), wire.end]).toEqual([text, follows])
})

let provider: FaultProvider
beforeAll(async () => {
  provider = await FaultProvider.start({ respond: () => ({ answer }) })
})
afterEach(() => {
  provider.clear()
  provider.accept = () => 'Serve'
})
afterAll(() => provider.close())

const REQUEST = 'POST /v1/x?y=z HTTP/1.1\r\nHost: a\r\nX-Key: k\r\nContent-Length: 4\r\n\r\nbody'

interface Talk {
  received: string
  /** How the provider ended it; `open` while it did not. */
  ending: 'open' | 'fin' | 'rst'
  socket: net.Socket
}

function connect(): Talk {
  const socket = net.connect(provider.port, '127.0.0.1')
  const talk: Talk = { received: '', ending: 'open', socket }
  socket.setEncoding('latin1')
  socket.on('data', (text) => {
    talk.received += String(text)
  })
  socket.on('end', () => {
    talk.ending = 'fin'
  })
  socket.on('error', () => {
    talk.ending = 'rst'
  })
  return talk
}

/** Whatever closes it. */
function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => socket.on('close', () => resolve()))
}

/** Sends a request and waits until the connection is closed by the provider. */
async function untilClosed(fault: Fault): Promise<Talk> {
  provider.next(fault)
  const talk = connect()
  talk.socket.write(REQUEST)
  await closed(talk.socket)
  return talk
}

const ENDINGS: readonly (readonly [End, 'fin' | 'rst', 'Cut'])[] = [
  ['Fin', 'fin', 'Cut'],
  ['Rst', 'rst', 'Cut'],
]

test.each(ENDINGS)('a cut by %s arrives as one, behind what was sent', async (end, ending, recorded) => {
  const talk = await untilClosed({ answer, until: 'MidBody', end })
  expect([talk.received, talk.ending]).toEqual([`${BY_LENGTH}{"a":`, ending])
  expect(provider.requests.map((request) => request.ending)).toEqual([recorded])
})

test('what came is recorded', async () => {
  await untilClosed({ answer, until: 'BeforeHead', end: 'Fin' })
  expect(provider.requests).toEqual([
    {
      method: 'POST',
      path: '/v1/x?y=z',
      headers: { host: 'a', 'x-key': 'k', 'content-length': '4' },
      body: 'body',
      connection: provider.connections,
      arrivedAt: expect.any(Number),
      ending: 'Cut',
      abortedAt: undefined,
    },
  ])
})

test('bytes that are no answer are sent as they are', async () => {
  const talk = await untilClosed({ answer, raw: 'SSH-2.0-x\r\n' })
  expect([talk.received, talk.ending]).toEqual(['SSH-2.0-x\r\n', 'fin'])
})

test('a stalled request stays open until its client leaves, and then knows when', async () => {
  provider.next({ answer, until: 'AfterHead', end: 'Stall' })
  const { socket } = connect()
  socket.write(REQUEST)
  await once(socket, 'data')
  expect(provider.underWay).toBe(1)
  socket.destroy()
  const seen = await provider.waitFor(({ abortedAt }) => abortedAt !== undefined)
  expect([seen.ending, provider.underWay]).toEqual(['Aborted', 0])
  expect(seen.abortedAt).toBeGreaterThanOrEqual(seen.arrivedAt)
})

test('a client that leaves during a trickle is an abort, too', async () => {
  provider.next({ answer: { ...answer, body: 'x'.repeat(1_000_000) }, pace: 'ByteByByte' })
  const { socket } = connect()
  socket.write(REQUEST)
  await once(socket, 'data')
  socket.destroy()
  await provider.waitFor(({ ending }) => ending === 'Aborted')
})

test('a client that leaves while the provider thinks is an abort, and nothing is sent to it', async () => {
  provider.next({ answer, thinksMs: 20 })
  const { socket } = connect()
  socket.write(REQUEST)
  await provider.waitFor(({ ending }) => ending === 'Open')
  socket.destroy()
  await provider.waitFor(({ ending }) => ending === 'Aborted')
})

test('a trickled answer is whole, and the connection serves on', async () => {
  provider.next({ answer, pace: 'ByteByByte' }, { answer, afterwards: 'Fin' })
  const talk = connect()
  talk.socket.write(REQUEST)
  await provider.waitFor(({ ending }) => ending === 'Answered')
  talk.socket.write(REQUEST)
  await closed(talk.socket)
  expect(talk.received).toBe(`${BY_LENGTH}{"a":"bc"}`.repeat(2))
  expect(provider.requests.map(({ connection }) => connection)).toEqual([provider.connections, provider.connections])
})

test.each([
  ['Fin', 'fin', ''],
  ['Rst', 'rst', ''],
  ['FinAtNextRequest', 'fin', REQUEST],
  ['RstAtNextRequest', 'rst', REQUEST],
] as const)('a kept connection is closed by %s', async (afterwards, ending, next) => {
  provider.next({ answer, afterwards })
  const talk = connect()
  talk.socket.write(REQUEST)
  await provider.waitFor((request) => request.ending === 'Answered')
  if (next !== '') talk.socket.write(next)
  await closed(talk.socket)
  expect([talk.received, talk.ending]).toEqual([`${BY_LENGTH}{"a":"bc"}`, ending])
  expect(provider.requests).toHaveLength(1)
})

test('a connection can be reset before it is read, or never be read', async () => {
  provider.accept = (connection) => (connection % 2 === 0 ? 'Reset' : 'Ignore')
  const [first, second] = [connect(), connect()]
  for (const { socket } of [first, second]) socket.write(REQUEST)
  await Promise.race([closed(first.socket), closed(second.socket)])
  expect([first.ending, second.ending].sort()).toEqual(['open', 'rst'])
  expect(provider.requests).toEqual([])
  for (const { socket } of [first, second]) socket.destroy()
})

test('a provider that is down refuses, and comes back on the same port', async () => {
  const { port } = provider
  const open = connect()
  await once(open.socket, 'connect')
  await provider.down()
  const refused = connect()
  await closed(refused.socket)
  expect([refused.received, refused.ending]).toEqual(['', 'rst'])
  await provider.up()
  expect(provider.port).toBe(port)
  expect((await untilClosed({ answer, afterwards: 'Fin' })).received).toContain('{"a":"bc"}')
  await until(
    () => provider.open,
    (open) => open === 0,
  )
})
