// A replica of the operator as it runs in a cluster, from the watches to the statuses: against an API server, kubelets and
// sidecars in this process, in virtual time. What is published is read by the sidecar's own code.
import { afterEach, describe, expect, test } from '@jest/globals'
import type { LLMProvider, LLMProviderSpec } from '../../operator/api/llm-provider.ts'
import type { LLMRouteRule } from '../../operator/api/llm-route.ts'
import { publishedDocument } from '../support/fake-node.ts'
import { llmProvider, llmRoute, ruleTo } from '../support/resources.ts'
import {
  apply,
  type ClusterInProcess,
  type ClusterOptions,
  conditionOf,
  createClusterInProcess,
  finished,
  namespace,
  placeOf,
  type ReplicaChange,
  type StartedReplica,
  secret,
  statusOf,
} from './cluster-in-process.ts'

/** In no log, status, event, ConfigMap or metric. */
const KEY = 'sk-canary-0123456789'
const FROM_ALL: LLMProviderSpec['access'] = { namespaces: { from: 'All' } }

let cluster: ClusterInProcess

afterEach(async () => {
  expect(await cluster.close()).toBe(0)
})

function openCluster(options: ClusterOptions = {}): ClusterInProcess {
  cluster = createClusterInProcess(options)
  for (const name of ['ai', 'shop', 'other']) apply(cluster.store, namespace(name))
  return cluster
}

function provider(id: string, change: Partial<LLMProviderSpec> = {}): LLMProvider {
  return llmProvider(id, {
    credentials: [{ name: 'primary', secretRef: { name: 'keys', key: 'api-key' }, weight: 1 }],
    models: [{ name: 'gpt-5-mini' }],
    access: FROM_ALL,
    ...change,
  })
}

function applyAll(...objects: Parameters<typeof apply>[1][]): void {
  for (const object of objects) apply(cluster.store, object)
}

/** A provider for all namespaces, a route to it, and a pod that runs. */
async function openShop(options: ClusterOptions = {}, change: ReplicaChange = {}): Promise<StartedReplica> {
  openCluster(options)
  applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'), route('shop/chat', 'ai/openai'))
  const replica = cluster.replica('one', change)
  cluster.node.run('shop', 'web', { labels: { app: 'web' } })
  await cluster.advance(5_000)
  return replica
}

function route(id: string, target: string, app?: string, rule: Partial<LLMRouteRule> = {}) {
  const it = llmRoute(id, [{ ...ruleTo(target), ...rule }])
  if (app !== undefined) it.spec.workloads = { matchLabels: { app } }
  return it
}

function timeouts(firstByte: string): Partial<LLMRouteRule> {
  return { timeouts: { firstByte } }
}

function remove(kind: string, id: string): void {
  cluster.store.delete(placeOf(kind, id))
}

function find(kind: string, id: string) {
  return cluster.store.find(placeOf(kind, id))
}

function revisionOf(ns: string): string | undefined {
  const text = publishedDocument(cluster.store, ns)
  return text && JSON.parse(text).revision
}

function runs(ns: string, name: string): string | undefined {
  return cluster.node.sidecar(ns, name)?.configuration.current?.runtime.config.revision
}

function programmed(kind: string, id: string): string | undefined {
  return conditionOf(cluster.store, kind, id, 'Programmed')
}

function sidecarsOf(kind: string, id: string): unknown[] {
  const { total, current, outdated } = statusOf(cluster.store, kind, id)?.sidecars ?? {}
  return [total, current, outdated]
}

