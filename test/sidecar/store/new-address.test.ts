// A store that gets another address while it is used, as with every change of its password: nobody is refused for it, and nothing that
// was taken is lost.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Counter } from '../../../sidecar/limits/counter.ts'
import { parseStoreAddress } from '../../../sidecar/store/store-address.ts'
import { createStoreSource, type StoreOptions, type StoreSource } from '../../../sidecar/store/store-source.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { ask, closeAll, countersOf, eventually, isAdmitted, limitRow, now, wallClock } from './sources.ts'
import { describeWithRedis } from './with-redis.ts'

const LIMIT = 1000
const SHARE = 30

const servers: RedisServer[] = []
const sources: StoreSource[] = []
/** Addresses that came into use. */
let used: string[] = []
/** All that was told of them. */
let told: unknown[] = []

beforeEach(() => {
  used = []
  told = []
})
afterEach(async () => {
  expect(JSON.stringify([told, sources.map((source) => source.report())])).not.toContain('hunter')
  await closeAll(sources.splice(0))
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

async function start(config: readonly string[] = []): Promise<RedisServer> {
  const server = await startRedis(config)
  await server.client.connect()
  servers.push(server)
  return server
}

/** Not connected yet. */
function create(options: Partial<StoreOptions> = {}): [StoreSource, Counter] {
  const source = createStoreSource({
    ...{ timeoutMs: 1000, onFailure: 'Deny', now, wallClock, random: Math.random },
    identity: { pod: 'pod-0', workload: 'shop', namespace: 'ai' },
    onAddress: (store) => used.push(store),
    onProblem: (problem) => told.push(problem),
    onState: (change) => told.push(change),
    ...options,
  })
  sources.push(source)
  const [counter] = countersOf([source], limitRow({ what: 'Requests', limit: LIMIT, windowMs: 60_000 }))
  if (counter === undefined) throw new Error('no counter')
  return [source, counter]
}

async function admitted(counter: Counter, times: number): Promise<number> {
  let count = 0
  for (let i = 0; i < times; i++) if (isAdmitted(await ask(counter, 1))) count++
  return count
}

async function sumIn({ client }: RedisServer, prefix = 'outrigger:'): Promise<number> {
  const [key] = await client.keys(`${prefix}{*:Requests:60000ms`)
  return key === undefined ? 0 : Number(await client.hget(key, 'sum'))
}

/** Since its start; each refused try is one. */
async function connectionsTo({ client }: RedisServer): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await client.info('stats'))?.[1] ?? 0)
}

/** Those of addresses. */
function problemsTold(): unknown[] {
  return told.filter((each) => typeof each === 'string')
}

function urlOf({ port }: RedisServer, password: string): string {
  return `redis://limits:${password}@127.0.0.1:${port}`
}

