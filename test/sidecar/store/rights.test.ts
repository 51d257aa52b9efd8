// The rights of the store's user: those that docs/store.md names are enough and none too many, and one that is missing is named.
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { Counter } from '../../../sidecar/limits/counter.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import { AMOUNT_SCRIPT } from '../../../sidecar/store/amount-script.ts'
import { commandsOf } from '../../../sidecar/store/denial-words.ts'
import { PRESENCE_SCRIPT } from '../../../sidecar/store/presence-script.ts'
import { SLOT_SCRIPT } from '../../../sidecar/store/slot-script.ts'
import type { StoreSource } from '../../../sidecar/store/store-source.ts'
import { startCluster } from './cluster.ts'
import { type DocumentedRights, documentedRights } from './documented-rights.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { ask, budgetRow, closeAll, countersOf, eventually, isAdmitted, limitRow, now, openSources } from './sources.ts'
import { describeWithRedis } from './with-redis.ts'

const LIMIT = 40
const PASSWORD = 'pa:ss/wo@rd'

/** A row of each kind of count. */
const ROWS: readonly CountedRow[] = [
  limitRow({ id: 'window', what: 'Requests', limit: LIMIT, windowMs: 60_000 }),
  budgetRow(LIMIT),
  limitRow({ id: 'open', what: 'Concurrency', limit: LIMIT }),
]

const servers: RedisServer[] = []
const sources: StoreSource[] = []
/** What libraries write past the log. */
const stderr = jest.spyOn(console, 'warn')

beforeEach(() => {
  stderr.mockClear()
})
afterEach(async () => {
  expect(stderr.mock.calls).toEqual([])
  await closeAll(sources.splice(0))
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

async function start(config: readonly string[]): Promise<RedisServer> {
  const server = await startRedis(config)
  servers.push(server)
  return server
}

async function startWithUser(rules: readonly string[]): Promise<string> {
  const { port } = await start([userLine(rules)])
  return `redis://${urlUser()}127.0.0.1:${port}`
}

function userLine(rules: readonly string[]): string {
  return `user limits on >${PASSWORD} ${rules.join(' ')}`
}

function urlUser(): string {
  return `limits:${encodeURIComponent(PASSWORD)}@`
}

async function open(url: string, count: number, startWaitMs = 5000): Promise<StoreSource[]> {
  const opened = await openSources(url, count, { timeoutMs: 1000, startWaitMs })
  sources.push(...opened)
  return opened
}

/** Twice as many ask as there is room for; what was admitted is given back. */
async function admittedBy(opened: readonly StoreSource[], row: CountedRow): Promise<number> {
  const counters = countersOf(opened, row)
  const asked = Array.from({ length: 2 * LIMIT }, async (_, i) => {
    const counter = counters[i % counters.length] as Counter
    return { counter, answer: await ask(counter, 1) }
  })
  const answers = await Promise.all(asked)
  let admitted = 0
  for (const { counter, answer } of answers) {
    if (!isAdmitted(answer)) continue
    counter.settle(answer, 1, 0, now())
    admitted++
  }
  return admitted
}

async function expectEverythingCounted(opened: readonly StoreSource[]): Promise<void> {
  for (const row of ROWS) expect(await admittedBy(opened, row)).toBe(LIMIT)
  await eventually(() => opened.every((source) => source.report().unsettled === 0))
  await eventually(() => opened.every((source) => source.report().sidecars === opened.length))
  for (const { client } of servers) expect(deniedIn(await client.call('ACL', 'LOG'))).toEqual([])
}

/** Entries of an ACL LOG about what scripts ran; a client may try other things that it can do without. */
function deniedIn(log: unknown): unknown[] {
  return (log as unknown[][]).filter((entry) => entry.includes('lua') || entry.includes('script'))
}

function without(right: string, { rules }: DocumentedRights): string[] {
  expect(rules).toContain(right)
  return rules.filter((rule) => rule !== right)
}

test('docs give the commands of the scripts, and what sends them, and no others', async () => {
  const { rules } = await documentedRights()
  const scripts = [AMOUNT_SCRIPT, SLOT_SCRIPT, PRESENCE_SCRIPT]
  const needed = new Set(['EVAL', 'EVALSHA', 'INFO', ...scripts.flatMap(({ lua }) => commandsOf(lua))])
  const given = rules.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1).toUpperCase())
  expect(given.toSorted()).toEqual([...needed].toSorted())
})

describeWithRedis('a store whose user has', () => {
  test('the documented rights counts windows, budgets, open requests and sidecars', async () => {
    const url = await startWithUser((await documentedRights()).rules)
    await expectEverythingCounted(await open(url, 2))
  })

  test('no right to INFO is asked all the same, and nothing is written to stderr', async () => {
    const url = await startWithUser(without('+info', await documentedRights()))
    const opened = await open(url, 1)
    await expectEverythingCounted(opened)
    expect(opened[0]?.report().evictionPolicy).toBe(null)
  })

  test.each([
    ['+time', 'its user may not run TIME (docs/store.md, "The rights of its user")'],
    ['+zcard', 'its user may not run ZCARD (docs/store.md, "The rights of its user")'],
    ['+evalsha', 'its user may not run EVALSHA (docs/store.md, "The rights of its user")'],
    ['+eval', 'its user may not run EVAL (docs/store.md, "The rights of its user")'],
    ['~outrigger:*', 'its user may not use the keys of this prefix (docs/store.md, "The rights of its user")'],
  ])('all but %s says so', async (right, words) => {
    const url = await startWithUser(without(right, await documentedRights()))
    const [source] = await open(url, 1, 0)
    await eventually(() => source?.report().state === 'Failed' && source.report().why.includes(words))
  })

  test('the documented rights and +select has a database of its own', async () => {
    const url = await startWithUser([...(await documentedRights()).rules, '+select'])
    await expectEverythingCounted(await open(`${url}/1`, 1))
  })

  test('no right to ask a cluster for its nodes says so', async () => {
    const { port } = await start(['cluster-enabled yes', userLine((await documentedRights()).rules)])
    const [source] = await open(`redis+cluster://${urlUser()}127.0.0.1:${port}`, 1, 0)
    const words = 'its user may not run CLUSTER|SLOTS (docs/store.md, "The rights of its user")'
    await eventually(() => source?.report().state === 'Failed' && source.report().why.startsWith(words))
  })

  test('the documented rights and those for clusters is let in by one', async () => {
    const { rules, clusterRules } = await documentedRights()
    const user = userLine([...rules, ...clusterRules])
    const cluster = await startCluster((config) => start([...config, user]), { replicas: 0, nodeTimeoutMs: 2000 })
    const url = cluster.url.replace('redis+cluster://', `redis+cluster://${urlUser()}`)
    await expectEverythingCounted(await open(url, 2))
  }, 60_000)
})
