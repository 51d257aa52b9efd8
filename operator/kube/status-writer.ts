// Writes statuses by server-side apply on the status subresource, and tells transitions as events. A status is the whole of
// what the operator owns there; what was written last is remembered, because the watch tells of it only later.
import type { Log } from '../../process/log.ts'
import type { LLMProvider } from '../api/llm-provider.ts'
import type { LLMRoute } from '../api/llm-route.ts'
import { type EventDraft, eventsOf } from '../status/events.ts'
import type { ObjectStatus, StatusUpdate } from '../status/statuses.ts'
import { applyObject } from './apply.ts'
import type { KubeClient, KubeError } from './client.ts'
import { LLM_PROVIDERS, LLM_ROUTES } from './resource.ts'

export interface StatusWriterOptions {
  client: KubeClient
  sendEvent(draft: EventDraft): void
  log: Log
}

export interface StatusWriter {
  /** The object with the status that was written to it last: the watch may not have told of it yet. */
  upToDate<Kind extends LLMProvider | LLMRoute>(object: Kind): Kind
  /** Rejects when one could not be written; the others are. */
  write(updates: readonly StatusUpdate[]): Promise<void>
  /** The object is gone. */
  forget(uid: string | undefined): void
}

export function createStatusWriter({ client, sendEvent, log }: StatusWriterOptions): StatusWriter {
  const last = new Map<string, ObjectStatus>()

  async function writeOne({ object, status }: StatusUpdate): Promise<void> {
    const { apiVersion, kind, metadata } = object
    const { namespace, name, uid = '' } = metadata
    const resource = kind === 'LLMProvider' ? LLM_PROVIDERS : LLM_ROUTES
    const before = last.get(uid) ?? object.status
    try {
      // With the uid, so that a status never reaches another object of the same name.
      const body = { apiVersion, kind, metadata: { name, namespace, uid }, status }
      await applyObject(client, resource, body, 'status')
    } catch (error) {
      const code = (error as KubeError).status
      // Deleted, or deleted and made anew: whoever is there now gets its own.
      if (code === 404 || code === 409) return
      throw error
    }
    last.set(uid, status)
    log.debug('status written', { kind, namespace, name })
    for (const draft of eventsOf(before, status, object)) sendEvent(draft)
  }

  return {
    upToDate(object) {
      const status = last.get(object.metadata.uid ?? '')
      return status === undefined ? object : { ...object, status }
    },
    forget: (uid) => void last.delete(uid ?? ''),
    async write(updates) {
      const results = await Promise.allSettled(updates.map(writeOne))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    },
  }
}
