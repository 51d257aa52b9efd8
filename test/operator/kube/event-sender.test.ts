import { expect, test } from '@jest/globals'
import { KubeError, type KubeRequest } from '../../../operator/kube/client.ts'
import { createEventSender, type EventSender } from '../../../operator/kube/event-sender.ts'
import type { EventDraft } from '../../../operator/status/events.ts'
import { type RecordedLog, recordedLog } from '../../support/recorded-log.ts'

interface Sent {
  metadata: { name: string; namespace: string }
  [field: string]: unknown
}

interface Started extends EventSender {
  sent: Sent[]
  log: RecordedLog
  /** Answers one request; `status` 0: well. */
  answer(status?: number): Promise<void>
}

function start(instance = 'operator-1'): Started {
  const sent: Sent[] = []
  const log = recordedLog()
  const waiting: ((status: number) => void)[] = []
  const client = {
    request: <Answer>({ body }: KubeRequest) => {
      sent.push(body as Sent)
      return new Promise<Answer>((resolve, reject) => {
        waiting.push((status) =>
          status === 0 ? resolve(undefined as Answer) : reject(new KubeError('no', { status, reason: 'x' })),
        )
      })
    },
  }
  const sender = createEventSender({ client, instance, now: () => Date.parse('2026-11-21T10:00:00.123Z'), log })
  return {
    ...sender,
    sent,
    log,
    async answer(status = 0) {
      waiting.shift()?.(status)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

function draft(name = 'chat'): EventDraft {
  const regarding = { apiVersion: 'outrigger.dev/v1alpha1', kind: 'LLMRoute', namespace: 'shop', name, uid: 'u' }
  return { type: 'Warning', reason: 'ProviderNotFound', message: 'no provider', regarding }
}

test('writes an event as the API asks for it', () => {
  const { send, sent } = start('x'.repeat(200))
  send(draft())
  expect(sent).toEqual([
    {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: expect.stringMatching(/^chat\.[0-9a-f]+$/), namespace: 'shop' },
      eventTime: '2026-11-21T10:00:00.123000Z',
      reportingController: 'outrigger.dev/operator',
      reportingInstance: 'x'.repeat(128),
      action: 'Reconcile',
      type: 'Warning',
      reason: 'ProviderNotFound',
      note: 'no provider',
      regarding: draft().regarding,
    },
  ])
})

test('gives each event its own name, and the same name to what is to be told once', async () => {
  const it = start()
  for (const each of [1, 2]) it.send(draft(`chat-${each}`))
  for (const _ of [1, 2]) it.sendOnce(draft(), 'uid/missing')
  it.sendOnce(draft(), 'uid/other')
  it.send({ ...draft(), identity: 'uid/missing' })
  for (let i = 0; i < 6; i++) await it.answer()
  const names = it.sent.map(({ metadata }) => metadata.name)
  expect(new Set(names).size).toBe(4)
  expect(names[2]).toBe(names[3])
  expect(names[2]).toBe(names[5])
})

test('cuts the longest names so that they stay names', () => {
  const { send, sent } = start()
  send(draft(`${'a'.repeat(199)}-${'b'.repeat(53)}`))
  expect(sent[0]?.metadata.name).toMatch(/^a{199}\.[0-9a-f]+$/)
})

test('sends one after another, and cuts off a burst with one line in the log', async () => {
  const it = start()
  for (let i = 0; i < 2_000; i++) it.send(draft())
  expect(it.sent).toHaveLength(1)
  for (let i = 0; i < 600; i++) await it.answer()
  expect(it.sent).toHaveLength(501)
  expect(it.log.lines).toEqual([expect.objectContaining({ level: 'warn', fields: { leftOut: 1_499 } })])
})

test.each<[name: string, status: number, lines: number]>([
  ['was told before', 409, 0],
  ['is of a namespace that is gone', 404, 0],
  ['cannot be written', 500, 1],
])('an event that %s is left, and the next is sent', async (_name, status, lines) => {
  const it = start()
  it.send(draft('a'))
  it.send(draft('b'))
  await it.answer(status)
  expect(it.log.lines).toHaveLength(lines)
  expect(it.sent.map(({ metadata }) => metadata.name.split('.')[0])).toEqual(['a', 'b'])
})

test('says nothing more when it is closed', async () => {
  const it = start()
  it.send(draft('a'))
  it.send(draft('b'))
  it.close()
  it.send(draft('c'))
  await it.answer(500)
  expect(it.sent).toHaveLength(1)
  expect(it.log.lines).toEqual([])
})
