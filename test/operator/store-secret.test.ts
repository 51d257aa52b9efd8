// The URL of the store, from the Secret in the operator's namespace to the Secrets beside the sidecars: a replica against an API server
// in this process, in virtual time.
import { expect, test } from '@jest/globals'
import type { RecordedLog } from '../support/recorded-log.ts'
import { apply, namespace, type ReplicaChange, secret } from './cluster-in-process.ts'
import {
  applyAll,
  cluster,
  find,
  KEY,
  nudged,
  openCluster,
  openShop,
  programmed,
  provider,
  revisionOf,
  route,
} from './shop-in-process.ts'

const STORE: ReplicaChange = { storeSecret: { name: 'redis', key: 'url' } }
const STORE_URL = 'redis://limits:hunter2@redis:6379'
const OTHER_STORE_URL = 'redis://limits:hunter3@redis:6379'

/** What the namespace's sidecars read, but for keys of providers. */
function published(name: string): Record<string, string> {
  const data = (find('Secret', `${name}/outrigger-credentials`)?.data ?? {}) as Record<string, string>
  const ofStore = Object.entries(data).filter(([file]) => file.startsWith('store-'))
  return Object.fromEntries(ofStore.map(([file, value]) => [file, Buffer.from(value, 'base64').toString()]))
}

function publishedURL(name: string): string | undefined {
  return published(name)['store-url']
}

function problems({ lines }: RecordedLog): unknown[] {
  return lines
    .filter(({ level }) => level === 'error')
    .map(({ fields: { object, key, problem } }) => [object, key, problem])
}

test('reaches every namespace with pods, beside the keys, and nothing else shows it', async () => {
  openCluster()
  applyAll(namespace('outrigger'), secret('outrigger/redis', { url: STORE_URL }), secret('ai/keys', { 'api-key': KEY }))
  applyAll(provider('ai/openai'), route('shop/chat', 'ai/openai'))
  for (const name of ['shop', 'other']) cluster().node.run(name, 'web')
  const { log } = cluster().replica('one', STORE)
  await cluster().advance(5_000)
  expect(['shop', 'other', 'ai'].map(publishedURL)).toEqual([STORE_URL, STORE_URL, undefined])
  expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
  const shown = JSON.stringify([log.lines, find('ConfigMap', 'shop/outrigger-config'), find('LLMRoute', 'shop/chat')])
  for (const text of [STORE_URL, 'hunter2', Buffer.from(STORE_URL).toString('base64')])
    expect(shown).not.toContain(text)
})

test('is followed when it changes: pods are told at once, though their document is the same', async () => {
  await openShop({}, STORE)
  apply(cluster().store, secret('outrigger/redis', { url: STORE_URL }))
  await cluster().advance(5_000)
  expect(publishedURL('shop')).toBe(STORE_URL)
  const before = revisionOf('shop')
  cluster().writes.length = 0
  apply(cluster().store, secret('outrigger/redis', { url: OTHER_STORE_URL }))
  await cluster().advance(1_000)
  expect([publishedURL('shop'), revisionOf('shop')]).toEqual([OTHER_STORE_URL, before])
  expect(nudged()).toEqual(['web'])
})

test('comes with what its Secret holds for TLS, and nothing else of it; also when only that changes', async () => {
  const { log } = await openShop({}, STORE)
  const [url, ca, certificate, key] = [STORE_URL, 'canary-ca', 'canary-certificate', 'canary-key']
  const steps: [Record<string, string>, Record<string, string>][] = [
    [{ url, password: 'hunter2' }, {}],
    [{ url, 'ca.crt': ca }, { 'store-ca.crt': ca }],
    [
      { url, 'ca.crt': ca, 'tls.crt': certificate, 'tls.key': key },
      { 'store-ca.crt': ca, 'store-tls.crt': certificate, 'store-tls.key': key },
    ],
    [
      { url, 'ca.crt': 'canary-next', 'tls.crt': certificate, 'tls.key': key },
      { 'store-ca.crt': 'canary-next', 'store-tls.crt': certificate, 'store-tls.key': key },
    ],
  ]
  for (const [data, files] of steps) {
    apply(cluster().store, secret('outrigger/redis', data))
    cluster().writes.length = 0
    await cluster().advance(5_000)
    expect(published('shop')).toEqual({ 'store-url': url, ...files })
    expect(nudged()).toContain('web')
  }
  expect(JSON.stringify([log.lines, find('ConfigMap', 'shop/outrigger-config')])).not.toContain('canary')
})

test('that is not to be found is told once, by Secret and key, and keeps nothing else from the pods', async () => {
  const { log, replica } = await openShop({}, STORE)
  expect([publishedURL('shop'), programmed('LLMRoute', 'shop/chat')]).toEqual([undefined, 'True Programmed'])
  const absent = 'store.existingSecret.name: Secret outrigger/redis does not exist; create it in namespace outrigger'
  expect(problems(log)).toEqual([['Secret outrigger/redis', 'url', absent]])
  expect(replica.storeProblem()).toBe(absent)
  apply(cluster().store, secret('outrigger/redis', { address: STORE_URL }))
  await cluster().advance(60_000)
  const keyless = 'store.existingSecret.key: Secret outrigger/redis has no key "url"; it has: address'
  expect(problems(log)).toEqual([absent, keyless].map((problem) => ['Secret outrigger/redis', 'url', problem]))
  apply(cluster().store, secret('outrigger/redis', { url: STORE_URL }))
  await cluster().advance(1_000)
  expect([publishedURL('shop'), replica.storeProblem()]).toEqual([STORE_URL, undefined])
  expect(log.lines.at(-1)).toMatchObject({ level: 'info' })
})

test('is found, and followed, also in a namespace that is not watched', async () => {
  openCluster()
  applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'), route('shop/chat', 'ai/openai'))
  cluster().node.run('shop', 'web')
  const { log } = cluster().replica('one', { ...STORE, namespaces: ['ai', 'shop'] })
  await cluster().advance(5_000)
  expect(problems(log)).toHaveLength(1)
  for (const url of [STORE_URL, OTHER_STORE_URL]) {
    apply(cluster().store, secret('outrigger/redis', { url }))
    await cluster().advance(10_000)
    expect(publishedURL('shop')).toBe(url)
  }
})
