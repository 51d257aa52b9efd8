// What a store says of itself when a sidecar connects to it: that it evicts, that it is loading, that it wants a password.
import { afterEach, expect, test } from '@jest/globals'
import { parseStoreAddress } from '../../../sidecar/store/store-address.ts'
import type { StoreSource } from '../../../sidecar/store/store-source.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import { sidecarConfig } from '../../support/sidecar-config.ts'
import { startCluster } from './cluster.ts'
import { freePort, type RedisServer, startRedis } from './redis.ts'
import { closeAll, eventually, openSources } from './sources.ts'
import { describeWithRedis } from './with-redis.ts'

const EVICTING = ['maxmemory 100mb', 'maxmemory-policy allkeys-lru']
const EVICTS = 'the store of limits may forget counts: it must not evict'

const servers: RedisServer[] = []
const sources: StoreSource[] = []
let sidecar: TestSidecar | undefined

afterEach(async () => {
  await sidecar?.stop()
  sidecar = undefined
  await closeAll(sources.splice(0))
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

async function start(config: readonly string[] = []): Promise<RedisServer> {
  const server = await startRedis(config)
  servers.push(server)
  return server
}

async function startSidecar(url: string): Promise<TestSidecar> {
  sidecar = await startTestSidecar({ config: sidecarConfig({}) }, { store: parseStoreAddress(url), storeTimeout: 1000 })
  return sidecar
}

async function open(url: string): Promise<StoreSource> {
  const [source] = await openSources(url, 1, { timeoutMs: 1000, startWaitMs: 5000 })
  if (source === undefined) throw new Error('no source')
  sources.push(source)
  return source
}

async function page(name: string): Promise<Record<string, unknown>> {
  return (await fetch(`${sidecar?.adminUrl}${name}`)).json() as Promise<Record<string, unknown>>
}

async function isUp(): Promise<boolean> {
  const { store } = await page('/status')
  return (store as { state: string }).state === 'Up'
}

function warnings(msg: string): unknown[] {
  return (sidecar?.logLines ?? []).filter((line) => line.level === 'warn' && line.msg === msg)
}

describeWithRedis('a store', () => {
  test('that evicts is warned of once for each connection, in the log and on the pages', async () => {
    const server = await start(EVICTING)
    await server.client.connect()
    await startSidecar(server.url)
    const store = `Standalone 127.0.0.1:${server.port}`
    await eventually(() => warnings(EVICTS).length === 1)
    expect(warnings(EVICTS)).toEqual([expect.objectContaining({ store, policy: 'allkeys-lru' })])
    await eventually(() => isUp())
    expect(await page('/status')).toMatchObject({ store: { evictionPolicy: 'allkeys-lru' } })
    const message = `the store of limits evicts: ${store}: maxmemory-policy allkeys-lru makes it forget counts, it must be noeviction`
    for (const name of ['/health', '/health/detailed']) {
      expect(await page(name)).toMatchObject({ status: 'degraded', degraded: [message] })
    }
    expect((await fetch(`${sidecar?.adminUrl}/readyz`)).status).toBe(200)
    await server.client.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await server.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await eventually(async () => (await page('/health')).status === 'ok')
    expect(warnings(EVICTS)).toHaveLength(1)
  })

  test('that has a policy but no maxmemory is not warned of', async () => {
    const server = await start(['maxmemory 0', 'maxmemory-policy allkeys-lru'])
    await server.client.connect()
    const source = await open(server.url)
    await eventually(async () => /cmdstat_info:calls=[2-9]/.test(await server.client.info('commandstats')))
    expect(source.report()).toMatchObject({ state: 'Up', evictionPolicy: null })
  })

  test('of several nodes is warned of when one of them evicts', async () => {
    const cluster = await startCluster(start, { replicas: 0, nodeTimeoutMs: 2000 })
    await cluster.primaries[2]?.client.call('CONFIG', 'SET', 'maxmemory', '100mb', 'maxmemory-policy', 'volatile-lru')
    const source = await open(cluster.url)
    await eventually(() => source.report().evictionPolicy === 'volatile-lru')
  }, 60_000)

  test('that is away is named by its address, in the log and on the pages', async () => {
    const port = await freePort()
    await startSidecar(`redis://limits:hunter2@127.0.0.1:${port}`)
    const [store, why] = [`Standalone 127.0.0.1:${port}`, `connect ECONNREFUSED 127.0.0.1:${port}`]
    await eventually(() => warnings('the store of limits has failed').length > 0)
    expect(warnings('the store of limits has failed')[0]).toMatchObject({ store, why })
    expect(await page('/health')).toMatchObject({ degraded: [`the store of limits is away: ${store}: ${why}`] })
    expect(JSON.stringify(sidecar?.logLines)).not.toContain('hunter')
  })

  test('that wants a password takes over from another one only when it is given', async () => {
    const [before, after] = [await start(), await start(['requirepass hunter2'])]
    const source = await open(before.url)
    await source.connect(parseStoreAddress(after.url))
    await eventually(() => source.report().problem !== null)
    const store = `Standalone 127.0.0.1:${before.port}`
    const problem = `Standalone 127.0.0.1:${after.port}: NOAUTH Authentication required.`
    expect(source.report()).toMatchObject({ state: 'Up', store, problem })
  })

  test('that is loading its data is waited for, and says so', async () => {
    const slowly = ['key-load-delay 1000', 'loading-process-events-interval-bytes 1024', 'rdbcompression no']
    const server = await start(slowly)
    await server.client.connect()
    const source = await open(server.url)
    await server.client.call('DEBUG', 'POPULATE', '3000', 'key', '100')
    await server.client.call('SAVE')
    server.client.disconnect()
    const restarted = server.restart()
    await eventually(() => source.report().why === 'it is loading its data')
    await restarted
    await eventually(() => source.report().state === 'Up')
  })
})
