import { afterEach, expect, test } from '@jest/globals'
import type { WatchEvent } from '../../../operator/kube/client.ts'
import {
  type KubeObject,
  type Reflector,
  type ReflectorOptions,
  startReflector,
} from '../../../operator/kube/reflector.ts'
import { LLM_PROVIDERS, NAMESPACES } from '../../../operator/kube/resource.ts'
import { type RecordedLog, recordedLog } from '../../support/recorded-log.ts'
import { createVirtualClock } from '../../support/virtual-clock.ts'
import { refusal, type Step, scriptedClient } from './scripted-client.ts'

let reflectors: Reflector<string>[] = []
afterEach(() => {
  for (const reflector of reflectors) reflector.close()
  reflectors = []
})

/** What is stored of an object is its version. `draw` is every random number; 0 takes the longest waits. */
function reflectorUnderTest(steps: readonly Step[], options: Partial<ReflectorOptions<string>> = {}) {
  const clock = createVirtualClock()
  const client = scriptedClient(clock, steps)
  const log = recordedLog()
  const changes: string[] = []
  let synced = false
  const reflector = startReflector<string>({
    ...{ client, log, resource: LLM_PROVIDERS, content: 'Whole', random: () => 0 },
    ...{ now: clock.now, startTimer: clock.startTimer },
    keep: ({ metadata }) => metadata.resourceVersion,
    onChange: ({ key, before, after }) => changes.push(`${key}: ${before ?? 'none'} > ${after ?? 'none'}`),
    ...options,
  })
  reflectors.push(reflector)
  void reflector.synced.then(() => {
    synced = true
  })
  return { clock, client, log, changes, reflector, isSynced: () => synced }
}

const EMPTY = listOf('5')
const OPEN: Step = { events: [], ending: 'Silence' }
const EXPIRED = refusal(410, 'Expired')

test('lists page by page, reports, and watches from the version of the list', async () => {
  const { clock, client, changes, reflector, isSynced } = reflectorUnderTest([
    { answer: { ...listOf('9', ['a/x', '3']).answer, metadata: { resourceVersion: '9', continue: 'more' } } },
    listOf('10', ['b/y', '4']),
    { events: [added('a/z', '10'), modified('a/x', '11'), deleted('b/y', '12')], ending: 'Silence' },
  ])
  expect(isSynced()).toBe(false)
  await clock.advance(0)
  expect(isSynced()).toBe(true)
  expect(client.asked).toEqual(['0 list limit=500', '0 list limit=500 continue=more', '0 watch 9'])
  expect(changes).toEqual(['a/x: none > 3', 'b/y: none > 4', 'a/z: none > 10', 'a/x: 3 > 11', 'b/y: 4 > none'])
  expect([...reflector.objects]).toEqual([
    ['a/x', '11'],
    ['a/z', '10'],
  ])
})

test('asks for bookmarks, and for watches of 5 to 10 minutes', async () => {
  const { clock, client } = reflectorUnderTest([EMPTY])
  await clock.advance(0)
  expect(client.requests[1]).toMatchObject({
    path: '/apis/outrigger.dev/v1alpha1/llmproviders',
    query: { resourceVersion: '5', allowWatchBookmarks: 'true', timeoutSeconds: '300' },
    accept: 'application/json',
  })
  const latest = reflectorUnderTest([EMPTY], { random: () => 0.999 })
  await latest.clock.advance(0)
  expect(latest.client.requests[1]?.query).toMatchObject({ timeoutSeconds: '600' })
})

