// What tests rely on in the fake API server. The same requests were sent to a real one (1.36): it gave the same
// answers.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createKubeClient, type KubeClient, type KubeError, type WatchEvent } from '../../operator/kube/client.ts'
import { type FakeApiserver, startFakeApiserver } from './fake-apiserver.ts'
import { apiAnswers } from './fake-apiserver-answers.ts'

let fake: FakeApiserver
let client: KubeClient

beforeEach(async () => {
  fake = await startFakeApiserver({ bookmarkMs: 10 })
  client = createKubeClient({ kubeconfig: fake.kubeconfig, userAgent: 'test' })
})

afterEach(async () => {
  client.close()
  await fake.close()
})

test('answers like an API server', async () => {
  expect(await apiAnswers(client, 'default')).toEqual([
    'create: x generation 1 new uid',
    'create again: 409 AlreadyExists',
    'get what is not there: 404 NotFound',
    'update with a stale version: 409 Conflict',
    'update without a change: same version',
    'merge patch: data {"a":"2","b":"3"}',
    'merge patch of null: data {"b":"3"}',
    'apply creates: y',
    'apply again: same version',
    'a patch of no known type: 415 UnsupportedMediaType',
    'label selector team=a: x',
    'label selector team!=a: y',
    'label selector team in (a,b): x y',
    'label selector !team: ',
    'field selector: y',
    'page of 1: x, then y; both of one version',
    'metadata: PartialObjectMetadata x, no data',
    'delete with the wrong uid: 409 Conflict',
    'delete of what has a finalizer: stays with a deletionTimestamp',
    'the last finalizer goes: 404 NotFound',
    'status is a part of its own: main keeps it, status changes nothing else',
    'watch of team=a: ADDED x, MODIFIED x, DELETED x, ADDED x, DELETED x, ADDED x',
    'versions only rise',
  ])
})

test('a watch from before the history is refused, and bookmarks come', async () => {
  const path = '/api/v1/configmaps'
  const before = String(fake.store.version)
  fake.store.create({ collection: path, namespace: 'a' }, { kind: 'ConfigMap', metadata: { name: 'x' } })
  const events: WatchEvent[] = []
  const leaving = new AbortController()
  const onEvent = (event: WatchEvent): void => {
    events.push(event)
    if (events.length === 2) leaving.abort()
  }
  const query = { resourceVersion: before, allowWatchBookmarks: 'true' }
  await client.watch({ method: 'GET', path, query }, onEvent, leaving.signal).catch(() => {})
  expect(events).toMatchObject([
    { type: 'ADDED', object: { metadata: { name: 'x' } } },
    { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(fake.store.version) } } },
  ])
  fake.store.compact()
  const codes: unknown[] = []
  const watch = client.watch(
    { method: 'GET', path, query },
    ({ object }) => codes.push((object as { code: number }).code),
    new AbortController().signal,
  )
  await watch.catch((error: KubeError) => codes.push(error.status))
  expect(codes).toEqual([410])
})

test('a watch ends when it should', async () => {
  const query = { resourceVersion: String(fake.store.version), timeoutSeconds: '1' }
  const watch = client.watch({ method: 'GET', path: '/api/v1/pods', query }, () => {}, new AbortController().signal)
  await expect(watch).resolves.toBeUndefined()
})
