// What a new document does to connections: nothing where the way to the provider is the same, and no call is ever lost.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { SecretValue } from '../../../contract/secret.ts'
import type { ProviderConfig } from '../../../contract/sidecar-config.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'
import { FakeProvider, OK } from './fake-provider.ts'
import { askedOn, closeAll, LIMITS, providerAt, TestUpstream } from './upstream-for-tests.ts'

let fake: FakeProvider
let one: TestUpstream
let url: string

beforeEach(async () => {
  fake = await FakeProvider.start()
  url = `http://127.0.0.1:${fake.port}`
  one = new TestUpstream(url)
})

afterEach(() => closeAll(one, fake))

async function answered(path: string): Promise<void> {
  expect(await askedOn(one, fake, path)).toBe('200 ok')
}

const SAME: readonly [name: string, config: Partial<ProviderConfig>][] = [
  ['nothing', {}],
  ['its models, headers and keys', { headers: [{ name: 'x', value: 'y' }], credentials: [] }],
  ['limits of calls', { timeouts: { ...LIMITS, firstByteMs: 1, idleMs: 1, totalMs: 1 } }],
  ['the path of its URL', { baseURL: 'PATH' }],
]

test.each(SAME)('connections live on when the document changes %s', async (_name, config) => {
  await answered('/a')
  one.adopt(config.baseURL === undefined ? url : `${url}/v2`, { ...config, baseURL: `${url}/v2` })
  await answered('/b')
  expect(fake.connections.length).toBe(1)
})

const CHANGED: readonly [name: string, config: Partial<ProviderConfig>][] = [
  ['how many there may be', { connections: { max: 7, idleMs: 60_000 } }],
  ['how long they may idle', { connections: { max: 256, idleMs: 1 } }],
  ['how long connecting may take', { timeouts: { ...LIMITS, connectMs: 7 } }],
  ['TLS settings', { tls: { serverName: 'other.test' } }],
]

test.each(CHANGED)('idle connections close when the document changes %s', async (_name, config) => {
  await answered('/a')
  one.adopt(url, config)
  await fake.connections[0]?.closed
  await answered('/b')
  expect(fake.connections.length).toBe(2)
})

test('calls under way and in the queue of a provider that is gone from the document come to their end', async () => {
  one.adopt(url, { connections: { max: 1, idleMs: 60_000 } })
  const before = one.provider
  const [running, queued] = [one.send('/running'), one.send('/queued')]
  const connection = await fake.connection()
  await connection.request()
  one.upstream.adopt([], new Map())
  // A request that began with the document before still sends with its provider.
  one.provider = before
  const late = one.send('/late')
  for (const sent of [running, queued, late]) {
    connection.write(OK)
    expect(await sent.outcome).toBe('200 ok')
    if (sent !== late) await connection.request()
  }
  await connection.closed
  expect(one.upstream.connections()).toEqual([])
})

test('limits go on holding for calls of a provider that is gone', async () => {
  const before = one.provider
  const sent = one.send('/v1')
  const connection = await fake.connection()
  await connection.request()
  one.upstream.adopt([], new Map())
  one.pass(LIMITS.firstByteMs)
  expect(await sent.outcome).toBe('provider_first_byte_timeout')
  await connection.closed
  one.provider = before
})

test('two providers never share connections, even to the same address', async () => {
  const [a, b] = [providerAt(url), providerAt(url, { id: 'shop/b' })]
  one.upstream.adopt([a, b], new Map())
  one.provider = a
  await answered('/a')
  one.provider = b
  await answered('/b')
  expect(fake.connections.length).toBe(2)
  expect(one.upstream.connections()).toEqual([
    { provider: 'shop/fake', open: 1, idle: 1, waiting: 0 },
    { provider: 'shop/b', open: 1, idle: 1, waiting: 0 },
  ])
})

const CLIENT_CERTIFICATE = { certificateFile: 'tls/crt', keyFile: 'tls/key' }

const UNUSABLE: readonly [name: string, config: Partial<ProviderConfig>, files: Record<string, SecretValue>][] = [
  ['a CA bundle that is no PEM', { tls: { caBundle: 'no certificate' } }, {}],
  [
    'a CA bundle that is broken',
    { tls: { caBundle: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' } },
    {},
  ],
  ['a client certificate that is missing', { tls: { clientCertificate: CLIENT_CERTIFICATE } }, {}],
  [
    'a client certificate without its key',
    { tls: { clientCertificate: CLIENT_CERTIFICATE } },
    { 'tls/crt': new SecretValue(CERTIFICATE) },
  ],
  [
    'a client key that is no key',
    { tls: { clientCertificate: CLIENT_CERTIFICATE } },
    { 'tls/crt': new SecretValue(CERTIFICATE), 'tls/key': new SecretValue('no key') },
  ],
  ["a proxy's credentials that are missing", { egressProxy: { url: 'http://p:1', credentialsFile: 'gone' } }, {}],
]

test.each(UNUSABLE)('%s is refused as a whole, and what was in force goes on', async (_name, config, files) => {
  await answered('/a')
  const { provider } = one
  const next = providerAt(`https://127.0.0.1:${fake.port}`, config)
  expect(() => one.upstream.adopt([providerAt(url), next], new Map(Object.entries(files)))).toThrow()
  one.provider = provider
  await answered('/b')
  expect(fake.connections.length).toBe(1)
})

test('a client certificate that was rotated in place gets connections of its own', async () => {
  const tls = { clientCertificate: CLIENT_CERTIFICATE }
  const files = { 'tls/crt': new SecretValue(CERTIFICATE), 'tls/key': new SecretValue(KEY) }
  one.adopt(url, { tls }, files)
  await answered('/a')
  one.adopt(url, { tls }, { ...files, 'tls/crt': new SecretValue(`${CERTIFICATE}\n`) })
  await answered('/b')
  expect(fake.connections.length).toBe(2)
})

test('files that were only renamed, for a new version of their Secret, change nothing', async () => {
  const tls = { clientCertificate: CLIENT_CERTIFICATE }
  const [certificate, key] = [new SecretValue(CERTIFICATE), new SecretValue(KEY)]
  one.adopt(url, { tls }, { 'tls/crt': certificate, 'tls/key': key })
  await answered('/a')
  const renamed = { clientCertificate: { certificateFile: 'crt.2', keyFile: 'key.2' } }
  one.adopt(url, { tls: renamed }, { 'crt.2': certificate, 'key.2': key })
  await answered('/b')
  expect(fake.connections.length).toBe(1)
})

test('a provider that was never adopted cannot be sent to', () => {
  one.provider = providerAt(url)
  expect(() => one.send('/v1')).toThrow('was never adopted')
  one.adopt(url)
})
