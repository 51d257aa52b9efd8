// Through an egress proxy: CONNECT, then what would have been said without it. The proxy is told where to, and nothing else.
import { once } from 'node:events'
import net from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { SecretValue } from '../../../contract/secret.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'
import { until } from '../../support/client.ts'
import { FakeProvider, OK } from './fake-provider.ts'
import { askedOn, closeAll, LIMITS, TestUpstream } from './upstream-for-tests.ts'

const TUNNEL = 'HTTP/1.1 200 Connection established\r\n\r\n'

let fake: FakeProvider
let proxy: EgressProxy
let one: TestUpstream

beforeEach(async () => {
  fake = await FakeProvider.start()
  proxy = await EgressProxy.start()
  one = new TestUpstream(`http://127.0.0.1:${fake.port}`, { egressProxy: { url: proxy.url } })
})

afterEach(async () => {
  try {
    await closeAll(one, fake)
    await until(
      () => proxy.open,
      (open) => open === 0,
    )
  } finally {
    await proxy.close()
  }
})

class EgressProxy {
  readonly #server: net.Server
  readonly #sockets: net.Socket[] = []
  /** All that it was sent, tunnels included. */
  seen = ''
  tunnels = 0
  /** What it does with a whole CONNECT; by default it opens the tunnel. */
  answer: (socket: net.Socket) => void = (socket) => void socket.write(TUNNEL)

  private constructor(server: net.Server) {
    this.#server = server
    server.on('connection', (socket) => this.#accept(socket))
  }

  static async start(): Promise<EgressProxy> {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new EgressProxy(server)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`
  }

  get open(): number {
    return this.#sockets.filter(({ destroyed }) => !destroyed).length
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #accept(socket: net.Socket): void {
    this.#sockets.push(socket)
    let head = ''
    let target: net.Socket | undefined
    socket.on('error', () => {})
    socket.on('close', () => target?.destroy())
    socket.on('data', (bytes: Buffer) => {
      this.seen += bytes.toString('latin1')
      if (target !== undefined) return void target.write(bytes)
      head += bytes.toString('latin1')
      if (!head.endsWith('\r\n\r\n')) return
      const [, port] = /^CONNECT \S+:(\d+) /.exec(head) ?? []
      this.tunnels++
      target = net.connect({ host: '127.0.0.1', port: Number(port) })
      target.on('error', () => {})
      target.on('close', () => socket.destroy())
      target.on('data', (answer: Buffer) => socket.write(answer))
      this.answer(socket)
    })
  }
}

async function answered(path: string): Promise<void> {
  expect(await askedOn(one, fake, path)).toBe('200 ok')
}

test('one CONNECT, and the tunnel is kept like any connection', async () => {
  await answered('/a')
  await answered('/b')
  const { port } = fake
  expect([proxy.tunnels, fake.connections.length]).toEqual([1, 1])
  expect(proxy.seen.split('\r\n\r\n')[0]).toBe(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: 127.0.0.1:${port}`)
})

test('credentials of the proxy go to the proxy, and not through it', async () => {
  one.adopt(
    `http://127.0.0.1:${fake.port}`,
    { egressProxy: { url: proxy.url, credentialsFile: 'proxy' } },
    { proxy: new SecretValue('user:pass word\n') },
  )
  await answered('/a')
  const [connect, request] = proxy.seen.split('\r\n\r\n')
  expect(connect).toContain(`\r\nproxy-authorization: Basic ${Buffer.from('user:pass word').toString('base64')}`)
  expect(request).not.toContain('authorization')
})

test('with TLS the proxy sees neither the request nor its key', async () => {
  await closeAll(one, fake)
  fake = await FakeProvider.start({ key: KEY, cert: CERTIFICATE })
  const tls = { caBundle: CERTIFICATE, serverName: 'mock.test' }
  one = new TestUpstream(`https://127.0.0.1:${fake.port}`, { tls, egressProxy: { url: proxy.url } })
  await answered('/sk-secret-in-the-request')
  await answered('/sk-secret-again')
  expect(proxy.tunnels).toBe(1)
  expect(proxy.seen).not.toContain('secret')
})

