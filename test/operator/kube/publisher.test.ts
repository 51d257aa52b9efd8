import { expect, test } from '@jest/globals'
import { SecretValue } from '../../../contract/secret.ts'
import { KubeError, type KubeRequest } from '../../../operator/kube/client.ts'
import { type OwnKind, Publisher } from '../../../operator/kube/publisher.ts'
import { type RenderedObjects, renderObjects } from '../../../operator/render/render.ts'
import { provider, sidecarConfig } from '../../support/sidecar-config.ts'

const FILE = 'ai.openai.primary.1'

/** A document of this revision, with a credential or without. */
function rendered(revision: string, credential?: 'WithCredential'): RenderedObjects {
  const config = sidecarConfig({ revision, providers: [provider('ai/openai', 'OpenAI')], routes: [] })
  const secret = { namespace: 'ai', name: 'keys', key: 'api-key' }
  const credentials = credential === undefined ? [] : [{ file: FILE, secret }]
  const made = renderObjects('shop', { config, credentials }, new Map([[FILE, new SecretValue('k')]]))
  if (!('hash' in made)) throw new Error('it does not fit')
  return made
}

/** An API server that knows names and versions, and a watch that tells of them when a test says so. */
function start() {
  const there = new Map<string, { version: string; body: string }>()
  const watched = new Map<string, string>()
  const requests: string[] = []
  const drifts: string[] = []
  let version = 10
  let onRequest = (_name: string): void => {}
  const nameOf = (path: string): string => path.replace(/^.*\/(configmaps|secrets)\//, (_all, kind) => `${kind} `)
  const client = {
    async request<Answer>({ method, path, body }: KubeRequest) {
      const name = nameOf(path)
      requests.push(`${method} ${name}`)
      onRequest(name)
      if (method === 'DELETE') {
        if (!there.delete(name)) throw new KubeError('gone', { status: 404, reason: 'NotFound' })
        return undefined as Answer
      }
      const text = JSON.stringify(body)
      if (there.get(name)?.body !== text) there.set(name, { version: String(++version), body: text })
      return { metadata: { resourceVersion: there.get(name)?.version } } as Answer
    },
  }
  const keyOf = (kind: OwnKind, name: string): string => `${kind === 'Secret' ? 'secrets' : 'configmaps'} ${name}`
  const publisher = new Publisher({
    client,
    versionOf: (kind, key) => watched.get(keyOf(kind, key.split('/')[1] ?? '')),
    onDrift: (namespace) => drifts.push(namespace),
  })
  const tell = (kind: OwnKind, name: string): void => {
    const now = there.get(keyOf(kind, name))?.version
    if (now === undefined) watched.delete(keyOf(kind, name))
    else watched.set(keyOf(kind, name), now)
    publisher.noticed(kind, { namespace: 'shop', name, ...(now !== undefined && { version: now }) })
  }
  return {
    ...{ publisher, requests, drifts, there, tell },
    tellAll() {
      tell('ConfigMap', 'outrigger-config')
      tell('Secret', 'outrigger-credentials')
    },
    /** Somebody else writes it. */
    edit: (name: string) => void there.set(name, { version: String(++version), body: 'edited' }),
    onRequest: (run: (name: string) => void) => {
      onRequest = run
    },
  }
}

const CONFIG = 'configmaps outrigger-config'
const SECRET = 'secrets outrigger-credentials'

test('writes the credentials before the document that names them', async () => {
  const { publisher, requests } = start()
  expect(await publisher.publish('shop', rendered('1', 'WithCredential'))).toBe('Written')
  expect(requests).toEqual([`PATCH ${SECRET}`, `PATCH ${CONFIG}`])
})

test('takes credentials away behind the document that no longer names them, whatever the watch knows', async () => {
  const { publisher, requests, drifts, tellAll } = start()
  await publisher.publish('shop', rendered('1', 'WithCredential'))
  await publisher.publish('shop', rendered('2'))
  expect(requests.slice(2)).toEqual([`PATCH ${CONFIG}`, `DELETE ${SECRET}`])
  tellAll()
  expect(drifts).toEqual([])
})

test('does not write what it wrote', async () => {
  const { publisher, requests, tellAll, drifts } = start()
  await publisher.publish('shop', rendered('1', 'WithCredential'))
  tellAll()
  expect(await publisher.publish('shop', rendered('1', 'WithCredential'))).toBe('Unchanged')
  expect([requests.length, drifts]).toEqual([2, []])
})

test('tells from the versions that somebody wrote the same before', async () => {
  const first = start()
  await first.publisher.publish('shop', rendered('1'))
  first.tellAll()
  first.publisher.forget('shop')
  expect(await first.publisher.publish('shop', rendered('1'))).toBe('Unchanged')
  expect(await first.publisher.publish('shop', rendered('2'))).toBe('Written')
})

type Started = ReturnType<typeof start>

test.each<[name: string, happens: (it: Started) => void, drifts: number]>([
  ['its own writing', ({ tellAll }) => tellAll(), 0],
  [
    'an edit',
    ({ edit, tell }) => {
      edit(CONFIG)
      tell('ConfigMap', 'outrigger-config')
    },
    1,
  ],
  [
    'a deletion',
    ({ there, tellAll }) => {
      tellAll()
      there.delete(SECRET)
      tellAll()
    },
    1,
  ],
  [
    'a shard that is none of its own',
    ({ edit, tell }) => {
      edit('configmaps outrigger-config-3')
      tell('ConfigMap', 'outrigger-config-3')
    },
    1,
  ],
])('tells %s from what it left', async (_name, happens, drifts) => {
  const it = start()
  await it.publisher.publish('shop', rendered('1', 'WithCredential'))
  happens(it)
  expect(it.drifts).toHaveLength(drifts)
  if (drifts === 0) return
  await it.publisher.publish('shop', rendered('1', 'WithCredential'))
  it.tellAll()
  expect(it.drifts).toHaveLength(drifts)
  expect(it.there.get(CONFIG)?.body).not.toBe('edited')
})

test.each<[name: string, happens: (it: Started) => void]>([
  [
    'edits behind it',
    ({ edit, tell }) => {
      edit(SECRET)
      tell('Secret', 'outrigger-credentials')
    },
  ],
  [
    'deletes behind it',
    ({ there, tell }) => {
      there.delete(SECRET)
      tell('Secret', 'outrigger-credentials')
    },
  ],
])('notices who %s while it writes', async (_name, happens) => {
  const it = start()
  it.onRequest((name) => name === CONFIG && happens(it))
  await it.publisher.publish('shop', rendered('1', 'WithCredential'))
  expect(it.drifts).toEqual(['shop'])
})

test('writes only what differs', async () => {
  const { publisher, requests } = start()
  await publisher.publish('shop', rendered('1', 'WithCredential'))
  await publisher.publish('shop', rendered('2', 'WithCredential'))
  const written = requests.slice(2).filter((request) => request === `PATCH ${CONFIG}`)
  expect(written).toHaveLength(1)
})

test('goes on after a failure', async () => {
  const it = start()
  it.onRequest((name) => {
    if (name === CONFIG) throw new KubeError('no', { status: 500, reason: 'x' })
  })
  await expect(it.publisher.publish('shop', rendered('1', 'WithCredential'))).rejects.toThrow('no')
  it.onRequest(() => {})
  await it.publisher.publish('shop', rendered('1', 'WithCredential'))
  expect(it.requests).toEqual([`PATCH ${SECRET}`, `PATCH ${CONFIG}`, `PATCH ${CONFIG}`])
})

test('withdraws the document first, and what the watch has not shown yet too', async () => {
  const it = start()
  await it.publisher.publish('shop', rendered('1', 'WithCredential'))
  expect(it.publisher.holds('shop')).toBe(true)
  await it.publisher.withdraw('shop')
  expect(it.requests.slice(2)).toEqual([`DELETE ${CONFIG}`, `DELETE ${SECRET}`])
  expect(it.publisher.holds('shop')).toBe(false)
  it.tellAll()
  expect(it.drifts).toEqual([])
})

test('looks again where something of its own turns up that it did not leave', () => {
  const it = start()
  it.edit(CONFIG)
  it.tell('ConfigMap', 'outrigger-config')
  expect(it.drifts).toEqual(['shop'])
  expect(it.publisher.holds('shop')).toBe(true)
})

test('doubts what the watch does not show, and writes it again', async () => {
  const it = start()
  await it.publisher.publish('shop', rendered('1'))
  expect(it.publisher.isUnseen('shop')).toBe(true)
  // Deleted before the watch began again, which will never tell of it.
  it.there.clear()
  it.publisher.doubt('shop')
  await it.publisher.publish('shop', rendered('1'))
  it.tellAll()
  expect([it.there.size, it.publisher.isUnseen('shop'), it.drifts]).toEqual([1, false, []])
})
