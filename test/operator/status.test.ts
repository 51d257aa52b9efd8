// What a replica of the operator tells in statuses, in a cluster that is in this process.
import { describe, expect, test } from '@jest/globals'
import type { LLMProviderSpec } from '../../operator/api/llm-provider.ts'
import { llmRoute, ruleTo } from '../support/resources.ts'
import { apply, conditionOf, namespace, placeOf, type ReplicaChange, secret, statusOf } from './cluster-in-process.ts'
import {
  cluster,
  find,
  nudged,
  openShop,
  programmed,
  provider,
  remove,
  route,
  sidecarsOf,
  timeouts,
} from './shop-in-process.ts'

describe('a provider', () => {
  test('is counted where it is used, also in other namespaces', async () => {
    await openShop()
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([1, 1, 0])
    cluster().node.run('other', 'job')
    await cluster().advance(3_000)
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([2, 2, 0])
    cluster().node.remove('other', 'job', 'Forced')
    await cluster().advance(3_000)
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([1, 1, 0])
  })

  test('is never said to be programmed before the sidecars of all namespaces run it', async () => {
    await openShop()
    cluster().node.run('other', 'job')
    await cluster().advance(3_000)
    const early: string[] = []
    cluster().store.subscribe(({ collection, object }) => {
      if (!collection.endsWith('/llmproviders')) return
      const { metadata, status } = object as never as { metadata: { generation: number }; status?: never }
      const said = status as undefined | { observedGeneration: number; conditions: { type: string; status: string }[] }
      if (said?.observedGeneration !== metadata.generation) return
      if (said.conditions.find(({ type }) => type === 'Programmed')?.status !== 'True') return
      const models = (object.spec as LLMProviderSpec).models.length
      for (const { pod, configuration } of cluster().node.sidecars()) {
        const run = configuration.current?.runtime.config.providers[0]?.models.length
        if (run !== models) early.push(`${pod} has ${run} models of ${models}`)
      }
    })
    for (let count = 2; count < 6; count++) {
      const models = Array.from({ length: count }, (_, i) => ({ name: `m-${i}` }))
      apply(cluster().store, provider('ai/openai', { models }))
      await cluster().advance(2_000)
      expect(programmed('LLMProvider', 'ai/openai')).toBe('True Programmed')
    }
    expect(early).toEqual([])
  })

  test('that closes is taken away, and one that opens is given', async () => {
    await openShop()
    apply(cluster().store, provider('ai/openai', { access: { namespaces: { from: 'Same' } } }))
    await cluster().advance(3_000)
    expect(conditionOf(cluster().store, 'LLMRoute', 'shop/chat', 'ResolvedRefs')).toBe('False RefNotPermitted')
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([0, 0, 0])
    expect(find('Secret', 'shop/outrigger-credentials')).toBeUndefined()
    const selector = { matchLabels: { ai: 'allowed' } }
    apply(cluster().store, provider('ai/openai', { access: { namespaces: { from: 'Selector', selector } } }))
    await cluster().advance(3_000)
    expect(conditionOf(cluster().store, 'LLMRoute', 'shop/chat', 'ResolvedRefs')).toBe('False RefNotPermitted')
    apply(cluster().store, namespace('shop', { ai: 'allowed' }))
    await cluster().advance(3_000)
    expect(conditionOf(cluster().store, 'LLMRoute', 'shop/chat', 'ResolvedRefs')).toBe('True ResolvedRefs')
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([1, 1, 0])
  })

  test('that closes counts who still runs it, until they have another document', async () => {
    await openShop({}, { nudgePodsMax: 1 })
    cluster().node.run('shop', 'web-2', { labels: { app: 'web' } })
    await cluster().advance(120_000)
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([2, 2, 0])
    apply(cluster().store, provider('ai/openai', { access: { namespaces: { from: 'Same' } } }))
    await cluster().advance(5_000)
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([2, 0, 2])
    await cluster().advance(300_000)
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([0, 0, 0])
  })

  test('that is deleted and made anew gets its own status', async () => {
    await openShop()
    remove('LLMProvider', 'ai/openai')
    await cluster().advance(2_000)
    expect(conditionOf(cluster().store, 'LLMRoute', 'shop/chat', 'ResolvedRefs')).toBe('False ProviderNotFound')
    apply(cluster().store, provider('ai/openai'))
    await cluster().advance(2_000)
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([1, 1, 0])
    remove('LLMProvider', 'ai/openai')
    apply(cluster().store, provider('ai/openai'))
    await cluster().advance(2_000)
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
    expect(conditionOf(cluster().store, 'LLMProvider', 'ai/openai', 'ResolvedRefs')).toBe('False SecretNotFound')
    expect(log.lines.find(({ level }) => level === 'error')?.fields.object).toBe('Secret ai/keys')
    forbidden = false
    await cluster().advance(70_000)
    expect(conditionOf(cluster().store, 'LLMProvider', 'ai/openai', 'ResolvedRefs')).toBe('True ResolvedRefs')
  })
})