function nudged(): string[] {
  return cluster.writes
    .filter((write) => /^PATCH [^/]+\/pods\//.test(write))
    .map((write) => write.split('/').at(-1) ?? '')
}

describe('what is published', () => {
  test('is a document that the sidecars of the namespace run, with its credentials', async () => {
    await openShop()
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    const { current } = cluster.node.sidecar('shop', 'web')?.configuration ?? {}
    expect(current?.runtime.rules.map(({ config }) => config.name)).toEqual(['all'])
    const data = find('Secret', 'shop/outrigger-credentials')?.data as Record<string, string>
    expect(Object.values(data).map((value) => Buffer.from(value, 'base64').toString())).toEqual([KEY])
    expect(current?.complete).toBe(true)
  })

  test('is there before the first pod of a namespace starts', async () => {
    openCluster()
    applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'))
    cluster.replica('one')
    await cluster.advance(2_000)
    expect(revisionOf('shop')).toBeUndefined()
    cluster.node.run('shop', 'web')
    await cluster.advance(150)
    expect(revisionOf('shop')).toBeDefined()
    await cluster.advance(5_000)
    expect(nudged()).toEqual([])
    expect(cluster.node.sidecar('shop', 'web')?.adopted).toEqual([revisionOf('shop')])
  })

  test('reaches pods that were there before any operator', async () => {
    openCluster()
    cluster.node.run('shop', 'web')
    await cluster.advance(5_000)
    applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'))
    cluster.replica('one')
    await cluster.advance(3_000)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    expect(nudged()).toEqual(['web'])
  })

  test('goes a minute after the last pod, and not when the next pod comes before', async () => {
    await openShop()
    cluster.node.remove('shop', 'web')
    await cluster.advance(30_000)
    cluster.node.run('shop', 'next')
    await cluster.advance(60_000)
    expect(revisionOf('shop')).toBeDefined()
    cluster.node.remove('shop', 'next', 'Forced')
    await cluster.advance(50_000)
    expect(revisionOf('shop')).toBeDefined()
    await cluster.advance(20_000)
    expect(find('ConfigMap', 'shop/outrigger-config')).toBeUndefined()
    expect(find('Secret', 'shop/outrigger-credentials')).toBeUndefined()
    expect(statusOf(cluster.store, 'LLMRoute', 'shop/chat')?.sidecars).toMatchObject({ total: 0 })
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True NoSidecars')
  })

  test('leaves a Secret of that name alone that somebody else made, where nothing is to be published', async () => {
    openCluster()
    applyAll(secret('other/outrigger-credentials', { mine: 'x' }))
    cluster.replica('one')
    await cluster.advance(120_000)
    expect(find('Secret', 'other/outrigger-credentials')?.data).toHaveProperty('mine')
  })

  test.each<[name: string, damage: () => void]>([
    [
      'edited',
      () => {
        const found = find('ConfigMap', 'shop/outrigger-config')
        apply(cluster.store, { ...found, data: { 'config.json': '{}' } } as never)
      },
    ],
    ['deleted', () => remove('ConfigMap', 'shop/outrigger-config')],
    ['robbed of its credentials', () => remove('Secret', 'shop/outrigger-credentials')],
  ])('is there again after it was %s', async (_name, damage) => {
    await openShop()
    const before = [publishedDocument(cluster.store, 'shop'), find('Secret', 'shop/outrigger-credentials')?.data]
    damage()
    await cluster.advance(2_000)
    const after = [publishedDocument(cluster.store, 'shop'), find('Secret', 'shop/outrigger-credentials')?.data]
    expect(after).toEqual(before)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
  })

  test('is not fought for without a pause', async () => {
    await openShop()
    cluster.store.subscribe(({ collection, object }) => {
      const data = object.data as Record<string, string> | undefined
      if (collection !== '/api/v1/configmaps' || data?.['config.json'] === '{}') return
      cluster.clock.startTimer(
        () =>
          apply(cluster.store, { ...object, metadata: withoutVersion(object), data: { 'config.json': '{}' } } as never),
        5,
      )
    })
    apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    const before = cluster.writes.length
    await cluster.advance(60_000)
    const written = cluster.writes.slice(before).filter((write) => write.includes('configmaps'))
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
    cluster.replica('one')
    for (const name of ['a1', 'a2', 'b1']) cluster.node.run('shop', name, { labels: { app: name.slice(0, 1) } })
    await cluster.advance(5_000)
    expect(nudged()).toEqual([])
    apply(cluster.store, route('shop/a', 'ai/openai', 'a', timeouts('7s')))
    await cluster.advance(5_000)
    expect(nudged().sort()).toEqual(['a1', 'a2'])
    expect(runs('shop', 'a1')).toBe(revisionOf('shop'))
    expect(runs('shop', 'b1')).not.toBe(revisionOf('shop'))
    expect(sidecarsOf('LLMRoute', 'shop/a')).toEqual([2, 2, 0])
    expect(sidecarsOf('LLMRoute', 'shop/b')).toEqual([1, 1, 0])
  })

  test('is there within a second', async () => {
    await openShop()
    for (const firstByte of ['7s', '8s', '9s']) {
      apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts(firstByte)))
      await cluster.advance(1_000)
      expect(runs('shop', 'web')).toBe(revisionOf('shop'))
      expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
    }
  })

  test('that is taken back at once leaves nobody behind', async () => {
    await openShop()
    const before = revisionOf('shop')
    apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster.advance(40)
    expect(revisionOf('shop')).not.toBe(before)
    apply(cluster.store, route('shop/chat', 'ai/openai'))
    await cluster.advance(5_000)
    expect(revisionOf('shop')).toBe(before)
    expect(runs('shop', 'web')).toBe(before)
  })

  test('for more pods than may be nudged is left to the kubelets', async () => {
    await openShop({}, { nudgePodsMax: 1 })
    cluster.node.run('shop', 'web-2', { labels: { app: 'web' } })
    await cluster.advance(5_000)
    const before = nudged().length
    apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster.advance(5_000)
    expect(programmed('LLMRoute', 'shop/chat')).toBe('False Pending')
    await cluster.advance(240_000)
    expect(nudged()).toHaveLength(before)
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
    expect(runs('shop', 'web-2')).toBe(revisionOf('shop'))
  })

  test('is nudged for again where a kubelet mounts what it had before', async () => {
    await openShop({ staleReads: 0.7 })
    for (const firstByte of ['7s', '8s', '9s', '10s']) {
      apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts(firstByte)))
      await cluster.advance(120_000)
      expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    }
  })

  test('of a key reaches the sidecars with the document that names it', async () => {
    await openShop()
    const before = revisionOf('shop')
    apply(cluster.store, secret('ai/keys', { 'api-key': `${KEY}-2` }))
    await cluster.advance(2_000)
    expect(revisionOf('shop')).not.toBe(before)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    const { current } = cluster.node.sidecar('shop', 'web')?.configuration ?? {}
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
            await new Promise<void>((resolve) => cluster.clock.startTimer(resolve, 300))
          }
          return client.request<Answer>(request, signal)
        },
      }),
    }
    await openShop({}, slowly)
    apply(cluster.store, secret('ai/more', { 'api-key': KEY }))
    const events = cluster.store.list('/apis/events.k8s.io/v1/events').length
    const documents = seenDocuments('shop')
    const other = [{ name: 'primary', secretRef: { name: 'more', key: 'api-key' }, weight: 1 }]
    apply(cluster.store, provider('ai/openai', { credentials: other }))
    apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster.advance(5_000)
    expect(documents().map(({ providers }) => providers.length)).not.toContain(0)
    expect(cluster.store.list('/apis/events.k8s.io/v1/events')).toHaveLength(events)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
  })

  test('of a pod’s labels gives it the routes of its labels', async () => {
    await openShop()
    apply(cluster.store, route('shop/batch', 'ai/openai', 'batch'))
    await cluster.advance(2_000)
    expect(sidecarsOf('LLMRoute', 'shop/batch')).toEqual([0, 0, 0])
    const pod = find('Pod', 'shop/web')
    const labels = { ...pod?.metadata.labels, app: 'batch' }
    apply(cluster.store, { ...pod, metadata: { ...pod?.metadata, labels } } as never)
    await cluster.advance(2_000)
    expect(sidecarsOf('LLMRoute', 'shop/batch')).toEqual([1, 1, 0])
  })
})