test('asks for metadata only, of one namespace and by label', async () => {
  const { clock, client } = reflectorUnderTest([EMPTY], { content: 'Metadata', namespace: 'a', labelSelector: 'b=c' })
  await clock.advance(0)
  const path = '/apis/outrigger.dev/v1alpha1/namespaces/a/llmproviders'
  expect(client.requests).toMatchObject([
    {
      path,
      query: { labelSelector: 'b=c' },
      accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    },
    { path, query: { labelSelector: 'b=c' }, accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
  ])
})

test('objects without a namespace have their name for a key', async () => {
  const { clock, reflector } = reflectorUnderTest([listOf('5', ['x', '3'])], { resource: NAMESPACES })
  await clock.advance(0)
  expect([...reflector.objects]).toEqual([['x', '3']])
})

test('a watch that ends in time begins again at once, from the last event or bookmark', async () => {
  const { clock, client } = reflectorUnderTest([
    EMPTY,
    { events: [added('a/x', '7')], ending: 'End', afterMs: 80_000 },
    { events: [bookmark('9')], ending: 'End', afterMs: 80_000 },
    { events: [added('a/y', '12'), bookmark('11'), modified('a/x', '6')], ending: 'End', afterMs: 80_000 },
    OPEN,
  ])
  await clock.advance(240_000)
  expect(client.asked.slice(1)).toEqual(['0 watch 5', '80000 watch 7', '160000 watch 9', '240000 watch 12'])
})

test('a server that ends every watch at once is not asked without a pause', async () => {
  const { clock, client } = reflectorUnderTest([EMPTY, ...times<Step>(6, { events: [bookmark('5')], ending: 'End' })])
  await clock.advance(60_000)
  expect(timesOf(client.asked.slice(1))).toEqual([0, 800, 2400, 5600, 10_600, 15_600, 20_600])
})

test('90 seconds of silence are a dead connection; any event or bookmark is contact', async () => {
  const { clock, client, reflector, log } = reflectorUnderTest([
    EMPTY,
    OPEN,
    { events: [bookmark('8')], ending: 'Silence' },
    OPEN,
  ])
  await clock.advance(89_999)
  expect(reflector.silentMs()).toBe(89_999)
  await clock.advance(1)
  expect(client.asked.slice(1)).toEqual(['0 watch 5', '90000 watch 5'])
  expect(reflector.silentMs()).toBe(0)
  await clock.advance(90_000)
  expect(client.asked.slice(3)).toEqual(['180000 watch 8'])
  expect(levelsOf(log)).toEqual(['info', 'info'])
})

const TOO_OLD: readonly [how: string, step: Step][] = [
  ['as a status', { fails: EXPIRED }],
  ['as an event', { events: [failing({ code: 410, reason: 'Expired' })], ending: 'End' }],
  ['as an event of an old API server', { events: [failing({ code: 410 })], ending: 'End' }],
]

for (const [how, step] of TOO_OLD) {
  test(`a version that is too old, ${how}, is a new list at once, and only differences are reported`, async () => {
    const { clock, client, changes } = reflectorUnderTest([
      listOf('5', ['a/gone', '1'], ['a/same', '2'], ['a/other', '3']),
      step,
      listOf('20', ['a/same', '2'], ['a/other', '13'], ['a/new', '14']),
      OPEN,
    ])
    await clock.advance(0)
    expect(client.asked).toEqual(['0 list limit=500', '0 watch 5', '0 list limit=500', '0 watch 20'])
    expect(changes.slice(3)).toEqual(['a/gone: 1 > none', 'a/other: 3 > 13', 'a/new: none > 14'])
  })
}

test('versions that are too old again and again are waited out', async () => {
  const { clock, client } = reflectorUnderTest(Array.from({ length: 4 }, () => [EMPTY, { fails: EXPIRED }]).flat())
  await clock.advance(10_000)
  expect(timesOf(client.asked)).toEqual([0, 0, 0, 0, 800, 800, 2400, 2400, 5600])
})

test('a server that comes back without its history is asked for a list at once', async () => {
  const fails: Step = { fails: refusal(0, 'ConnectionFailed') }
  const { clock, client } = reflectorUnderTest([EMPTY, fails, fails, { fails: EXPIRED }, listOf('20'), OPEN])
  await clock.advance(2400)
  expect(client.asked.slice(3)).toEqual(['2400 watch 5', '2400 list limit=500', '2400 watch 20'])
})

test('a list that expires between two pages is asked for in one piece', async () => {
  const { clock, client, changes } = reflectorUnderTest([
    { answer: { ...listOf('9', ['a/x', '3']).answer, metadata: { resourceVersion: '9', continue: 'more' } } },
    { fails: EXPIRED },
    listOf('10', ['b/y', '4']),
    OPEN,
  ])
  await clock.advance(0)
  expect(client.asked).toEqual(['0 list limit=500', '0 list limit=500 continue=more', '0 list', '0 watch 10'])
  expect(changes).toEqual(['b/y: none > 4'])
})

test('a history that went back is a new list', async () => {
  const { clock, client, reflector } = reflectorUnderTest([
    listOf('100', ['a/x', '90']),
    { events: [bookmark('50')], ending: 'Silence' },
    listOf('50', ['a/x', '40']),
    OPEN,
  ])
  await clock.advance(0)
  expect(client.asked.slice(2)).toEqual(['0 list limit=500', '0 watch 50'])
  expect([...reflector.objects]).toEqual([['a/x', '40']])
})

test('failures are waited out for ever, twice as long each time up to 5 s', async () => {
  const { clock, client, isSynced, log } = reflectorUnderTest([
    ...times(9, { fails: refusal(0, 'ConnectionFailed') }),
    EMPTY,
  ])
  await clock.advance(30_600)
  expect(timesOf(client.asked)).toEqual([0, 800, 2400, 5600, 10_600, 15_600, 20_600, 25_600, 30_600])
  expect(isSynced()).toBe(false)
  await clock.advance(5_000)
  expect(isSynced()).toBe(true)
  expect(levelsOf(log)).toEqual(times(9, 'warn'))
})

test('a watch that fails goes on from the last version, and what lasted or brought something forgives the failures', async () => {
  const fails: Step = { fails: refusal(500, 'InternalError') }
  const { clock, client } = reflectorUnderTest([
    EMPTY,
    fails,
    fails,
    { events: [added('a/x', '7')], ending: refusal(0, 'ConnectionFailed') },
    { events: [], ending: refusal(0, 'ConnectionFailed'), afterMs: 9000 },
    { events: [], ending: refusal(0, 'ConnectionFailed'), afterMs: 10_000 },
    OPEN,
  ])
  await clock.advance(40_000)
  expect(client.asked.slice(1)).toEqual([
    ...['0 watch 5', '800 watch 5', '2400 watch 5'],
    ...['3200 watch 7', '13800 watch 7', '24600 watch 7'],
  ])
})

const AFTER_A_REFUSAL: readonly [what: string, step: Step, next: string][] = [
  ['401', { fails: refusal(401, 'Unauthorized') }, '800 watch 5'],
  ['403', { fails: refusal(403, 'Forbidden') }, '800 watch 5'],
  ['429 and Retry-After', { fails: refusal(429, 'TooManyRequests', 7000) }, '7000 watch 5'],
  ['a Retry-After of a day', { fails: refusal(503, 'ServiceUnavailable', 86_400_000) }, '300000 watch 5'],
  ['500', { fails: refusal(500, 'InternalError') }, '800 watch 5'],
  ['400', { fails: refusal(400, 'BadRequest') }, '800 list limit=500'],
  ['404', { fails: refusal(404, 'NotFound') }, '800 list limit=500'],
  ['an ERROR event', { events: [failing({ code: 500 })], ending: 'Silence' }, '800 watch 5'],
  ['an ERROR event about the version', { events: [failing({ code: 400 })], ending: 'Silence' }, '800 list limit=500'],
  [
    'an ERROR event that says when to come back',
    { events: [failing({ code: 429, details: { retryAfterSeconds: 5 } })], ending: 'Silence' },
    '5000 watch 5',
  ],
  ['an ERROR event that is none', { events: [{ type: 'ERROR', object: undefined }], ending: 'Silence' }, '800 watch 5'],
  ['an event without an object', { events: [{ type: 'ADDED', object: {} }], ending: 'Silence' }, '800 watch 5'],
  ['a bookmark without a version', { events: [{ type: 'BOOKMARK', object: {} }], ending: 'Silence' }, '800 watch 5'],
]

for (const [what, step, next] of AFTER_A_REFUSAL) {
  test(`after ${what} a watch goes on with: ${next}`, async () => {
    const { clock, client } = reflectorUnderTest([EMPTY, step])
    await clock.advance(400_000)
    expect(client.asked[2]).toBe(next)
  })
}

for (const [what, answer] of [
  ['nothing', undefined],
  ['a list without a version', { items: [] }],
  ['a list with something that is no object', { metadata: { resourceVersion: '5' }, items: [{ metadata: {} }] }],
] as const) {
  test(`${what} in answer to a list is a failure like any other`, async () => {
    const { clock, client, changes, isSynced } = reflectorUnderTest([{ answer }, listOf('6', ['a/x', '4'])])
    await clock.advance(0)
    expect(isSynced()).toBe(false)
    await clock.advance(800)
    expect(client.asked.slice(1)).toEqual(['800 list limit=500', '800 watch 6'])
    expect(changes).toEqual(['a/x: none > 4'])
  })
}

test('a list without items is empty', async () => {
  const { clock, isSynced } = reflectorUnderTest([{ answer: { metadata: { resourceVersion: '5' }, items: null } }])
  await clock.advance(0)
  expect(isSynced()).toBe(true)
})

test('a receiver that throws is logged, and misses nothing else', async () => {
  const seen: string[] = []
  const { clock, log, reflector } = reflectorUnderTest(
    [
      listOf('5', ['a/x', '3'], ['a/y', '4']),
      { events: [modified('a/x', '6'), modified('a/y', '7')], ending: 'Silence' },
    ],
    {
      onChange({ key, after }) {
        seen.push(`${key} ${after}`)
        if (key === 'a/x') throw new Error('ours')
      },
    },
  )
  await clock.advance(0)
  expect(seen).toEqual(['a/x 3', 'a/y 4', 'a/x 6', 'a/y 7'])
  expect(reflector.objects.get('a/x')).toBe('6')
  expect(log.lines).toMatchObject(
    times(2, {
      level: 'error',
      fields: { resource: 'llmproviders', key: 'a/x', error: expect.stringContaining('ours') },
    }),
  )
})

test('an object that cannot be read keeps its last state, and stops no other', async () => {
  const { clock, log, changes } = reflectorUnderTest(
    [
      listOf('5', ['a/x', '3'], ['a/bad', '4']),
      { events: [modified('a/bad', '6'), modified('a/x', '7')], ending: 'Silence' },
    ],
    {
      keep({ metadata }) {
        if (metadata.name === 'bad') throw new Error('ours')
        return metadata.resourceVersion
      },
    },
  )
  await clock.advance(0)
  expect(changes).toEqual(['a/x: none > 3', 'a/x: 3 > 7'])
  expect(levelsOf(log)).toEqual(['error', 'error'])
})

test('nothing is reported or asked after close, and no timer is left', async () => {
  for (const steps of [[], [EMPTY], [EMPTY, OPEN], [{ fails: refusal(500, 'InternalError') }]]) {
    const { clock, client, reflector } = reflectorUnderTest(steps)
    await clock.advance(1)
    const asked = client.asked.length
    reflector.close()
    await clock.advance(0)
    expect(clock.pending).toBe(0)
    await clock.advance(100_000)
    expect(client.asked).toHaveLength(asked)
  }
})

test('a receiver that closes the reflector is told nothing more', async () => {
  const seen: string[] = []
  const { clock, reflector } = reflectorUnderTest([listOf('5', ['a/x', '3'], ['a/y', '4'])], {
    onChange({ key }) {
      seen.push(key)
      reflector.close()
    },
  })
  await clock.advance(0)
  expect(seen).toEqual(['a/x'])
})

function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value)
}