describeWithRedis('a store', () => {
  test('that gets another password is asked all the time, also when the old one is over', async () => {
    const server = await start(['user limits on >hunter1 ~* +@all'])
    const [source, counter] = create()
    await source.connect(parseStoreAddress(urlOf(server, 'hunter1')))
    await eventually(() => source.report().state === 'Up')
    expect(await admitted(counter, 50)).toBe(50)
    await server.client.call('ACL', 'SETUSER', 'limits', '>hunter2')
    await source.connect(parseStoreAddress(urlOf(server, 'hunter2')))
    let count = 50
    await eventually(async () => {
      count += await admitted(counter, 1)
      return used.length === 2
    })
    expect(await admitted(counter, 50)).toBe(50)
    expect(source.report().failures).toBe(0)
    await server.client.call('ACL', 'SETUSER', 'limits', '<hunter1')
    await server.client.call('CLIENT', 'KILL', 'USER', 'limits')
    await eventually(() => source.report().failures > 0 && source.report().state === 'Up')
    count += 50 + (await admitted(counter, 50))
    await eventually(() => source.report().unsettled === 0)
    expect(await sumIn(server)).toBe(count)
  })

  test('that does not know the new password yet is asked by the old one until it does', async () => {
    const server = await start(['user limits on >hunter1 ~* +@all'])
    const [source, counter] = create()
    await source.connect(parseStoreAddress(urlOf(server, 'hunter1')))
    await eventually(() => source.report().state === 'Up')
    await source.connect(parseStoreAddress(urlOf(server, 'hunter2')))
    await eventually(() => source.report().problem?.includes(': WRONGPASS') === true)
    expect(await admitted(counter, 50)).toBe(50)
    await server.client.call('ACL', 'SETUSER', 'limits', '>hunter2')
    await eventually(() => used.length === 2)
    expect(source.report()).toMatchObject({ state: 'Up', problem: null })
    const problems = problemsTold()
    expect(problems.filter((problem, i) => problem === problems[i - 1])).toEqual([])
  })

  test('that fails meanwhile is found again by the new password', async () => {
    const server = await start(['user limits on >hunter1 ~* +@all'])
    const [source, counter] = create()
    await source.connect(parseStoreAddress(urlOf(server, 'hunter1')))
    await eventually(() => source.report().state === 'Up')
    await server.client.call('ACL', 'SETUSER', 'limits', 'resetpass', '>hunter2')
    await server.client.call('CLIENT', 'KILL', 'USER', 'limits')
    await eventually(() => source.report().why.startsWith('WRONGPASS'))
    expect(await admitted(counter, 1)).toBe(0)
    await source.connect(parseStoreAddress(urlOf(server, 'hunter2')))
    await eventually(() => source.report().state === 'Up')
    expect(await admitted(counter, 50)).toBe(50)
  })

  test('that fails while its new address is wrong is asked by the old one when it is back', async () => {
    const server = await start(['user limits on >hunter1 ~* +@all'])
    const [source, counter] = create()
    await source.connect(parseStoreAddress(urlOf(server, 'hunter1')))
    await eventually(() => source.report().state === 'Up')
    await server.kill()
    await eventually(() => source.report().state === 'Failed')
    await source.connect(parseStoreAddress(urlOf(server, 'hunter2')))
    await server.restart()
    await eventually(() => source.report().problem?.includes(': WRONGPASS') === true)
    await eventually(() => source.report().state === 'Up')
    expect(await admitted(counter, 50)).toBe(50)
    expect(used).toHaveLength(1)
  })

  test('that has moved gets what was not told yet, under the prefix that holds there', async () => {
    const [before, after] = [await start(), await start()]
    const [source, counter] = create({ onFailure: 'LocalShare', shareOf: () => SHARE })
    await source.connect(parseStoreAddress(before.url))
    await eventually(() => source.report().state === 'Up')
    before.signal('SIGKILL')
    await eventually(() => source.report().state === 'Failed')
    expect(await admitted(counter, 50)).toBe(SHARE)
    await source.connect(parseStoreAddress(`${after.url}?prefix=moved:`))
    await eventually(async () => (await sumIn(after, 'moved:')) === SHARE)
    expect(source.report()).toMatchObject({ state: 'Up', store: `Standalone 127.0.0.1:${after.port}` })
    expect(await after.client.keys('outrigger:*')).toEqual([])
  })

  test('without an address is decided about by the policy, and told of it when it has one', async () => {
    const server = await start()
    const [source, counter] = create({ onFailure: 'LocalShare', shareOf: () => SHARE })
    const why = 'there is no such file yet'
    source.explain(why)
    expect(source.report()).toMatchObject({ state: 'Connecting', why, problem: why, store: null, failures: 0 })
    expect(await admitted(counter, 50)).toBe(SHARE)
    await source.connect(parseStoreAddress(server.url))
    source.explain(undefined)
    await eventually(async () => (await sumIn(server)) === SHARE)
    expect(source.report()).toMatchObject({ state: 'Up', problem: null })
  })

  test('of which the file and the newest address are wrong is told of both once, until each is mended', async () => {
    const server = await start(['user limits on >hunter1 ~* +@all'])
    // It tries again as soon as it may.
    const [source] = create({ random: () => 0 })
    await source.connect(parseStoreAddress(urlOf(server, 'hunter1')))
    await eventually(() => source.report().state === 'Up')
    await source.connect(parseStoreAddress(urlOf(server, 'hunter2')))
    await eventually(() => source.report().problem?.includes(': WRONGPASS') === true)
    const file = 'expected a URL'
    const tries = await connectionsTo(server)
    source.explain(file)
    await eventually(async () => (await connectionsTo(server)) > tries + 1)
    expect(source.report().problem).toBe(file)
    expect(problemsTold()).toEqual([expect.stringContaining(': WRONGPASS'), file])
    await server.client.call('ACL', 'SETUSER', 'limits', '>hunter2')
    await eventually(() => used.length === 2)
    expect(source.report().problem).toBe(file)
    source.explain(undefined)
    expect(source.report().problem).toBeNull()
  })

  test('goes on as it is when a file that its new address names cannot be read', async () => {
    const server = await start()
    const [source, counter] = create()
    await source.connect(parseStoreAddress(server.url))
    await eventually(() => source.report().state === 'Up')
    await expect(source.connect(parseStoreAddress('rediss://:hunter2@other?ca=/nowhere.crt'))).rejects.toThrow('ENOENT')
    expect(await admitted(counter, 50)).toBe(50)
    expect(used).toHaveLength(1)
  })
})
