import { expect, test } from '@jest/globals'
import { KubeError, type KubeRequest } from '../../../operator/kube/client.ts'
import { SecretReader } from '../../../operator/kube/secret-reader.ts'
import { recordedLog } from '../../support/recorded-log.ts'
import { createVirtualClock } from '../../support/virtual-clock.ts'

const KEY = 'ai/keys'
/** In a namespace of which the watch does not tell. */
const UNWATCHED = 'outrigger/redis'

/** A Secret's version and value on the server; a number: the status of the refusal. */
type Stored = { version: string; value: string } | number

function start() {
  const clock = createVirtualClock()
  const log = recordedLog()
  const stored = new Map<string, Stored>()
  const versions = new Map<string, string>()
  const changes: string[] = []
  let requests = 0
  const answers: (() => void)[] = []
  let held = false
  const client = {
    async request<Answer>({ path }: KubeRequest) {
      requests++
      if (held) await new Promise<void>((resolve) => answers.push(resolve))
      const [, namespace, name] = /namespaces\/([^/]+)\/secrets\/([^/]+)$/.exec(path) ?? []
      const found = stored.get(`${namespace}/${name}`) ?? 404
      if (typeof found === 'number') throw new KubeError('refused', { status: found, reason: 'x' })
      const metadata = { namespace, name, resourceVersion: found.version }
      return { metadata, type: 'Opaque', data: { 'api-key': Buffer.from(found.value).toString('base64') } } as Answer
    },
  }
  const reader = new SecretReader({
    ...{ client, log, versionOf: (key) => versions.get(key), onChange: (key) => changes.push(key) },
    isWatched: (key) => key !== UNWATCHED,
    clock: { now: clock.now, uptime: clock.now, startTimer: clock.startTimer },
  })
  return {
    ...{ clock, log, reader, changes, stored },
    requests: () => requests,
    hold() {
      held = true
    },
    release() {
      held = false
      for (const answer of answers.splice(0)) answer()
    },
    /** The server has it, and the watch tells of it. */
    put(key: string, now: Stored | undefined) {
      if (now === undefined) stored.delete(key)
      else stored.set(key, now)
      if (typeof now === 'object') versions.set(key, now.version)
      else if (now === undefined) versions.delete(key)
      reader.noticed(key)
    },
    /** The watch tells of a version. */
    announce(key: string, version: string) {
      versions.set(key, version)
      reader.noticed(key)
    },
    value: () => reader.secrets()[0]?.values.get('api-key')?.reveal(),
  }
}

test('reads what is wanted, in each of its versions once, and nothing else', async () => {
  const it = start()
  it.put(KEY, { version: '1', value: 'a' })
  it.put('ai/unwanted', { version: '2', value: 'x' })
  it.reader.want(new Set([KEY]))
  await it.clock.advance(0)
  expect(it.value()).toBe('a')
  it.reader.noticed(KEY)
  await it.clock.advance(0)
  expect(it.requests()).toBe(1)
  it.put(KEY, { version: '3', value: 'b' })
  await it.clock.advance(0)
  expect([it.value(), it.requests(), it.changes]).toEqual(['b', 2, [KEY, KEY]])
})

test('forgets what nobody wants any more', async () => {
  const it = start()
  it.put(KEY, { version: '1', value: 'a' })
  it.reader.want(new Set([KEY]))
  await it.clock.advance(0)
  it.reader.want(new Set())
  expect(it.reader.secrets()).toEqual([])
})

test('finds a Secret that the watch has not told of yet', async () => {
  const it = start()
  it.stored.set(KEY, { version: '1', value: 'a' })
  it.reader.want(new Set([KEY]))
  await it.clock.advance(0)
  expect(it.value()).toBe('a')
  // Gone before the watch began, so that it will never tell.
  it.stored.delete(KEY)
  await it.clock.advance(10_000)
  expect([it.value(), it.changes.length, it.clock.pending]).toEqual([undefined, 2, 0])
})

test('drops one that is gone', async () => {
  const it = start()
  it.put(KEY, { version: '1', value: 'a' })
  it.reader.want(new Set([KEY]))
  await it.clock.advance(0)
  it.put(KEY, undefined)
  await it.clock.advance(0)
  expect([it.value(), it.reader.isSettled]).toEqual([undefined, true])
})

test('is settled only when the newest version was read', async () => {
  const it = start()
  it.put(KEY, { version: '1', value: 'a' })
  it.hold()
  it.reader.want(new Set([KEY]))
  expect(it.reader.isSettled).toBe(false)
  await it.clock.advance(0)
  it.put(KEY, { version: '2', value: 'b' })
  let settledWith: string | undefined
  const settled = it.reader.settled().then(() => {
    settledWith = it.value()
  })
  it.release()
  await it.clock.advance(0)
  await settled
  expect(settledWith).toBe('b')
})

test('keeps the last value while it cannot be read, and is not waited for all that time', async () => {
  const it = start()
  it.put(KEY, { version: '1', value: 'a' })
  it.reader.want(new Set([KEY]))
  await it.clock.advance(0)
  it.stored.set(KEY, 500)
  it.stored.set('ai/broken', 500)
  it.announce(KEY, '2')
  it.reader.want(new Set([KEY, 'ai/broken']))
  await it.clock.advance(1_000)
  expect(it.reader.isSettled).toBe(false)
  await it.clock.advance(20_000)
  expect(it.reader.isSettled).toBe(true)
  expect(it.value()).toBe('a')
  it.stored.set('ai/broken', { version: '9', value: 'z' })
  it.stored.set(KEY, { version: '2', value: 'b' })
  await it.clock.advance(60_000)
  expect([it.value(), it.reader.secrets().length]).toEqual(['b', 2])
})

test('tells once a minute, by the Secret’s name, that it may not read it', async () => {
  const it = start()
  it.put(KEY, { version: '1', value: 'a' })
  it.stored.set(KEY, 403)
  it.reader.want(new Set([KEY]))
  await it.clock.advance(130_000)
  expect(it.reader.isSettled).toBe(true)
  expect(it.log.lines.map(({ level, fields }) => [level, fields.object])).toEqual(
    Array.from({ length: 3 }, () => ['error', 'Secret ai/keys']),
  )
})

test('looks every few seconds for what the watch does not tell of, whether it is there or not', async () => {
  const it = start()
  it.reader.want(new Set([UNWATCHED]))
  await it.clock.advance(60_000)
  expect([it.reader.isSettled, it.requests()]).toEqual([true, 13])
  for (const [version, value] of [
    ['1', 'a'],
    ['2', 'b'],
  ] as const) {
    it.stored.set(UNWATCHED, { version, value })
    await it.clock.advance(5_000)
    expect(it.value()).toBe(value)
  }
  it.stored.delete(UNWATCHED)
  await it.clock.advance(5_000)
  expect([it.value(), it.changes.length]).toEqual([undefined, 3])
  await it.reader.close()
  expect(it.clock.pending).toBe(0)
})

test('lets go of whoever waits when it is closed', async () => {
  const it = start()
  it.hold()
  it.reader.want(new Set([KEY]))
  const settled = it.reader.settled()
  const closed = it.reader.close()
  await settled
  it.release()
  await closed
  await it.clock.advance(0)
  expect(it.clock.pending).toBe(0)
})