test('an IPv6 address is named in brackets', async () => {
  one.adopt('http://[::1]:7', { egressProxy: { url: proxy.url } })
  proxy.answer = (socket) => void socket.end('HTTP/1.1 502 No\r\n\r\n')
  await one.send('/v1').outcome
  expect(proxy.seen).toMatch(/^CONNECT \[::1\]:7 HTTP\/1\.1\r\nhost: \[::1\]:7\r\n/)
})

const ACCEPTED: readonly [name: string, answer: string][] = [
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\n'],
  ['headers that mean nothing here', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nVia: x\r\n\r\n'],
  ['another 2xx', 'HTTP/1.1 204 Fine\r\n\r\n'],
]

test.each(ACCEPTED)('a tunnel is opened by an answer with %s, byte by byte', async (_name, answer) => {
  proxy.answer = (socket) => {
    socket.setNoDelay(true)
    void trickle(socket, answer)
  }
  await answered('/a')
})

async function trickle(socket: net.Socket, text: string): Promise<void> {
  for (const letter of text) {
    socket.write(letter)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const REFUSALS: readonly [name: string, answer: (socket: net.Socket) => void][] = [
  ['asks for credentials', (socket) => void socket.write('HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\n\r\n')],
  ['forbids it', (socket) => void socket.end('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno')],
  ['redirects', (socket) => void socket.write('HTTP/1.1 302 Found\r\nLocation: http://x\r\n\r\n')],
  ['closes at once', (socket) => void socket.end()],
  ['resets', (socket) => void socket.resetAndDestroy()],
  ['closes within its answer', (socket) => void socket.end('HTTP/1.1 200 O')],
  ['is no proxy', (socket) => void socket.write('SSH-2.0-OpenSSH\r\n\r\n')],
  ['puts words into the provider’s mouth', (socket) => void socket.write(TUNNEL + OK)],
  ['never ends its head', (socket) => void socket.write(`HTTP/1.1 200 OK\r\nA: ${'a'.repeat(20_000)}`)],
]

test.each(REFUSALS)('a proxy that %s: the provider cannot be reached, and nothing was sent', async (_name, answer) => {
  proxy.answer = answer
  const sent = one.send('/sk-secret')
  expect(await sent.outcome).toBe('provider_unreachable')
  expect(sent.refusal?.message).not.toContain('127.0.0.1')
  expect(proxy.seen).not.toContain('secret')
})

test('a proxy that does not answer runs into the connect limit', async () => {
  proxy.answer = () => {}
  const sent = one.send('/v1')
  await until(
    () => proxy.tunnels,
    (tunnels) => tunnels === 1,
  )
  one.pass(LIMITS.connectMs)
  expect(await sent.outcome).toBe('provider_connect_timeout')
})

test('a proxy that is not there', async () => {
  const { url } = proxy
  await proxy.close()
  one.adopt(`http://127.0.0.1:${fake.port}`, { egressProxy: { url } })
  const sent = one.send('/v1')
  expect(await sent.outcome).toBe('provider_unreachable')
  proxy = await EgressProxy.start()
})

test('a tunnel that closes within the TLS handshake', async () => {
  one.adopt(`https://127.0.0.1:${fake.port}`, { egressProxy: { url: proxy.url } })
  const sent = one.send('/v1')
  const connection = await fake.connection()
  connection.socket.end()
  expect(await sent.outcome).toBe('provider_unreachable')
})

test('an abort closes the tunnel at the provider', async () => {
  const sent = one.send('/v1')
  const connection = await fake.connection()
  await connection.request()
  sent.call?.abort()
  await connection.closed
})

test('a tunnel is slowed down by a slow client and read again by the next call', async () => {
  const slow = one.send('/slow')
  slow.onPiece = () => slow.call?.pause()
  const connection = await fake.connection()
  await connection.request()
  connection.write(OK)
  expect(await slow.outcome).toBe('200 ok')
  await answered('/next')
  expect(fake.connections.length).toBe(1)
})