/** All documents that are published from now on. */
function seenDocuments(ns: string): () => { providers: unknown[] }[] {
  const texts: string[] = []
  cluster.store.subscribe(({ collection, object, type }) => {
    const data = object.data as Record<string, string> | undefined
    const text = data?.['config.json']
    if (collection === '/api/v1/configmaps' && object.metadata.namespace === ns && type !== 'DELETED' && text)
      texts.push(text)
  })
  return () => texts.map((text) => JSON.parse(text))
}

describe('a provider', () => {
  test('is counted where it is used, also in other namespaces', async () => {
    await openShop()
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([1, 1, 0])
    cluster.node.run('other', 'job')
    await cluster.advance(3_000)
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([2, 2, 0])
    cluster.node.remove('other', 'job', 'Forced')
    await cluster.advance(3_000)
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([1, 1, 0])
  })

  test('is never said to be programmed before the sidecars of all namespaces run it', async () => {
    await openShop()
    cluster.node.run('other', 'job')
    await cluster.advance(3_000)
    const early: string[] = []
    cluster.store.subscribe(({ collection, object }) => {
      if (!collection.endsWith('/llmproviders')) return
      const { metadata, status } = object as never as { metadata: { generation: number }; status?: never }
      const said = status as undefined | { observedGeneration: number; conditions: { type: string; status: string }[] }
      if (said?.observedGeneration !== metadata.generation) return
      if (said.conditions.find(({ type }) => type === 'Programmed')?.status !== 'True') return
      const models = (object.spec as LLMProviderSpec).models.length
      for (const { pod, configuration } of cluster.node.sidecars()) {
        const run = configuration.current?.runtime.config.providers[0]?.models.length
        if (run !== models) early.push(`${pod} has ${run} models of ${models}`)
      }
    })
    for (let count = 2; count < 6; count++) {
      const models = Array.from({ length: count }, (_, i) => ({ name: `m-${i}` }))
      apply(cluster.store, provider('ai/openai', { models }))
      await cluster.advance(2_000)
      expect(programmed('LLMProvider', 'ai/openai')).toBe('True Programmed')
    }
    expect(early).toEqual([])
  })

  test('that closes is taken away, and one that opens is given', async () => {
    await openShop()
    apply(cluster.store, provider('ai/openai', { access: { namespaces: { from: 'Same' } } }))
    await cluster.advance(3_000)
    expect(conditionOf(cluster.store, 'LLMRoute', 'shop/chat', 'ResolvedRefs')).toBe('False RefNotPermitted')
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([0, 0, 0])
    expect(find('Secret', 'shop/outrigger-credentials')).toBeUndefined()
    const selector = { matchLabels: { ai: 'allowed' } }
    apply(cluster.store, provider('ai/openai', { access: { namespaces: { from: 'Selector', selector } } }))
    await cluster.advance(3_000)
    expect(conditionOf(cluster.store, 'LLMRoute', 'shop/chat', 'ResolvedRefs')).toBe('False RefNotPermitted')
    apply(cluster.store, namespace('shop', { ai: 'allowed' }))
    await cluster.advance(3_000)
    expect(conditionOf(cluster.store, 'LLMRoute', 'shop/chat', 'ResolvedRefs')).toBe('True ResolvedRefs')
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([1, 1, 0])
  })

  test('that is deleted and made anew gets its own status', async () => {
    await openShop()
    remove('LLMProvider', 'ai/openai')
    await cluster.advance(2_000)
    expect(conditionOf(cluster.store, 'LLMRoute', 'shop/chat', 'ResolvedRefs')).toBe('False ProviderNotFound')
    apply(cluster.store, provider('ai/openai'))
    await cluster.advance(2_000)
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([1, 1, 0])
    remove('LLMProvider', 'ai/openai')
    apply(cluster.store, provider('ai/openai'))
    await cluster.advance(2_000)
    expect(programmed('LLMProvider', 'ai/openai')).toBe('True Programmed')
  })

  test('whose Secret may not be read waits for the right', async () => {
    let forbidden = true
    const between: ReplicaChange['between'] = (client) => ({
      ...client,
      async request<Answer>(...[request, signal]: Parameters<typeof client.request>) {
        if (forbidden && request.path.endsWith('/secrets/keys')) throw Object.assign(new Error('no'), { status: 403 })
        return client.request<Answer>(request, signal)
      },
    })
    const { log } = await openShop({}, { between })
    expect(conditionOf(cluster.store, 'LLMProvider', 'ai/openai', 'ResolvedRefs')).toBe('False SecretNotFound')
    expect(log.lines.find(({ level }) => level === 'error')?.fields.object).toBe('Secret ai/keys')
    forbidden = false
    await cluster.advance(70_000)
    expect(conditionOf(cluster.store, 'LLMProvider', 'ai/openai', 'ResolvedRefs')).toBe('True ResolvedRefs')
  })
})

