// What a replica of the operator publishes, and when, in a cluster that is in this process. What is published is read by the sidecar's
// own code.
import { describe, expect, test } from '@jest/globals'
import { publishedDocument } from '../support/fake-node.ts'
import { apply, type ReplicaChange, secret, statusOf } from './cluster-in-process.ts'
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
  remove,
  revisionOf,
  route,
  runs,
  sidecarsOf,
  timeouts,
} from './shop-in-process.ts'

describe('what is published', () => {
  test('is a document that the sidecars of the namespace run, with its credentials', async () => {
    await openShop()
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    const { current } = cluster().node.sidecar('shop', 'web')?.configuration ?? {}
    expect(current?.runtime.rules.map(({ config }) => config.name)).toEqual(['all'])
    const data = find('Secret', 'shop/outrigger-credentials')?.data as Record<string, string>
    expect(Object.values(data).map((value) => Buffer.from(value, 'base64').toString())).toEqual([KEY])
    expect(current?.complete).toBe(true)
  })

  test('is there before the first pod of a namespace starts', async () => {
    openCluster()
    applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'))
    cluster().replica('one')
    await cluster().advance(2_000)
    expect(revisionOf('shop')).toBeUndefined()
    cluster().node.run('shop', 'web')
    await cluster().advance(150)
    expect(revisionOf('shop')).toBeDefined()
    await cluster().advance(5_000)
    expect(nudged()).toEqual([])
    expect(cluster().node.sidecar('shop', 'web')?.adopted).toEqual([revisionOf('shop')])
  })

  test('reaches pods that were there before any operator', async () => {
    openCluster()
    cluster().node.run('shop', 'web')
    await cluster().advance(5_000)
    applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'))
    cluster().replica('one')
    await cluster().advance(3_000)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    expect(nudged()).toEqual(['web'])
  })

  test('is left as it is while it is only kept for the next pod, which gets what holds then', async () => {
    await openShop()
    const before = revisionOf('shop')
    cluster().node.remove('shop', 'web', 'Forced')
    await cluster().advance(5_000)
    applyAll(route('shop/chat', 'ai/openai', undefined, timeouts('9s')))
    await cluster().advance(5_000)
    expect(revisionOf('shop')).toBe(before)
    cluster().node.run('shop', 'next')
    await cluster().advance(5_000)
    expect(revisionOf('shop')).not.toBe(before)
    expect(runs('shop', 'next')).toBe(revisionOf('shop'))
  })

  test('goes a minute after the last pod, and not when the next pod comes before', async () => {
    await openShop()
    cluster().node.remove('shop', 'web')
    await cluster().advance(30_000)
    cluster().node.run('shop', 'next')
    await cluster().advance(60_000)
    expect(revisionOf('shop')).toBeDefined()
    cluster().node.remove('shop', 'next', 'Forced')
    await cluster().advance(50_000)
    expect(revisionOf('shop')).toBeDefined()
    await cluster().advance(20_000)
    expect(find('ConfigMap', 'shop/outrigger-config')).toBeUndefined()
    expect(find('Secret', 'shop/outrigger-credentials')).toBeUndefined()
    expect(statusOf(cluster().store, 'LLMRoute', 'shop/chat')?.sidecars).toMatchObject({ total: 0 })
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True NoSidecars')
  })

  test('leaves a Secret of that name alone that somebody else made, where nothing is to be published', async () => {
    openCluster()
    applyAll(secret('other/outrigger-credentials', { mine: 'x' }))
    cluster().replica('one')
    await cluster().advance(120_000)
    expect(find('Secret', 'other/outrigger-credentials')?.data).toHaveProperty('mine')
  })

  test.each<[name: string, damage: () => void]>([
    [
      'edited',
      () => {
        const found = find('ConfigMap', 'shop/outrigger-config')
        apply(cluster().store, { ...found, data: { 'config.json': '{}' } } as never)
      },
    ],
    ['deleted', () => remove('ConfigMap', 'shop/outrigger-config')],
    ['robbed of its credentials', () => remove('Secret', 'shop/outrigger-credentials')],
  ])('is there again after it was %s', async (_name, damage) => {
    await openShop()
    const before = [publishedDocument(cluster().store, 'shop'), find('Secret', 'shop/outrigger-credentials')?.data]
    damage()
    await cluster().advance(2_000)
    const after = [publishedDocument(cluster().store, 'shop'), find('Secret', 'shop/outrigger-credentials')?.data]
    expect(after).toEqual(before)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
  })

  test('is there again after it was deleted while nobody watched', async () => {
    const resumed = Promise.withResolvers<void>()
    const blind: ReplicaChange = {
      between: (client) => ({
        ...client,
        async watch(...[request, onEvent, signal]: Parameters<typeof client.watch>) {
          if (request.path.endsWith('/configmaps')) await resumed.promise
          return client.watch(request, onEvent, signal)
        },
      }),
    }
    await openShop({}, blind)
    expect(revisionOf('shop')).toBeDefined()
    remove('ConfigMap', 'shop/outrigger-config')
    cluster().store.compact()
    resumed.resolve()
    await cluster().advance(15_000)
    expect(revisionOf('shop')).toBeDefined()
  })

  test('is not fought for without a pause', async () => {
    await openShop()
    cluster().store.subscribe(({ collection, object }) => {
      const data = object.data as Record<string, string> | undefined
      if (collection !== '/api/v1/configmaps' || data?.['config.json'] === '{}') return
      cluster().clock.startTimer(
        () =>
          apply(cluster().store, {
            ...object,
            metadata: withoutVersion(object),
            data: { 'config.json': '{}' },
          } as never),
        5,
      )
    })
    apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    const before = cluster().writes.length
    await cluster().advance(60_000)
    const written = cluster()
      .writes.slice(before)
      .filter((write) => write.includes('configmaps'))
    expect(written.length).toBeLessThan(20)
  })
})

