// Replicas of the operator that start, lead, end and lose touch, in a cluster that is in this process.
import { describe, expect, test } from '@jest/globals'
import { apply, finished, namespace, placeOf, type ReplicaChange, secret, statusOf } from './cluster-in-process.ts'
import {
  applyAll,
  cluster,
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

describe('an operator', () => {
  test('that starts again writes nothing that is there', async () => {
    const first = await openShop()
    await cluster().advance(5_000)
    const changes = changesBut('leases')
    await first.stop()
    cluster().replica('one')
    await cluster().advance(30_000)
    expect(changes()).toEqual([])
    expect(nudged()).toEqual([])
  })

  test('that is killed is followed by another, which goes on; what it did not hear of it does not undo', async () => {
    const first = await openShop()
    const second = cluster().replica('two')
    await cluster().advance(5_000)
    expect([first, second].map(({ replica }) => replica.isLeader())).toEqual([true, false])
    first.kill()
    apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster().advance(30_000)
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
    apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster().advance(20_000)
    expect(first.replica.isLeader()).toBe(false)
    expect(held.length).toBeGreaterThan(0)
    const before = cluster().writes.length
    for (const go of held) go()
    held = []
    await cluster().advance(1_000)
    expect(cluster().writes.slice(before)).toEqual([])
    hold = false
    await cluster().advance(20_000)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
  })

  test('ends in time, also when nobody answers it', async () => {
    const first = await openShop()
    cluster().core.faults.set({ hang: 1 })
    apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster().advance(1_000)
    const before = cluster().clock.now()
    await first.stop()
    expect(cluster().clock.now() - before).toBeLessThan(6_000)
  })

  test('ends at once while it has not seen the cluster yet', async () => {
    openCluster({ faults: { hang: 1 } })
    const first = cluster().replica('one')
    await cluster().advance(1_000)
    await finished(first.stop(), cluster().clock)
  })

  test('goes on when the API server was away for minutes', async () => {
    await openShop()
    cluster().core.faults.set({ serverError: 1 })
    apply(cluster().store, route('shop/chat', 'ai/openai', 'web', timeouts('7s')))
    await cluster().advance(600_000)
    cluster().core.faults.set({})
    await cluster().advance(90_000)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    expect(programmed('LLMRoute', 'shop/chat')).toBe('True Programmed')
    expect(statusOf(cluster().store, 'LLMRoute', 'shop/chat')?.observedGeneration).toBe(2)
  })

  test('leaves a namespace alone that goes', async () => {
    const { log } = await openShop()
    const place = placeOf('Namespace', 'shop')
    const found = cluster().store.get(place)
    cluster().store.update(
      place,
      { ...found, metadata: { ...found.metadata, finalizers: ['kubernetes'] } } as never,
      'Main',
    )
    cluster().store.delete(place)
    await cluster().advance(100)
    const before = cluster().writes.length
    remove('ConfigMap', 'shop/outrigger-config')
    remove('Secret', 'shop/outrigger-credentials')
    await cluster().advance(5_000)
    cluster().node.remove('shop', 'web')
    remove('LLMRoute', 'shop/chat')
    await cluster().advance(5_000)
    cluster().store.update(place, { ...cluster().store.get(place), metadata: { finalizers: [] } } as never, 'Main')
    await cluster().advance(60_000)
    const written = cluster()
      .writes.slice(before)
      .filter((write) => /^(PATCH|POST|DELETE) shop\/(configmaps|secrets)/.test(write))
    expect(written).toEqual([])
    expect(log.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([0, 0, 0])
    applyAll(namespace('shop'), route('shop/chat', 'ai/openai'))
    cluster().node.run('shop', 'web')
    await cluster().advance(5_000)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    expect(sidecarsOf('LLMProvider', 'ai/openai')).toEqual([1, 1, 0])
  })

  test('that may watch some namespaces only serves these', async () => {
    openCluster()
    applyAll(secret('ai/keys', { 'api-key': KEY }), provider('ai/openai'), route('shop/chat', 'ai/openai'))
    cluster().replica('one', { namespaces: ['ai', 'shop'] })
    cluster().node.run('shop', 'web')
    cluster().node.run('other', 'job')
    await cluster().advance(5_000)
    expect(runs('shop', 'web')).toBe(revisionOf('shop'))
    expect(revisionOf('other')).toBeUndefined()
    expect(programmed('LLMProvider', 'ai/openai')).toBe('True Programmed')
  })

  test('stops writing when nothing happens', async () => {
    await openShop()
    await cluster().advance(60_000)
    const changes = changesBut('leases')
    const before = cluster().writes.filter((write) => !write.includes('leases')).length
    await cluster().advance(3_600_000)
    expect(changes()).toEqual([])
    expect(cluster().writes.filter((write) => !write.includes('leases'))).toHaveLength(before)
  })

  test('repeats a key nowhere', async () => {
    const { log, metrics } = await openShop()
    apply(cluster().store, secret('ai/keys', { 'api-key': `${KEY}-2` }))
    cluster().core.faults.set({ serverError: 0.5 })
    await cluster().advance(20_000)
    cluster().core.faults.set({})
    await cluster().advance(60_000)
    const elsewhere = [...cluster().store.since(0)].filter(({ collection }) => collection !== '/api/v1/secrets')
    const told = JSON.stringify([elsewhere, log.lines.map(({ fields, ...line }) => [line, printable(fields)])])
    for (const key of [KEY, Buffer.from(KEY).toString('base64').slice(0, 12)]) {
      expect(told.includes(key)).toBe(false)
      expect((await metrics.registry.metrics()).includes(key)).toBe(false)
    }
  })

  test('shows in its metrics what is there, and nothing of what is gone', async () => {
    const { metrics } = await openShop()
    remove('Secret', 'ai/keys')
    await cluster().advance(3_000)
    const during = await metrics.registry.metrics()
    expect(during).toContain(
      'outrigger_operator_problems{kind="LLMProvider",namespace="ai",name="openai",reason="SecretNotFound"} 1',
    )
    expect(during).toContain('outrigger_operator_sidecars{namespace="shop",state="current"} 1')
    remove('LLMProvider', 'ai/openai')
    remove('LLMRoute', 'shop/chat')
    cluster().node.remove('shop', 'web')
    await cluster().advance(90_000)
    const after = await metrics.registry.metrics()
    expect(after).not.toMatch(/outrigger_operator_(problems|sidecars)\{/)
  })

  test('that leads no longer shows nothing of the namespaces: the next leader does', async () => {
    const { metrics, stop } = await openShop()
    remove('Secret', 'ai/keys')
    await cluster().advance(3_000)
    expect(await metrics.registry.metrics()).toMatch(/outrigger_operator_problems\{.*outrigger_operator_sidecars\{/s)
    await stop()
    expect(await metrics.registry.metrics()).not.toMatch(/outrigger_operator_(problems|sidecars)\{/)
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
  cluster().store.subscribe(({ collection: changed, type, object: { metadata } }) => {
    if (!changed.endsWith(collection)) changes.push(`${type} ${changed} ${metadata.namespace}/${metadata.name}`)
  })
  return () => changes
}