describe('a status', () => {
  test('does not flicker while pods come', async () => {
    await openShop()
    const seen = new Set<string | undefined>()
    cluster.store.subscribe(({ collection }) => {
      if (collection.endsWith('/llmroutes')) seen.add(programmed('LLMRoute', 'shop/chat'))
    })
    for (const name of ['b', 'c', 'd']) cluster.node.run('shop', name, { labels: { app: 'web' } })
    await cluster.advance(10_000)
    expect(sidecarsOf('LLMRoute', 'shop/chat')).toEqual([4, 4, 0])
    expect([...seen]).toEqual(['True Programmed'])
  })

  test('says which sidecar cannot be asked, and nudges it once for a change', async () => {
    await openShop()
    const sidecar = cluster.node.sidecar('shop', 'web')
    if (sidecar) sidecar.unreachable = true
    const before = nudged().length
    apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster.advance(120_000)
    expect(nudged()).toHaveLength(before + 1)
    expect(programmed('LLMRoute', 'shop/chat')).toBe('Unknown SidecarsUnreachable')
    if (sidecar) sidecar.unreachable = false
    await cluster.advance(120_000)
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
  })

  test('counts pods without a sidecar, and tells the pod once', async () => {
    await openShop()
    cluster.node.run('shop', 'bare', { labels: { app: 'web' }, without: 'Sidecar' })
    await cluster.advance(2_000)
    expect(statusOf(cluster.store, 'LLMRoute', 'shop/chat')?.sidecars).toMatchObject({ total: 1, missing: 1 })
    const events = (): unknown[] =>
      cluster.store.list('/apis/events.k8s.io/v1/events').filter(({ reason }) => reason === 'SidecarMissing')
    expect(events()).toHaveLength(1)
    cluster.replica('two')
    await cluster.advance(60_000)
    expect(events()).toHaveLength(1)
  })

  test('follows a sidecar that is started again, and does not count one that cannot start', async () => {
    await openShop()
    cluster.node.restart('shop', 'web')
    await cluster.advance(2_000)
    expect(sidecarsOf('LLMRoute', 'shop/chat')).toEqual([1, 1, 0])
    const pod = find('Pod', 'shop/web')
    const initContainerStatuses = [{ name: 'outrigger', restartCount: 2, started: false, state: { waiting: {} } }]
    const place = placeOf('Pod', 'shop/web')
    cluster.store.update(
      place,
      { ...pod, status: { ...(pod?.status as object), initContainerStatuses } } as never,
      'Status',
    )
    await cluster.advance(2_000)
    expect(sidecarsOf('LLMRoute', 'shop/chat')).toEqual([0, 0, 0])
  })

  test('that somebody else wrote is put right', async () => {
    await openShop()
    const found = find('LLMRoute', 'shop/chat')
    cluster.store.update(placeOf('LLMRoute', 'shop/chat'), { ...found, status: { conditions: [] } } as never, 'Status')
    await cluster.advance(2_000)
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
  })

  test.each<[reason: string, kind: string, id: string, type: string, break_: () => void]>([
    ['False SecretNotFound', 'LLMProvider', 'ai/openai', 'ResolvedRefs', () => remove('Secret', 'ai/keys')],
    [
      'False SecretKeyNotFound',
      'LLMProvider',
      'ai/openai',
      'ResolvedRefs',
      () => apply(cluster.store, secret('ai/keys', { other: 'x' })),
    ],
    [
      'False InvalidSecretType',
      'LLMProvider',
      'ai/openai',
      'ResolvedRefs',
      () => apply(cluster.store, provider('ai/openai', { tls: { clientCertificateRef: { name: 'keys' } } })),
    ],
    [
      'False InvalidCertificate',
      'LLMProvider',
      'ai/openai',
      'Accepted',
      () => apply(cluster.store, provider('ai/openai', { tls: { caBundle: 'no certificate' } })),
    ],
    ['False ProviderUnusable', 'LLMProvider', 'ai/openai', 'Programmed', () => remove('Secret', 'ai/keys')],
    ['False ProviderUnusable', 'LLMRoute', 'shop/chat', 'ResolvedRefs', () => remove('Secret', 'ai/keys')],
    ['False RuleUnavailable', 'LLMRoute', 'shop/chat', 'Programmed', () => remove('Secret', 'ai/keys')],
    ['False ProviderNotFound', 'LLMRoute', 'shop/chat', 'ResolvedRefs', () => remove('LLMProvider', 'ai/openai')],
    [
      'False RefNotPermitted',
      'LLMRoute',
      'shop/chat',
      'ResolvedRefs',
      () => apply(cluster.store, provider('ai/openai', { access: { namespaces: { from: 'Same' } } })),
    ],
    [
      'False ModelNotFound',
      'LLMRoute',
      'shop/chat',
      'ResolvedRefs',
      () => {
        const broken = llmRoute('shop/chat', [ruleTo('ai/openai')])
        Object.assign(broken.spec.rules[0]?.backends[0] ?? {}, { model: 'nobody' })
        apply(cluster.store, broken)
      },
    ],
    [
      'False ConfigTooLarge',
      'LLMRoute',
      'shop/chat',
      'Programmed',
      () => apply(cluster.store, provider('ai/openai', { tls: undefined, credentials: hugeCredentials() } as never)),
    ],
    ['True NoSidecars', 'LLMRoute', 'shop/chat', 'Programmed', () => cluster.node.remove('shop', 'web')],
    ['True Programmed', 'LLMRoute', 'shop/chat', 'Programmed', () => {}],
    ['True Accepted', 'LLMRoute', 'shop/chat', 'Accepted', () => {}],
    ['True ResolvedRefs', 'LLMProvider', 'ai/openai', 'ResolvedRefs', () => {}],
  ])('says %s of an %s', async (expected, kind, id, type, break_) => {
    await openShop()
    break_()
    await cluster.advance(3_000)
    expect(conditionOf(cluster.store, kind, id, type)).toBe(expected)
  })
})

