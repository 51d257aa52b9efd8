import { expect, test } from '@jest/globals'
import { KubeError, type KubeRequest } from '../../../operator/kube/client.ts'
import { createStatusWriter } from '../../../operator/kube/status-writer.ts'
import type { SeenRoute } from '../../../operator/kube/watches.ts'
import type { StatusUpdate } from '../../../operator/status/statuses.ts'
import { recordedLog } from '../../support/recorded-log.ts'
import { llmRoute } from '../../support/resources.ts'

function route(name: string, resourceVersion = '10'): SeenRoute {
  return llmRoute(`shop/${name}`, [], { uid: `uid-${name}`, resourceVersion } as never) as SeenRoute
}

function update(object: SeenRoute, status: 'True' | 'False'): StatusUpdate {
  const lastTransitionTime = '2026-11-21T10:00:00Z'
  const condition = { type: 'Programmed', status, reason: 'Programmed', message: 'm', lastTransitionTime }
  return { object, status: { conditions: [condition] } }
}

function start(refusals: Readonly<Record<string, number>> = {}) {
  const requests: KubeRequest[] = []
  const events: string[] = []
  let [underWay, most, version] = [0, 0, 10]
  const client = {
    async request<Answer>(request: KubeRequest) {
      requests.push(request)
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay--
      const name = request.path.split('/').at(-2) ?? ''
      const status = refusals[name]
      if (status !== undefined) throw new KubeError('refused', { status, reason: 'x' })
      return { metadata: { resourceVersion: String(++version) } } as Answer
    },
  }
  const writer = createStatusWriter({ client, sendEvent: ({ reason }) => events.push(reason), log: recordedLog() })
  return { writer, requests, events, most: () => most }
}

test('applies the whole status to the object that was looked at, and tells the transition', async () => {
  const { writer, requests, events } = start()
  await writer.write([update(route('chat'), 'False')])
  expect(requests).toEqual([
    {
      method: 'PATCH',
      path: '/apis/outrigger.dev/v1alpha1/namespaces/shop/llmroutes/chat/status',
      query: { fieldManager: 'outrigger-operator', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: {
        apiVersion: 'outrigger.dev/v1alpha1',
        kind: 'LLMRoute',
        metadata: { name: 'chat', namespace: 'shop', uid: 'uid-chat' },
        status: update(route('chat'), 'False').status,
      },
    },
  ])
  expect(events).toEqual(['Programmed'])
})

test('knows what it wrote until the watch has told of it, and no longer', async () => {
  const { writer } = start()
  const written = update(route('chat'), 'True')
  await writer.write([written])
  const statusSeen = (version: string) =>
    writer.upToDate({ providers: [], routes: [route('chat', version)] }).routes[0]?.status
  expect(statusSeen('10')).toEqual(written.status)
  expect(statusSeen('11')).toBeUndefined()
  expect(statusSeen('10')).toBeUndefined()
})

test('forgets objects that are gone', async () => {
  const { writer } = start()
  await writer.write([update(route('chat'), 'True')])
  writer.upToDate({ providers: [], routes: [] })
  expect(writer.upToDate({ providers: [], routes: [route('chat')] }).routes[0]?.status).toBeUndefined()
})

test.each<[name: string, status: number, rejects: boolean]>([
  ['is gone', 404, false],
  ['is in conflict, be it with a namesake', 409, true],
  ['cannot be written', 500, true],
])('an object that %s keeps the others from nothing', async (_name, status, rejects) => {
  const { writer, requests, events } = start({ a: status })
  const outcome = await writer.write([update(route('a'), 'False'), update(route('b'), 'False')]).then(
    () => false,
    () => true,
  )
  expect([outcome, requests.length, events.length]).toEqual([rejects, 2, 1])
})

test('does not write hundreds at once', async () => {
  const { writer, requests, most } = start()
  await writer.write(Array.from({ length: 200 }, (_, i) => update(route(`r-${i}`), 'True')))
  expect(requests).toHaveLength(200)
  expect(most()).toBeLessThanOrEqual(4)
})
