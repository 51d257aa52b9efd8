// Tells people what happened to an object, as `kubectl describe` shows it (events.k8s.io/v1). Best effort: an event that
// cannot be written is logged and lost, and a burst is cut off, because events are for reading and etcd is small.
import { createHash } from 'node:crypto'
import type { Log } from '../../process/log.ts'
import type { EventDraft } from '../status/events.ts'
import type { KubeClient, KubeError } from './client.ts'
import { EVENTS, pathOf } from './resource.ts'

export interface EventSenderOptions {
  client: Pick<KubeClient, 'request'>
  /** Name of this replica. */
  instance: string
  /** Milliseconds since the epoch. */
  now(): number
  log: Log
}

export interface EventSender {
  /** One with an identity is told once, as by `sendOnce`. */
  send(draft: EventDraft): void
  /** The same again, from this or another replica or after a restart, is told once. `identity` tells what is the same. */
  sendOnce(draft: EventDraft, identity: string): void
  /** Drops what waits. */
  close(): void
}

const WAITING_MAX = 500
/** So that the name, with what follows it, is one that an object may have. */
const NAME_LENGTH_MAX = 200
const INSTANCE_LENGTH_MAX = 128

export function createEventSender({ client, instance, now, log }: EventSenderOptions): EventSender {
  const waiting: { draft: EventDraft; name: string }[] = []
  let sending = false
  let leftOut = 0
  let closed = false
  let count = 0

  async function sendAll(): Promise<void> {
    if (sending) return
    sending = true
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await sendOne(next.draft, next.name)
    sending = false
    if (leftOut > 0) log.warn('too many events at once: some were left out', { leftOut })
    leftOut = 0
  }

  async function sendOne(draft: EventDraft, name: string): Promise<void> {
    const { namespace } = draft.regarding
    try {
      await client.request({
        method: 'POST',
        path: pathOf(EVENTS, { namespace }),
        body: eventOf(draft, { name, instance, time: new Date(now()) }),
      })
    } catch (error) {
      const { status } = error as KubeError
      // It was told before, or the namespace is gone.
      if (status === 409 || status === 404 || closed) return
      log.warn('an event could not be written', { reason: draft.reason, regarding: draft.regarding, error })
    }
  }

  const newSuffix = (): string => `${Math.trunc(now()).toString(16)}${(count++).toString(16).padStart(4, '0')}`

  function enqueue(draft: EventDraft, suffix: string): void {
    if (closed) return
    if (waiting.length >= WAITING_MAX) {
      leftOut++
      return
    }
    waiting.push({ draft, name: `${stemOf(draft.regarding.name)}.${suffix}` })
    void sendAll()
  }

  return {
    send: (draft) => enqueue(draft, draft.identity === undefined ? newSuffix() : digestOf(draft.identity)),
    sendOnce: (draft, identity) => enqueue(draft, digestOf(identity)),
    close() {
      closed = true
      waiting.length = 0
    },
  }
}

function eventOf(draft: EventDraft, { name, instance, time }: { name: string; instance: string; time: Date }): object {
  const { type, reason, message, regarding } = draft
  return {
    apiVersion: EVENTS.apiVersion,
    kind: EVENTS.kind,
    metadata: { name, namespace: regarding.namespace },
    // RFC 3339 with microseconds is what the API asks for.
    eventTime: time.toISOString().replace('Z', '000Z'),
    reportingController: 'outrigger.dev/operator',
    reportingInstance: instance.slice(0, INSTANCE_LENGTH_MAX),
    action: 'Reconcile',
    type,
    reason,
    note: message,
    regarding,
  }
}

/** A name that is cut must not end in a dot or hyphen. */
function stemOf(name: string): string {
  return name.slice(0, NAME_LENGTH_MAX).replace(/[-.]+$/, '')
}

function digestOf(identity: string): string {
  return createHash('sha256').update(identity).digest('hex').slice(0, 16)
}