/** Together more than a Secret holds. */
function hugeCredentials(): LLMProviderSpec['credentials'] {
  apply(cluster.store, secret('ai/keys', { 'api-key': 'x'.repeat(600 * 1024), more: 'y'.repeat(600 * 1024) }))
  return ['api-key', 'more'].map((key) => ({ name: key, secretRef: { name: 'keys', key }, weight: 1 }))
}

describe('an operator', () => {
  test('that starts again writes nothing that is there', async () => {
    const first = await openShop()
    await cluster.advance(5_000)
    const changes = changesBut('leases')
    await first.stop()
    cluster.replica('one')
    await cluster.advance(30_000)
    expect(changes()).toEqual([])
    expect(nudged()).toEqual([])
  })

  test('that is killed is followed by another, which goes on; what it did not hear of it does not undo', async () => {
    const first = await openShop()
    const second = cluster.replica('two')
    await cluster.advance(5_000)
    expect([first, second].map(({ replica }) => replica.isLeader())).toEqual([true, false])
    first.kill()
    apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster.advance(30_000)
    expect(second.replica.isLeader()).toBe(true)
    expect(first.replica.isLeader()).toBe(false)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
  })

  test('that lost its lease writes nothing any more, nor what was under way', async () => {
    let held: (() => void)[] = []
    let hold = false
    const between: ReplicaChange['between'] = (client) => ({
      ...client,
      async request<Answer>(...[request, signal]: Parameters<typeof client.request>) {
        const isLease = request.path.includes('leases')
        if (isLease && hold) throw Object.assign(new Error('no'), { status: 500 })
        if (request.method !== 'GET' && hold) await new Promise<void>((resolve) => held.push(resolve))
        if (signal?.aborted) throw Object.assign(new Error('aborted'), { status: 0 })
        return client.request<Answer>(request, signal)
      },
    })
    const first = await openShop({}, { between })
    hold = true
    apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster.advance(20_000)
    expect(first.replica.isLeader()).toBe(false)
    expect(held.length).toBeGreaterThan(0)
    const before = cluster.writes.length
    for (const go of held) go()
    held = []
    await cluster.advance(1_000)
    expect(cluster.writes.slice(before)).toEqual([])
    hold = false
    await cluster.advance(20_000)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
  })

  test('ends in time, also when nobody answers it', async () => {
    const first = await openShop()
    cluster.core.faults.set({ hang: 1 })
    apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster.advance(1_000)
    const before = cluster.clock.now()
    await first.stop()
    expect(cluster.clock.now() - before).toBeLessThan(6_000)
  })

  test('ends at once while it has not seen the cluster yet', async () => {
    openCluster({ faults: { hang: 1 } })
    const first = cluster.replica('one')
    await cluster.advance(1_000)
    await finished(first.stop(), cluster.clock)
  })

  test('goes on when the API server was away for minutes', async () => {
    await openShop()
    cluster.core.faults.set({ serverError: 1 })
    apply(cluster.store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster.advance(600_000)
    cluster.core.faults.set({})
    await cluster.advance(90_000)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
    expect(statusOf(cluster.store, 'LLMRoute', 'shop/chat')?.observedGeneration).toBe(2)
  })

  test('leaves a namespace alone that goes', async () => {
    const { log } = await openShop()
    const place = placeOf('Namespace', 'shop')
    const found = cluster.store.get(place)
    cluster.store.update(
      place,
      { ...found, metadata: { ...found.metadata, finalizers: ['kubernetes'] } } as never,
      'Main',
    )
    cluster.store.delete(place)
    await cluster.advance(100)
    const before = cluster.writes.length
    remove('ConfigMap', 'shop/outrigger-config')
    remove('Secret', 'shop/outrigger-credentials')
    await cluster.advance(5_000)
    cluster.node.remove('shop', 'web')
    remove('LLMRoute', 'shop/chat')
    await cluster.advance(5_000)
    cluster.store.update(place, { ...cluster.store.get(place), metadata: { finalizers: [] } } as never, 'Main')
    await cluster.advance(60_000)
    const written = cluster.writes
      .slice(before)
      .filter((write) => /^(PATCH|POST|DELETE) shop\/(configmaps|secrets)/.test(write))
    expect(written).toEqual([])
    expect(log.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([0, 0, 0])
    applyAll(namespace('shop'), route('shop/chat', 'ai/openai'))
    cluster.node.run('shop', 'web')
    await cluster.advance(5_000)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([1, 1, 0])
  })

  test('that may watch some namespaces only serves these', async () => {
    openCluster()
    applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'), route('shop/chat', 'ai/openai'))
    cluster.replica('one', { namespaces: ['ai', 'shop'] })
    cluster.node.run('shop', 'web')
    cluster.node.run('other', 'job')
    await cluster.advance(5_000)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    expect(revisionOf('other')).toBeUndefined()
    expect(programmed('LLMProvider', 'ai/openai')).toBe('True Programmed')
  })

  test('stops writing when nothing happens', async () => {
    await openShop()
    await cluster.advance(60_000)
    const changes = changesBut('leases')
    const before = cluster.writes.filter((write) => !write.includes('leases')).length
    await cluster.advance(3_600_000)
    expect(changes()).toEqual([])
    expect(cluster.writes.filter((write) => !write.includes('leases'))).toHaveLength(before)
  })

  test('repeats a key nowhere', async () => {
    const { log, metrics } = await openShop()
    apply(cluster.store, secret('ai/keys', { 'api-key': `${KEY}-2` }))
    cluster.core.faults.set({ serverError: 0.5 })
    await cluster.advance(20_000)
    cluster.core.faults.set({})
    await cluster.advance(60_000)
    const elsewhere = [...cluster.store.since(0)].filter(({ collection }) => collection !== '/api/v1/secrets')
    const told = JSON.stringify([elsewhere, log.lines.map(({ fields, ...line }) => [line, printable(fields)])])
    for (const key of [KEY, Buffer.from(KEY).toString('base64').slice(0, 12)]) {
      expect(told.includes(key)).toBe(false)
      expect((await metrics.registry.metrics()).includes(key)).toBe(false)
    }
  })

  test('shows in its metrics what is there, and nothing of what is gone', async () => {
    const { metrics } = await openShop()
    remove('Secret', 'ai/keys')
    await cluster.advance(3_000)
    const during = await metrics.registry.metrics()
    expect(during).toContain(
      'outrigger_operator_problems{kind="LLMProvider",namespace="ai",name="openai",reason="SecretNotFound"} 1',
    )
    expect(during).toContain('outrigger_operator_sidecars{namespace="shop",state="current"} 1')
    remove('LLMProvider', 'ai/openai')
    remove('LLMRoute', 'shop/chat')
    cluster.node.remove('shop', 'web')
    await cluster.advance(90_000)
    const after = await metrics.registry.metrics()
    expect(after).not.toMatch(/outrigger_operator_(problems|sidecars)\{/)
  })
})

/** An Error's own words, which JSON would leave out. */
function printable(fields: object): unknown {
  return JSON.parse(
    JSON.stringify(fields, (_name, value) =>
      value instanceof Error ? { ...value, text: String(value.stack) } : value,
    ),
  )
}

/** Changes of objects from now on: `MODIFIED shop/web`. */
function changesBut(collection: string): () => string[] {
  const changes: string[] = []
  cluster.store.subscribe(({ collection: changed, type, object: { metadata } }) => {
    if (!changed.endsWith(collection)) changes.push(`${type} ${changed} ${metadata.namespace}/${metadata.name}`)
  })
  return () => changes
}