function timesOf(asked: readonly string[]): number[] {
  return asked.map((line) => Number(line.split(' ')[0]))
}

function levelsOf({ lines }: RecordedLog): string[] {
  return lines.map(({ level }) => level)
}

function listOf(resourceVersion: string, ...objects: (readonly [key: string, version: string])[]) {
  return { answer: { metadata: { resourceVersion }, items: objects.map(([key, version]) => objectOf(key, version)) } }
}

function added(key: string, version: string): WatchEvent {
  return { type: 'ADDED', object: objectOf(key, version) }
}

function modified(key: string, version: string): WatchEvent {
  return { type: 'MODIFIED', object: objectOf(key, version) }
}

function deleted(key: string, version: string): WatchEvent {
  return { type: 'DELETED', object: objectOf(key, version) }
}

function bookmark(resourceVersion: string): WatchEvent {
  return { type: 'BOOKMARK', object: { metadata: { resourceVersion } } }
}

function failing(status: object): WatchEvent {
  return { type: 'ERROR', object: { kind: 'Status', ...status } }
}

function objectOf(key: string, resourceVersion: string): KubeObject {
  const [name = '', namespace] = key.split('/').toReversed()
  return { metadata: { name, uid: `uid-${key}`, resourceVersion, ...(namespace === undefined ? {} : { namespace }) } }
}
