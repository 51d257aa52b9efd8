// A store over TLS that a private authority vouches for, and that may want a certificate of its clients: what stands beside the file of
// its address, as the operator brings it to pods, and changes under the sidecar.
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import path from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import type { Counter } from '../../../sidecar/limits/counter.ts'
import { type AddressFile, followAddressFile } from '../../../sidecar/store/address-file.ts'
import { createStoreSource, type StoreSource } from '../../../sidecar/store/store-source.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'
import { folderForTests } from '../../support/folder.ts'
import { OTHER_CERTIFICATE, OTHER_KEY } from './other-certificate.ts'
import { freePort, type RedisServer, startRedis } from './redis.ts'
import { ask, countersOf, eventually, isAdmitted, limitRow, now, wallClock } from './sources.ts'
import { describeWithRedis } from './with-redis.ts'

const LIMIT = 1000

const folder = folderForTests()
let server: RedisServer | undefined
let between: Server | undefined
let source: StoreSource | undefined
let followed: AddressFile | undefined
/** Addresses that came into use. */
let used: string[] = []
/** Problems of the file and of the store. */
let told: string[] = []

afterEach(async () => {
  const shown = JSON.stringify([used, told, source?.report()])
  for (const text of ['hunter', 'PRIVATE', 'BEGIN']) expect(shown).not.toContain(text)
  used = []
  told = []
  followed?.close()
  await source?.close()
  await server?.stop()
  between?.close()
  between = undefined
})

async function write(name: string, text: string): Promise<string> {
  const file = path.join(folder(), name)
  await writeFile(file, text)
  return file
}

/** Its certificate is that of the mock, and it trusts clients that have the same. */
async function startStore(clients: 'yes' | 'no'): Promise<{ url: string; port: number }> {
  const [certificate, key] = [await write('server.crt', CERTIFICATE), await write('server.key', KEY)]
  await write('other.crt', OTHER_CERTIFICATE)
  await write('other.key', OTHER_KEY)
  const port = await freePort()
  server = await startRedis([
    ...[`tls-port ${port}`, `tls-cert-file ${certificate}`, `tls-key-file ${key}`],
    ...[`tls-ca-cert-file ${certificate}`, `tls-auth-clients ${clients}`, 'user limits on >hunter1 ~* +@all'],
  ])
  await server.client.connect()
  return { url: urlOf(port), port }
}

function urlOf(port: number): string {
  return `rediss://limits:hunter1@127.0.0.1:${port}`
}

/** Passes on what the store says, and stays when the store has closed the connection. */
async function startBetween(port: number): Promise<{ url: string; connections(): number }> {
  let connections = 0
  const listening = createServer((client) => {
    connections++
    const upstream = connect(port, '127.0.0.1').on('error', () => {})
    client.on('error', () => {}).on('data', (bytes) => upstream.write(bytes))
    client.on('close', () => upstream.destroy())
    upstream.on('data', (bytes) => client.write(bytes))
  }).listen(0, '127.0.0.1')
  between = listening
  await once(listening, 'listening')
  return { url: urlOf((listening.address() as AddressInfo).port), connections: () => connections }
}

/** What it shows to clients, and whom of them it trusts: from the next connection on. */
async function rotateStore(): Promise<void> {
  const [certificate, key] = [path.join(folder(), 'other.crt'), path.join(folder(), 'other.key')]
  await server?.client.call(
    ...(['CONFIG', 'SET', 'tls-cert-file', certificate, 'tls-key-file', key, 'tls-ca-cert-file', certificate] as const),
  )
}

