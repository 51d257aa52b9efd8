// The ways in which a store can be run: with users and passwords, over TLS, as a primary that sentinels watch, as a cluster.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import type { Counter } from '../../../sidecar/limits/counter.ts'
import type { StoreSource } from '../../../sidecar/store/store-source.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'
import { startCluster } from './cluster.ts'
import { freePort, type RedisServer, startRedis } from './redis.ts'
import { ask, closeAll, countersOf, eventually, isAdmitted, limitRow, openSources } from './sources.ts'
import { describeWithRedis } from './with-redis.ts'

const LIMIT = 40
const PASSWORD = 'pa:ss/wo@rd'

const servers: RedisServer[] = []
const sources: StoreSource[] = []

afterEach(async () => {
  await closeAll(sources.splice(0))
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

async function start(config: readonly string[] = [], mode: 'Server' | 'Sentinel' = 'Server'): Promise<RedisServer> {
  const server = await startRedis(config, mode)
  servers.push(server)
  return server
}

async function open(url: string, count = 2, startWaitMs = 5000): Promise<StoreSource[]> {
  const opened = await openSources(url, count, { timeoutMs: 1000, startWaitMs })
  sources.push(...opened)
  return opened
}

/** Twice as many ask as there is room for. */
async function admittedBy(opened: readonly StoreSource[], id: string): Promise<number> {
  const counters = countersOf(opened, limitRow({ id, what: 'Requests', limit: LIMIT, windowMs: 60_000 }))
  const asked = Array.from({ length: 2 * LIMIT }, (_, i) => ask(counters[i % counters.length] as Counter, 1))
  return (await Promise.all(asked)).filter(isAdmitted).length
}

describeWithRedis('a store', () => {
  test('with another password says so, and repeats neither', async () => {
    const server = await start(['requirepass right'])
    const [source] = await open(`redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}`, 1, 0)
    await eventually(() => source?.report().why.startsWith('WRONGPASS') === true)
    expect(source?.report().state).toBe('Failed')
    expect(JSON.stringify(source?.report())).not.toContain(PASSWORD)
  })

  test('over TLS is trusted by the authority that the URL names, and not without it', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-test-'))
    const [ca, key] = [path.join(folder, 'tls.crt'), path.join(folder, 'tls.key')]
    await writeFile(ca, CERTIFICATE)
    await writeFile(key, KEY)
    const port = await freePort()
    await start([`tls-port ${port}`, `tls-cert-file ${ca}`, `tls-key-file ${key}`, 'tls-auth-clients no'])
    expect(await admittedBy(await open(`rediss://127.0.0.1:${port}?ca=${encodeURIComponent(ca)}`), 'tls')).toBe(LIMIT)
    const [distrusting] = await open(`rediss://127.0.0.1:${port}`, 1, 0)
    await eventually(() => distrusting?.report().why.includes('self-signed') === true)
    expect(distrusting?.report().state).toBe('Failed')
    await rm(folder, { recursive: true })
  })

  test('behind sentinels that are not there has failed, and says why', async () => {
    const url = `redis+sentinel://127.0.0.1:${await freePort()}/shop`
    const [source] = await open(url, 1, 0)
    await eventually(() => source?.report().state === 'Failed')
    expect(source?.report().why).toMatch(/^no sentinel says who is primary\. Last error: /)
  })

  test('of which a sentinel makes another the primary is found again, with its counts', async () => {
    const primary = await start()
    const replica = await start([`replicaof 127.0.0.1 ${primary.port}`])
    await replica.client.connect()
    // What the sentinel does not see when it starts, it looks for 10 s later.
    await eventually(async () => /master_link_status:up/.test(await replica.client.info('replication')), 30_000)
    const watched = `sentinel monitor shop 127.0.0.1 ${primary.port} 1`
    const quick = ['sentinel down-after-milliseconds shop 500', 'sentinel failover-timeout shop 2000']
    const sentinel = await start([watched, ...quick], 'Sentinel')
    const opened = await open(`redis+sentinel://127.0.0.1:${sentinel.port}/shop`)
    expect(await admittedBy(opened, 'before')).toBe(LIMIT)
    await eventually(async () => (await replica.client.keys('*{before}*')).length > 0)
    await eventually(async () => /slaves=1/.test(String(await sentinelInfo(sentinel))), 30_000)
    primary.signal('SIGKILL')
    await eventually(() => opened.every((source) => source.report().state === 'Failed'), 20_000)
    await eventually(() => opened.every((source) => source.report().state === 'Up'), 20_000)
    expect(await admittedBy(opened, 'before')).toBe(0)
    expect(await admittedBy(opened, 'after')).toBe(LIMIT)
  }, 120_000)

  test('of several nodes keeps each count on one of them', async () => {
    const cluster = await startCluster(start, { replicas: 0, nodeTimeoutMs: 2000 })
    const opened = await open(cluster.url)
    expect(opened.map((source) => source.report().state)).toEqual(['Up', 'Up'])
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) expect(await admittedBy(opened, id)).toBe(LIMIT)
    const sizes = await Promise.all(cluster.primaries.map(({ client }) => client.dbsize()))
    expect(sizes.filter((size) => size > 0).length).toBeGreaterThan(1)
  }, 60_000)
})

async function sentinelInfo(sentinel: RedisServer): Promise<unknown> {
  if (sentinel.client.status === 'wait') await sentinel.client.connect()
  return sentinel.client.info('sentinel')
}
