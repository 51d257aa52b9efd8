// Writes statuses by server-side apply on the status subresource, and tells transitions as events. A status is the whole of
// what the operator owns there; what was written last is remembered until the watch has told of it.
import type { Log } from '../../process/log.ts'
import { createSlots } from '../pace.ts'
import { type EventDraft, eventsOf } from '../status/events.ts'
import type { ObjectStatus, StatusUpdate } from '../status/statuses.ts'
import { applyObject } from './apply.ts'
import type { KubeClient, KubeError } from './client.ts'
import { LLM_PROVIDERS, LLM_ROUTES } from './resource.ts'
import { isOlder } from './resource-version.ts'
import type { SeenProvider, SeenRoute } from './watches.ts'

export interface StatusWriterOptions {
  client: Pick<KubeClient, 'request'>
  sendEvent(draft: EventDraft): void
  log: Log
}

export interface StatusWriter {
  /** All objects, with the statuses that were written to them last, where the watch has not told of them yet. */
  upToDate(seen: SeenObjects): SeenObjects
  /** Rejects when one could not be written; the others are. */
  write(updates: readonly StatusUpdate[]): Promise<void>
}

export interface SeenObjects {
  readonly providers: readonly SeenProvider[]
  readonly routes: readonly SeenRoute[]
}

interface Written {
  version: string
  status: ObjectStatus
}

/** A namespace may have hundreds of objects that all change at once. */
const WRITERS = 4

export function createStatusWriter({ client, sendEvent, log }: StatusWriterOptions): StatusWriter {
  const last = new Map<string, Written>()
  const inSlot = createSlots(WRITERS)

  async function writeOne({ object, status }: StatusUpdate): Promise<void> {
    const { apiVersion, kind, metadata } = object
    const { namespace, name, uid = '' } = metadata
    const resource = kind === 'LLMProvider' ? LLM_PROVIDERS : LLM_ROUTES
    // With the uid, so that a status never reaches another object of the same name.
    const body = { apiVersion, kind, metadata: { name, namespace, uid }, status }
    try {
      const answer = await applyObject<{ metadata: { resourceVersion: string } }>(client, resource, body, 'status')
      last.set(uid, { version: answer.metadata.resourceVersion, status })
    } catch (error) {
      // Deleted. A conflict is tried again: it may be a namesake's, of which the watch will have told by then.
      if ((error as KubeError).status === 404) return
      throw error
    }
    log.debug('status written', { kind, namespace, name })
    for (const draft of eventsOf(object.status, status, object)) sendEvent(draft)
  }

  function forgetGone({ providers, routes }: SeenObjects): void {
    const uids = new Set([...providers, ...routes].map(({ metadata }) => metadata.uid))
    for (const uid of last.keys()) if (!uids.has(uid)) last.delete(uid)
  }

  function withLast<Seen extends SeenProvider | SeenRoute>(object: Seen): Seen {
    const { uid = '', resourceVersion } = object.metadata
    const written = last.get(uid)
    if (written === undefined) return object
    if (isOlder(resourceVersion, written.version)) return { ...object, status: written.status }
    last.delete(uid)
    return object
  }

  return {
    upToDate(seen) {
      if (last.size > 0) forgetGone(seen)
      const { providers, routes } = seen
      return last.size === 0
        ? { providers, routes }
        : { providers: providers.map(withLast), routes: routes.map(withLast) }
    },
    async write(updates) {
      const results = await Promise.allSettled(updates.map((update) => inSlot(() => writeOne(update))))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    },
  }
}
