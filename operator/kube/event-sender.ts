// Tells people what happened to an object, as `kubectl describe` shows it (events.k8s.io/v1). Best effort: an event that
// cannot be written is logged and lost, and a burst is cut off, because events are for reading and etcd is small.
import { createHash } from 'node:crypto'
import type { Log } from '../../process/log.ts'
import type { EventDraft } from '../status/events.ts'
import type { KubeClient, KubeError } from './client.ts'
import { EVENTS, pathOf } from './resource.ts'

export interface EventSenderOptions {
  client: KubeClient
  /** Name of this replica. */
  instance: string
  /** RFC 3339 with microseconds is what the API asks for. */
  now(): Date
  log: Log
}

export interface EventSender {
  send(draft: EventDraft): void
  /** The same again, from this or another replica or after a restart, is told once. `identity` tells what is the same. */
  sendOnce(draft: EventDraft, identity: string): void
}

const WAITING_MAX = 500

export function createEventSender({ client, instance, now, log }: EventSenderOptions): EventSender {
  const waiting: { draft: EventDraft; name: string }[] = []
  let sending = false

  async function sendAll(): Promise<void> {
    if (sending) return
    sending = true
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await sendOne(next.draft, next.name)
    sending = false
  }

  async function sendOne(draft: EventDraft, name: string): Promise<void> {
    const { namespace } = draft.regarding
    try {
      await client.request({
        method: 'POST',
        path: pathOf(EVENTS, { namespace }),
        body: eventOf(draft, { name, instance, time: now() }),
      })
    } catch (error) {
      // It was told before.
      if ((error as KubeError).status === 409) return
      log.warn('an event could not be written', { reason: draft.reason, regarding: draft.regarding, error })
    }
  }

  function enqueue(draft: EventDraft, name: string): void {
    if (waiting.length >= WAITING_MAX) {
      log.warn('too many events at once: one is left out', { reason: draft.reason, regarding: draft.regarding })
      return
    }
    waiting.push({ draft, name })
    void sendAll()
  }

  let count = 0
  return {
    send: (draft) => enqueue(draft, `${draft.regarding.name}.${now().getTime().toString(16)}${(count++).toString(16)}`),
    sendOnce: (draft, identity) => enqueue(draft, `${draft.regarding.name}.${digestOf(identity)}`),
  }
}

function eventOf(draft: EventDraft, { name, instance, time }: { name: string; instance: string; time: Date }): object {
  const { type, reason, message, regarding } = draft
  return {
    apiVersion: EVENTS.apiVersion,
    kind: EVENTS.kind,
    metadata: { name, namespace: regarding.namespace },
    eventTime: time.toISOString().replace('Z', '000Z'),
    reportingController: 'outrigger.dev/operator',
    reportingInstance: instance,
    action: 'Reconcile',
    type,
    reason,
    note: message,
    regarding,
  }
}

function digestOf(identity: string): string {
  return createHash('sha256').update(identity).digest('hex').slice(0, 16)
}