/** Looks when it is told to. */
function follow(file: string): Counter {
  const created = createStoreSource({
    ...{ timeoutMs: 1000, onFailure: 'Deny', now, wallClock, random: Math.random },
    identity: { pod: 'pod-0', workload: 'shop', namespace: 'ai' },
    onAddress: (store) => used.push(store),
    onProblem: (problem) => told.push(problem),
  })
  source = created
  followed = followAddressFile({
    file,
    pollMs: 3_600_000,
    onAddress: created.connect,
    onProblem: created.explain,
  })
  const [counter] = countersOf([created], limitRow({ what: 'Requests', limit: LIMIT, windowMs: 60_000 }))
  if (counter === undefined) throw new Error('no counter')
  return counter
}

/** By the address, or its files, that came so many times. */
async function isUp(times: number): Promise<void> {
  await eventually(() => source?.report().state === 'Up' && used.length === times)
  expect(source?.report().problem).toBe(null)
}

async function hasProblem(text: RegExp): Promise<void> {
  await eventually(() => text.test(source?.report().problem ?? source?.report().why ?? ''))
}

async function admitted(counter: Counter, times: number): Promise<number> {
  let count = 0
  for (let i = 0; i < times; i++) if (isAdmitted(await ask(counter, 1))) count++
  return count
}

describeWithRedis('a store of a private authority', () => {
  test('is trusted by the file beside its address, also when that comes later', async () => {
    const { url } = await startStore('no')
    const counter = follow(await write('store-url', url))
    await followed?.check()
    await hasProblem(/self-signed/)
    expect(await admitted(counter, 1)).toBe(0)
    await write('store-ca.crt', CERTIFICATE)
    await followed?.check()
    await isUp(2)
    expect(await admitted(counter, 50)).toBe(50)
  })

  test('whose authority changes is asked all the time, on the old connection until the new one is trusted', async () => {
    const { url } = await startStore('no')
    await write('store-ca.crt', CERTIFICATE)
    const counter = follow(await write('store-url', url))
    await followed?.check()
    await isUp(1)
    await write('store-ca.crt', OTHER_CERTIFICATE)
    await followed?.check()
    await hasProblem(/self-signed/)
    expect(await admitted(counter, 50)).toBe(50)
    await rotateStore()
    await isUp(2)
    expect(await admitted(counter, 50)).toBe(50)
    expect(source?.report().failures).toBe(0)
    await server?.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await eventually(() => (source?.report().failures ?? 0) > 0 && source?.report().state === 'Up')
    expect(await admitted(counter, 50)).toBe(50)
  })

  test('that wants certificates of its clients gets the one beside the address, and its successor', async () => {
    const { url } = await startStore('yes')
    await write('store-ca.crt', CERTIFICATE + OTHER_CERTIFICATE)
    await write('store-tls.crt', CERTIFICATE)
    const key = await write('store-tls.key', KEY)
    const file = await write('store-url', url)
    const counter = follow(file)
    await followed?.check()
    await isUp(1)
    expect(await admitted(counter, 50)).toBe(50)
    await rm(key)
    await followed?.check()
    const missing = `${path.join(folder(), 'store-tls.crt')}: the key that belongs to it is missing`
    expect(source?.report()).toMatchObject({ state: 'Up', problem: `--store file:${file}: ${missing}` })
    await rotateStore()
    await write('store-tls.crt', OTHER_CERTIFICATE)
    await write('store-tls.key', OTHER_KEY)
    await followed?.check()
    await isUp(2)
    await server?.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await eventually(() => (source?.report().failures ?? 0) > 0 && source?.report().state === 'Up')
    expect(await admitted(counter, 50)).toBe(50)
  })

  test('that refuses a connection after its handshake, and leaves it open, is a problem and no more', async () => {
    const { port } = await startStore('yes')
    const { url, connections } = await startBetween(port)
    await write('store-ca.crt', CERTIFICATE)
    follow(await write('store-url', url))
    await followed?.check()
    await eventually(() => connections() >= 3)
    expect(source?.report().state).toBe('Failed')
    await write('store-tls.crt', CERTIFICATE)
    await write('store-tls.key', KEY)
    await followed?.check()
    await isUp(2)
  })
})