function withoutVersion({ metadata }: { metadata: object }): object {
  return { ...metadata, resourceVersion: undefined }
}

describe('a change', () => {
  test('of one route nudges its pods only, and once', async () => {
    openCluster()
    applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'))
    applyAll(route('shop/a', 'ai/openai', 'a'), route('shop/b', 'ai/openai', 'b'))
    cluster().replica('one')
    for (const name of ['a1', 'a2', 'b1']) cluster().node.run('shop', name, { labels: { app: name.slice(0, 1) } })
    await cluster().advance(5_000)
    expect(nudged()).toEqual([])
    apply(cluster().store, route('shop/a', 'ai/openai', 'a', timeouts('7s')))
    await cluster().advance(5_000)
    expect(nudged().sort()).toEqual(['a1', 'a2'])
    expect(runs('shop', 'a1')).toBe(revisionOf('shop'))
    expect(runs('shop', 'b1')).not.toBe(revisionOf('shop'))
    expect(sidecarsOf('LLMRoute', 'shop/a')).toEqual([2, 2, 0])
    expect(sidecarsOf('LLMRoute', 'shop/b')).toEqual([1, 1, 0])
  })

  test('is there within a second', async () => {
    await openShop()
    for (const firstByte of ['7s', '8s', '9s']) {
      apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts(firstByte)))
      await cluster().advance(1_000)
      expect(runs('shop', 'web')).toBe(revisionOf('shop'))
      expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
    }
  })

  test('that is taken back at once leaves nobody behind', async () => {
    await openShop()
    const before = revisionOf('shop')
    apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster().advance(40)
    expect(revisionOf('shop')).not.toBe(before)
    apply(cluster().store, route('shop/chat', 'ai/openai'))
    await cluster().advance(5_000)
    expect(revisionOf('shop')).toBe(before)
    expect(runs('shop', 'web')).toBe(before)
  })

  test('for more pods than may be nudged is left to the kubelets', async () => {
    await openShop({}, { nudgePodsMax: 1 })
    cluster().node.run('shop', 'web-2', { labels: { app: 'web' } })
    await cluster().advance(5_000)
    const before = nudged().length
    apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster().advance(5_000)
    expect(programmed('LLMRoute', 'shop/chat')).toBe('False Pending')
    await cluster().advance(240_000)
    expect(nudged()).toHaveLength(before)
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
    expect(runs('shop', 'web-2')).toBe(revisionOf('shop'))
  })

  test('is nudged for again where a kubelet mounts what it had before', async () => {
    await openShop({ staleReads: 0.7 })
    for (const firstByte of ['7s', '8s', '9s', '10s']) {
      apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts(firstByte)))
      await cluster().advance(120_000)
      expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    }
  })

  test('of a key reaches the sidecars with the document that names it', async () => {
    await openShop()
    const before = revisionOf('shop')
    apply(cluster().store, secret('ai/keys', { 'api-key': `${KEY}-2` }))
    await cluster().advance(2_000)
    expect(revisionOf('shop')).not.toBe(before)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    const { current } = cluster().node.sidecar('shop', 'web')?.configuration ?? {}
    const [file = ''] = current?.runtime.config.providers[0]?.credentials.map((credential) => credential.file) ?? []
    const data = find('Secret', 'shop/outrigger-credentials')?.data as Record<string, string>
    expect(Buffer.from(data[file] ?? '', 'base64').toString()).toBe(`${KEY}-2`)
  })

  test('to another Secret takes the provider from nobody while the Secret is read', async () => {
    const slowly: ReplicaChange = {
      between: (client) => ({
        ...client,
        async request<Answer>(...[request, signal]: Parameters<typeof client.request>) {
          if (request.path.endsWith('/secrets/more')) {
            await new Promise<void>((resolve) => cluster().clock.startTimer(resolve, 300))
          }
          return client.request<Answer>(request, signal)
        },
      }),
    }
    await openShop({}, slowly)
    apply(cluster().store, secret('ai/more', { 'api-key': KEY }))
    const events = cluster().store.list('/apis/events.k8s.io/v1/events').length
    const documents = seenDocuments('shop')
    const other = [{ name: 'primary', secretRef: { name: 'more', key: 'api-key' }, weight: 1 }]
    apply(cluster().store, provider('ai/openai', { credentials: other }))
    apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster().advance(5_000)
    expect(documents().map(({ providers }) => providers.length)).not.toContain(0)
    expect(cluster().store.list('/apis/events.k8s.io/v1/events')).toHaveLength(events)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
  })

  test('of a pod’s labels gives it the routes of its labels', async () => {
    await openShop()
    apply(cluster().store, route('shop/batch', 'ai/openai', 'batch'))
    await cluster().advance(2_000)
    expect(sidecarsOf('LLMRoute', 'shop/batch')).toEqual([0, 0, 0])
    const pod = find('Pod', 'shop/web')
    const labels = { ...pod?.metadata.labels, app: 'batch' }
    apply(cluster().store, { ...pod, metadata: { ...pod?.metadata, labels } } as never)
    await cluster().advance(2_000)
    expect(sidecarsOf('LLMRoute', 'shop/batch')).toEqual([1, 1, 0])
  })
})

/** All documents that are published from now on. */
function seenDocuments(ns: string): () => { providers: unknown[] }[] {
  const texts: string[] = []
  cluster().store.subscribe(({ collection, object, type }) => {
    const data = object.data as Record<string, string> | undefined
    const text = data?.['config.json']
    if (collection === '/api/v1/configmaps' && object.metadata.namespace === ns && type !== 'DELETED' && text)
      texts.push(text)
  })
  return () => texts.map((text) => JSON.parse(text))
}
