import { createHash } from 'node:crypto'
import tls from 'node:tls'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { SecretValue } from '../../../contract/secret.ts'
import type { TlsConfig } from '../../../contract/sidecar-config.ts'
import type { FailureCode } from '../../../sidecar/errors.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'
import { type FakeConnection, FakeProvider, OK } from './fake-provider.ts'
import { closeAll, TestUpstream } from './upstream-for-tests.ts'

// The certificate names localhost, mock.test and 127.0.0.1, and is its own CA.
const SERVER: tls.TlsOptions = { key: KEY, cert: CERTIFICATE }
const TRUSTED: TlsConfig = { caBundle: CERTIFICATE }
const OTHER_CA = tls.rootCertificates[0] as string

let fake: FakeProvider
let one: TestUpstream

beforeEach(async () => {
  await start(SERVER)
})

afterEach(() => closeAll(one, fake))

async function start(options: tls.TlsOptions): Promise<void> {
  if (fake !== undefined) await fake.close().catch(() => {})
  fake = await FakeProvider.start(options)
  one = new TestUpstream(`https://127.0.0.1:${fake.port}`, { tls: TRUSTED })
}

/** The provider's end of a call that was answered. */
async function served(answer = OK): Promise<tls.TLSSocket> {
  const sent = one.send('/v1')
  const connection = await fake.connection()
  await connection.request()
  connection.write(answer)
  expect(await sent.outcome).toBe('200 ok')
  return connection.socket as tls.TLSSocket
}

async function refused(code: FailureCode = 'provider_unreachable'): Promise<string> {
  const sent = one.send('/v1')
  expect(await sent.outcome).toBe(code)
  return sent.refusal?.detail ?? ''
}

test('a CA bundle is trusted, and HTTP/1.1 is what is spoken', async () => {
  expect((await served()).alpnProtocol).toBe(false)
  await closeAll(one, fake)
  await start({ ...SERVER, ALPNProtocols: ['h2', 'http/1.1'] })
  expect((await served()).alpnProtocol).toBe('http/1.1')
})

const HOSTS: readonly [name: string, host: string, tls: TlsConfig, sni: string | false][] = [
  ['an address has no SNI', '127.0.0.1', TRUSTED, false],
  ['a name is sent as SNI', 'localhost', TRUSTED, 'localhost'],
  ['serverName replaces an address', '127.0.0.1', { ...TRUSTED, serverName: 'mock.test' }, 'mock.test'],
  ['serverName replaces a name', 'localhost', { ...TRUSTED, serverName: 'mock.test' }, 'mock.test'],
  ['serverName may be an address', 'localhost', { ...TRUSTED, serverName: '127.0.0.1' }, false],
]

test.each(HOSTS)('%s', async (_name, host, config, sni) => {
  one.adopt(`https://${host}:${fake.port}`, { tls: config })
  expect((await served()).servername).toBe(sni)
})

const UNTRUSTED: readonly [name: string, host: string, tls: TlsConfig, detail: string][] = [
  ['no CA bundle', '127.0.0.1', {}, '(DEPTH_ZERO_SELF_SIGNED_CERT)'],
  ['another CA', '127.0.0.1', { caBundle: OTHER_CA }, '(DEPTH_ZERO_SELF_SIGNED_CERT)'],
  [
    'a name that the certificate lacks',
    '127.0.0.1',
    { ...TRUSTED, serverName: 'other.test' },
    '(ERR_TLS_CERT_ALTNAME_INVALID)',
  ],
  [
    'an address that the certificate lacks',
    'localhost',
    { ...TRUSTED, serverName: '127.0.0.9' },
    '(ERR_TLS_CERT_ALTNAME_INVALID)',
  ],
]

test.each(UNTRUSTED)('%s: nothing is sent', async (_name, host, config, detail) => {
  one.adopt(`https://${host}:${fake.port}`, { tls: config })
  expect(await refused()).toBe(detail)
  expect(fake.connections.every(({ unread }) => unread === '')).toBe(true)
})

test('a client certificate is shown where one is demanded', async () => {
  await closeAll(one, fake)
  await start({ ...SERVER, requestCert: true, rejectUnauthorized: true, ca: CERTIFICATE })
  const files = { crt: new SecretValue(CERTIFICATE), key: new SecretValue(KEY) }
  one.adopt(
    `https://127.0.0.1:${fake.port}`,
    { tls: { ...TRUSTED, clientCertificate: { certificateFile: 'crt', keyFile: 'key' } } },
    files,
  )
  expect((await served()).getPeerCertificate().subject.CN).toBe('localhost')
})

// In TLS 1.3 the client may send as soon as it has shown what it has, so the refusal comes where the answer would.
test('a provider that demands a client certificate and gets none closes the connection', async () => {
  await closeAll(one, fake)
  await start({ ...SERVER, requestCert: true, rejectUnauthorized: true, ca: CERTIFICATE })
  await refused('provider_disconnected')
})

test('a second connection resumes the session of the first', async () => {
  const close = OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
  expect((await served(close)).isSessionReused()).toBe(false)
  expect((await served(close)).isSessionReused()).toBe(true)
  expect((await served(close)).isSessionReused()).toBe(true)
})

test('a provider that speaks no TLS cannot be reached', async () => {
  await closeAll(one, fake)
  fake = await FakeProvider.start()
  one = new TestUpstream(`https://127.0.0.1:${fake.port}`)
  const sent = one.send('/v1')
  const connection = await fake.connection()
  connection.write('HTTP/1.1 400 Bad Request\r\n\r\n')
  expect(await sent.outcome).toBe('provider_unreachable')
})

test('answers that come at once over many connections do not mix, though they share a read buffer', async () => {
  const pieces = 40
  const letters = [...'abcdefgh']
  const calls = letters.map((letter) => one.send(`/${letter}`))
  const connections: FakeConnection[] = []
  for (const _ of letters) connections.push(await fake.connection())
  const asked = await Promise.all(connections.map((connection) => connection.request()))
  const size = 50_000
  for (const connection of connections) connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size * pieces}\r\n\r\n`)
  for (let i = 0; i < pieces; i++) {
    for (const [at, connection] of connections.entries()) connection.write((asked[at]?.[6] ?? '').repeat(size))
  }
  for (const [i, sent] of calls.entries()) {
    await sent.outcome
    expect(digest(sent.body)).toBe(digest((letters[i] as string).repeat(size * pieces)))
  }
})

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

test('a TLS connection is read again after an answer that was too much for its client', async () => {
  const slow = one.send('/slow')
  slow.onPiece = () => slow.call?.pause()
  const connection = await fake.connection()
  await connection.request()
  connection.write(OK)
  expect(await slow.outcome).toBe('200 ok')
  const next = one.send('/next')
  expect(await connection.request()).toContain('/next')
  connection.write(OK)
  expect(await next.outcome).toBe('200 ok')
})
