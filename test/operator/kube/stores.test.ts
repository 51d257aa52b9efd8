import { afterEach, expect, test } from '@jest/globals'
import { type Stores, startStores } from '../../../operator/kube/stores.ts'
import type { SecretKeyReference } from '../../../operator/resolve/inputs.ts'
import { createFakeClient } from '../../support/fake-apiserver-client.ts'
import { createFakeCore, type FakeCore } from '../../support/fake-apiserver-core.ts'
import type { Body } from '../../support/fake-apiserver-store.ts'
import { seeded } from '../../support/random.ts'
import { type RecordedLog, recordedLog } from '../../support/recorded-log.ts'
import { llmProvider, llmRoute } from '../../support/resources.ts'
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts'
import { apply, namespace, placeOf, secret } from '../cluster-in-process.ts'

let close = async (): Promise<void> => {}

afterEach(() => close())

interface Started {
  stores: Stores
  clock: VirtualClock
  core: FakeCore
  log: RecordedLog
  affected: string[]
  own: string[]
  /** Answers to reads of Secrets wait until then. */
  releaseSecrets(): void
}

function open(
  objects: readonly Parameters<typeof apply>[1][],
  namespaces: string[] = [],
  storeURL?: SecretKeyReference,
): Started {
  const clock = createVirtualClock()
  const { now, startTimer } = clock
  const core = createFakeCore({ random: seeded(1), startTimer, now })
  for (const object of objects) apply(core.store, object)
  const client = createFakeClient({ core, startTimer, now })
  const [affected, own]: [string[], string[]] = [[], []]
  const log = recordedLog()
  const secretsMayBeRead = Promise.withResolvers<void>()
  const stores = startStores({
    client: {
      ...client,
      async request<Answer>(...[request, signal]: Parameters<typeof client.request>) {
        if (request.path.includes('/secrets/')) await secretsMayBeRead.promise
        return client.request<Answer>(request, signal)
      },
    },
    ...{ namespaces, storeURL, random: seeded(1), log, clock: { now, uptime: now, startTimer } },
    onAffected: (name) => affected.push(name),
    onPod: () => {},
    onOwnObject: (kind, { key }) => own.push(`${kind} ${key}`),
  })
  close = async () => {
    secretsMayBeRead.resolve()
    await stores.close()
    client.close()
    await clock.advance(0)
    expect(clock.pending).toBe(0)
  }
  return { stores, clock, core, log, affected, own, releaseSecrets: () => secretsMayBeRead.resolve() }
}

function provider(id: string) {
  return llmProvider(id, { credentials: [{ name: 'primary', secretRef: { name: 'keys', key: 'api-key' }, weight: 1 }] })
}

const OWN = { 'app.kubernetes.io/managed-by': 'outrigger' }

function labelled(body: Body, labels: Record<string, string>): Body {
  return { ...body, metadata: { ...body.metadata, labels } }
}

test('is ready when all was listed and the Secrets that are referenced were read', async () => {
  const it = open([
    secret('ai/keys', { 'api-key': 'k' }),
    secret('ai/unread', {}),
    provider('ai/openai'),
    namespace('ai'),
  ])
  let isReady = false
  void it.stores.ready.then(() => {
    isReady = true
  })
  await it.clock.advance(1_000)
  expect([isReady, it.stores.isSettled()]).toEqual([false, false])
  it.releaseSecrets()
  await it.clock.advance(0)
  expect(isReady).toBe(true)
  const { secrets, secretValue } = it.stores.snapshot()
  expect(secrets.map(({ name, keys }) => [name, keys])).toEqual([['keys', ['api-key']]])
  expect(secretValue({ namespace: 'ai', name: 'keys', key: 'api-key' })?.reveal()).toBe('k')
})

test('gives the same frozen snapshot until something is different', async () => {
  const it = open([provider('ai/openai'), namespace('ai')])
  it.releaseSecrets()
  await it.clock.advance(1_000)
  const before = it.stores.snapshot()
  expect(it.stores.snapshot()).toBe(before)
  expect([before, before.providers, before.routes, before.secrets].every(Object.isFrozen)).toBe(true)
  apply(it.core.store, llmRoute('shop/chat'))
  await it.clock.advance(100)
  expect(it.stores.snapshot()).not.toBe(before)
})

test.each<[name: string, change: (it: Started) => void, affected: string[]]>([
  [
    'a provider concerns all',
    ({ core }) => apply(core.store, llmProvider('ai/openai', { models: [{ name: 'm' }] })),
    ['ai', 'shop'],
  ],
  ['a new provider concerns all', ({ core }) => apply(core.store, provider('ai/new')), ['ai', 'shop']],
  [
    'a Secret that is referenced concerns all',
    ({ core }) => apply(core.store, secret('ai/keys', { x: 'y' })),
    ['ai', 'shop'],
  ],
  ['another Secret concerns nobody', ({ core }) => apply(core.store, secret('ai/unread', { x: 'y' })), []],
  ['a route concerns its namespace', ({ core }) => apply(core.store, llmRoute('shop/new')), ['shop']],
  ['a namespace’s labels concern it', ({ core }) => apply(core.store, namespace('shop', { a: 'b' })), ['shop']],
  [
    'a provider’s status concerns its namespace',
    ({ core }) => {
      const place = placeOf('LLMProvider', 'ai/openai')
      core.store.update(place, { ...core.store.get(place), status: { models: 1 } } as never, 'Status')
    },
    ['ai'],
  ],
])('%s', async (_name, change, affected) => {
  const it = open([provider('ai/openai'), llmRoute('shop/chat'), namespace('ai'), namespace('shop')])
  it.releaseSecrets()
  await it.clock.advance(1_000)
  it.affected.length = 0
  change(it)
  await it.clock.advance(1_000)
  expect([...new Set(it.affected)].sort()).toEqual(affected)
})

