// Clients that do not read: what waits for each in this process is bounded, and so is what waits for all of them together.
// What the kernel takes for a socket comes on top; it is not ours to say.
import net from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import type { Exchange, ExchangeObserver } from '../../../sidecar/listen/exchange.ts'
import type { Call, ResponseSink } from '../../../sidecar/upstream/call.ts'
import { until } from '../../support/client.ts'
import { FakeProvider } from '../upstream/fake-provider.ts'
import { closeAll, LIMITS, TestUpstream } from '../upstream/upstream-for-tests.ts'
import { type Front, frontsForTests, type Held, turns } from './front.ts'
import type { RawClient } from './raw-client.ts'
import { BODY, chunked, post, said } from './served.ts'

const KIB = 1024
const MIB = 1024 * KIB
const PER_STREAM_BYTES_MAX = 256 * KIB

const start = frontsForTests()

/** A provider, and a client that counts what it reads; between them a connection of the pool and an exchange. */
class Chain implements ResponseSink, ExchangeObserver {
  readonly #exchange: Exchange
  #call: Call | undefined
  bodyBytes = 0

  constructor(exchange: Exchange) {
    this.#exchange = exchange
    exchange.observer = this
  }

  send(upstream: TestUpstream): void {
    const request = { method: 'POST', head: 'POST /v1 HTTP/1.1\r\nhost: x\r\n\r\n', body: [] }
    this.#call = upstream.upstream.send(upstream.provider, request, LIMITS, this)
  }

  onHead(status: number): void {
    this.#exchange.begin(status, [], undefined)
  }

  onBody(chunk: Buffer): void {
    this.bodyBytes += chunk.length
    if (!this.#exchange.write(chunk)) this.#call?.pause()
  }

  onEnd(): void {
    this.#exchange.end()
  }

  onError(): void {
    this.#exchange.break()
  }

  onDrain(): void {
    this.#call?.resume()
  }

  onGone(): void {
    this.#call?.abort()
  }
}

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

async function heldBy(front: Front, request: string): Promise<{ client: RawClient; held: Held }> {
  const before = front.held.length
  const client = await front.connect()
  client.write(request)
  await until(
    () => front.held.length,
    (count) => count > before,
  )
  return { client, held: front.held[before] as Held }
}

/** Waits until many turns in a row have changed nothing. */
async function still(look: () => number): Promise<number> {
  let seen = -1
  return until(
    async () => {
      const before = seen
      seen = look()
      if (seen === before) await turns(200)
      return look() === before ? before : -1
    },
    (bytes) => bytes >= 0,
  )
}

const WAYS: readonly (readonly [name: string, request: string])[] = [
  ['an ordinary request', post(BODY, '', '/hold')],
  ['one that node:http has read', chunked(BODY).replace('/v1/chat/completions', '/hold')],
]

/** How a provider puts it on the wire: whole, or in events. */
const PIECES: readonly (readonly [name: string, bytes: number])[] = [
  ['of one piece', 32 * MIB],
  ['in events of 100 bytes', 100],
]

test.each(WAYS.flatMap(([way, request]) => PIECES.map(([name, bytes]) => [name, way, bytes, request] as const)))(
  'an answer %s to %s, whose client does not read, waits with the provider, and arrives whole later',
  async (_name, _way, pieceBytes, request) => {
    const fake = await FakeProvider.start()
    const one = new TestUpstream(`http://127.0.0.1:${fake.port}`)
    open.push(() => closeAll(one, fake))
    const front = await start()
    const client = net.connect(Number(new URL(front.url).port), '127.0.0.1')
    open.push(async () => void client.destroy())
    client.pause()
    client.write(request)
    await until(
      () => front.held.length,
      (count) => count === 1,
    )
    const chain = new Chain((front.held[0] as Held).exchange)
    chain.send(one)
    const connection = await fake.connection()
    await connection.request()
    const piece = `${pieceBytes.toString(16)}\r\n${'x'.repeat(pieceBytes)}\r\n`
    const pieces = Math.floor((32 * MIB) / pieceBytes)
    connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    connection.write(`${piece.repeat(pieces)}0\r\n\r\n`)

    const sent = await still(() => chain.bodyBytes)
    expect(sent).toBeLessThan(32 * MIB)
    const waiting = front.admission.answers.bytes
    expect(waiting).toBeGreaterThan(0)
    expect(waiting).toBeLessThanOrEqual(PER_STREAM_BYTES_MAX)
    let received = 0
    let last = ''
    client.on('data', (bytes: Buffer) => {
      received += bytes.length
      last = `${last}${bytes.toString('latin1', Math.max(0, bytes.length - 7))}`.slice(-7)
    })
    client.resume()
    await until(
      () => last,
      (text) => text === '\r\n0\r\n\r\n',
    )
    expect(chain.bodyBytes).toBe(pieces * pieceBytes)
    expect(received).toBeGreaterThan(chain.bodyBytes)
    expect(front.admission.answers.bytes).toBe(0)
  },
)

/** A client that has stopped reading an answer of which so many bytes, or some more, wait here. */
async function slow(front: Front, request: string, bytes: number): Promise<{ client: RawClient; held: Held }> {
  const { client, held } = await heldBy(front, request)
  client.socket.pause()
  const before = front.admission.answers.bytes
  held.exchange.begin(200, [], undefined)
  while (front.admission.answers.bytes - before < bytes) {
    held.exchange.write(Buffer.alloc(64 * KIB, 'x'))
    await turns(1)
  }
  return { client, held }
}

test.each(WAYS)(
  'when too much waits for slow clients, new requests are refused and what goes on goes on: %s',
  async (_name, request) => {
    const front = await start({ answersMax: 500_000 })
    const going = await heldBy(front, request)
    going.held.exchange.begin(200, [], undefined)
    const first = await slow(front, request, 250_000)
    expect(front.admission.answers.full).toBe(false)
    const second = await slow(front, request, 250_000)
    expect(front.admission.answers.full).toBe(true)

    const late = await front.connect()
    for (const refused of [post(BODY), chunked(BODY)]) {
      late.write(refused)
      const reply = await late.reply()
      expect(said(reply)).toBe('503 overloaded')
      expect(typeof reply === 'object' && reply.headers['retry-after']).toBe('1')
    }
    expect(going.held.exchange.write(Buffer.from('on'))).toBe(true)
    going.held.exchange.end()
    expect(await going.client.reply()).toMatchObject({ status: 200, body: 'on' })

    // One of them reads on, the other leaves.
    first.client.socket.resume()
    first.held.exchange.end()
    expect(await first.client.reply()).toMatchObject({ status: 200 })
    second.client.leave()
    await until(
      () => [front.admission.answers.bytes, front.admission.requests],
      ([bytes, requests]) => bytes === 0 && requests === 0,
    )
    late.write(post(BODY))
    expect(said(await late.reply())).toBe('200')
  },
)

test('a client that sends requests and reads no answers is read no further', async () => {
  const front = await start()
  const client = await front.connect()
  client.socket.pause()
  // Far more than the kernel takes of their answers.
  const request = post('{}', '', '/bytes/60000')
  for (let i = 0; i < 300; i++) {
    client.write(request)
    await turns(4)
  }
  await still(() => front.letIn.length)
  expect(front.letIn.length).toBeLessThan(300)
  expect(front.admission.answers.bytes).toBeLessThanOrEqual(PER_STREAM_BYTES_MAX)
  client.socket.resume()
  for (let i = 0; i < 300; i++) expect(said(await client.reply())).toBe('200')
  expect([front.letIn.length, front.admission.answers.bytes]).toEqual([300, 0])
})