describe('a status', () => {
  test('does not flicker while pods come', async () => {
    await openShop()
    const seen = new Set<string | undefined>()
    cluster().store.subscribe(({ collection }) => {
      if (collection.endsWith('/llmroutes')) seen.add(programmed('LLMRoute', 'shop/chat'))
    })
    for (const name of ['b', 'c', 'd']) cluster().node.run('shop', name, { labels: { app: 'web' } })
    await cluster().advance(10_000)
    expect(sidecarsOf('LLMRoute', 'shop/chat')).toEqual([4, 4, 0])
    expect([...seen]).toEqual(['True Programmed'])
  })

  test('says which sidecar cannot be asked, and nudges it once for a change', async () => {
    await openShop()
    const sidecar = cluster().node.sidecar('shop', 'web')
    if (sidecar) sidecar.unreachable = true
    const before = nudged().length
    apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster().advance(120_000)
    expect(nudged()).toHaveLength(before + 1)
    expect(programmed('LLMRoute', 'shop/chat')).toBe('Unknown SidecarsUnreachable')
    if (sidecar) sidecar.unreachable = false
    await cluster().advance(120_000)
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
  })

  test('counts pods without a sidecar, and tells the pod once', async () => {
    await openShop()
    cluster().node.run('shop', 'bare', { labels: { app: 'web' }, without: 'Sidecar' })
    await cluster().advance(2_000)
    expect(statusOf(cluster().store, 'LLMRoute', 'shop/chat')?.sidecars).toMatchObject({ total: 1, missing: 1 })
    const events = (): unknown[] =>
      cluster()
        .store.list('/apis/events.k8s.io/v1/events')
        .filter(({ reason }) => reason === 'SidecarMissing')
    expect(events()).toHaveLength(1)
    cluster().replica('two')
    await cluster().advance(60_000)
    expect(events()).toHaveLength(1)
  })

  test('follows a sidecar that is started again, and does not count one that cannot start', async () => {
    await openShop()
    cluster().node.restart('shop', 'web')
    await cluster().advance(2_000)
    expect(sidecarsOf('LLMRoute', 'shop/chat')).toEqual([1, 1, 0])
    const pod = find('Pod', 'shop/web')
    const initContainerStatuses = [{ name: 'outrigger', restartCount: 2, started: false, state: { waiting: {} } }]
    const place = placeOf('Pod', 'shop/web')
    cluster().store.update(
      place,
      { ...pod, status: { ...(pod?.status as object), initContainerStatuses } } as never,
      'Status',
    )
    await cluster().advance(2_000)
    expect(sidecarsOf('LLMRoute', 'shop/chat')).toEqual([0, 0, 0])
  })

  test('that somebody else wrote is put right', async () => {
    await openShop()
    const found = find('LLMRoute', 'shop/chat')
    cluster().store.update(
      placeOf('LLMRoute', 'shop/chat'),
      { ...found, status: { conditions: [] } } as never,
      'Status',
    )
    await cluster().advance(2_000)
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
  })

  test.each<[reason: string, kind: string, id: string, type: string, break_: () => void]>([
    ['False SecretNotFound', 'LLMProvider', 'ai/openai', 'ResolvedRefs', () => remove('Secret', 'ai/keys')],
    [
      'False SecretKeyNotFound',
      'LLMProvider',
      'ai/openai',
      'ResolvedRefs',
      () => apply(cluster().store, secret('ai/keys', { other: 'x' })),
    ],
    [
      'False InvalidSecretType',
      'LLMProvider',
      'ai/openai',
      'ResolvedRefs',
      () => apply(cluster().store, provider('ai/openai', { tls: { clientCertificateRef: { name: 'keys' } } })),
    ],
    [
      'False InvalidCertificate',
      'LLMProvider',
      'ai/openai',
      'Accepted',
      () => apply(cluster().store, provider('ai/openai', { tls: { caBundle: 'no certificate' } })),
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
      () => apply(cluster().store, provider('ai/openai', { access: { namespaces: { from: 'Same' } } })),
    ],
    [
      'False ModelNotFound',
      'LLMRoute',
      'shop/chat',
      'ResolvedRefs',
      () => {
        const broken = llmRoute('shop/chat', [ruleTo('ai/openai')])
        Object.assign(broken.spec.rules[0]?.backends[0] ?? {}, { model: 'nobody' })
        apply(cluster().store, broken)
      },
    ],
    [
      'False ConfigTooLarge',
      'LLMRoute',
      'shop/chat',
      'Programmed',
      () => apply(cluster().store, provider('ai/openai', { tls: undefined, credentials: hugeCredentials() } as never)),
    ],
    ['True NoSidecars', 'LLMRoute', 'shop/chat', 'Programmed', () => cluster().node.remove('shop', 'web')],
    ['True Programmed', 'LLMRoute', 'shop/chat', 'Programmed', () => {}],
    ['True Accepted', 'LLMRoute', 'shop/chat', 'Accepted', () => {}],
    ['True ResolvedRefs', 'LLMProvider', 'ai/openai', 'ResolvedRefs', () => {}],
  ])('says %s of an %s', async (expected, kind, id, type, break_) => {
    await openShop()
    break_()
    await cluster().advance(3_000)
    expect(conditionOf(cluster().store, kind, id, type)).toBe(expected)
  })
})

/** Together more than a Secret holds. */
function hugeCredentials(): LLMProviderSpec['credentials'] {
  apply(cluster().store, secret('ai/keys', { 'api-key': 'x'.repeat(600 * 1024), more: 'y'.repeat(600 * 1024) }))
  return ['api-key', 'more'].map((key) => ({ name: key, secretRef: { name: 'keys', key }, weight: 1 }))
}