test('a list of a thousand providers is gone through once', async () => {
  const it = open(Array.from({ length: 1_000 }, (_, i) => provider(`ai/p-${i}`)))
  it.releaseSecrets()
  await it.clock.advance(1_000)
  expect(it.affected.length).toBeLessThan(1_100)
})

test('knows the store as long as its Secret has the key', async () => {
  const reference = { namespace: 'outrigger', name: 'redis', key: 'url' }
  const it = open([namespace('ai'), namespace('outrigger'), provider('ai/openai')], [], reference)
  it.releaseSecrets()
  await it.clock.advance(1_000)
  expect([it.stores.snapshot().store, it.stores.storeProblem()]).toEqual([
    undefined,
    'store.existingSecret.name: Secret outrigger/redis does not exist; create it in namespace outrigger',
  ])
  for (const url of ['redis://a', 'redis://b']) {
    it.affected.length = 0
    apply(it.core.store, secret('outrigger/redis', { url }))
    await it.clock.advance(1_000)
    const { store, secretValue } = it.stores.snapshot()
    expect(store).toEqual({ url: { ...reference, version: expect.stringMatching(/^\d+$/) } })
    expect(store && secretValue(store.url)?.reveal()).toBe(url)
    expect(it.affected).toContain('ai')
  }
  it.core.store.delete(placeOf('Secret', 'outrigger/redis'))
  await it.clock.advance(1_000)
  expect([it.stores.snapshot().store, it.stores.snapshot().secretValue(reference)]).toEqual([undefined, undefined])
  expect(it.log.lines.map(({ level }) => level)).toEqual(['error', 'info', 'error'])
})

test('knows which of the keys for TLS the Secret of the store has', async () => {
  const reference = { namespace: 'outrigger', name: 'redis', key: 'url' }
  const it = open([namespace('outrigger')], [], reference)
  it.releaseSecrets()
  const partsBy: [parts: string[], data: Record<string, string>][] = [
    [['url', 'ca', 'certificate', 'key'], { url: 'rediss://a', 'ca.crt': 'a', 'tls.crt': 'b', 'tls.key': 'c' }],
    [['url', 'ca'], { url: 'rediss://a', 'ca.crt': 'a', 'tls.pem': 'b' }],
    [['url', 'key'], { url: 'rediss://a', 'tls.key': 'c' }],
    [[], { 'ca.crt': 'a' }],
  ]
  for (const [parts, data] of partsBy) {
    apply(it.core.store, secret('outrigger/redis', data))
    await it.clock.advance(1_000)
    const { store, secretValue } = it.stores.snapshot()
    expect(Object.keys(store ?? {})).toEqual(parts)
    for (const found of Object.values<SecretKeyReference>({ ...store })) {
      expect(found).toEqual({ ...reference, key: found.key, version: expect.any(String) })
      expect(secretValue(found)?.reveal()).toBe(data[found.key])
    }
  }
})

test('knows its own objects from those that only have their names', async () => {
  const it = open([
    labelled(secret('shop/outrigger-credentials', {}), OWN),
    secret('other/outrigger-credentials', {}),
    labelled(secret('shop/else', {}), OWN),
  ])
  it.releaseSecrets()
  await it.clock.advance(1_000)
  expect(it.own).toEqual(['Secret shop/outrigger-credentials'])
  expect([...it.stores.namespaces()]).toEqual(['shop'])
  expect(it.stores.ownVersion('Secret', 'other/outrigger-credentials')).toBeUndefined()
  const found = it.core.store.get(placeOf('Secret', 'shop/outrigger-credentials'))
  apply(it.core.store, { ...found, metadata: { ...found.metadata, labels: {} } } as never)
  await it.clock.advance(100)
  expect(it.own).toHaveLength(2)
})

test.each<[name: string, namespaces: string[], isOpen: Record<string, boolean>]>([
  ['that is there and stays', [], { shop: true, going: false, nowhere: false }],
  ['that may be watched', ['shop', 'going'], { shop: true, going: true, nowhere: false }],
])('writes to a namespace %s', async (_name, namespaces, isOpen) => {
  const it = open([namespace('shop')], namespaces)
  it.core.store.create(placeOf('Namespace', 'going'), {
    ...namespace('going'),
    metadata: { name: 'going', finalizers: ['x'] },
  })
  it.core.store.delete(placeOf('Namespace', 'going'))
  it.releaseSecrets()
  await it.clock.advance(1_000)
  expect(Object.fromEntries(Object.keys(isOpen).map((name) => [name, it.stores.isOpen(name)]))).toEqual(isOpen)
})
