// Statuses that are about to be better. Most changes are everywhere within half a second, so that no status needs to say that
// they are not yet: one that says so waits that long for the next one, and is written when it still holds.
import type { StatusUpdate } from '../status/statuses.ts'

export interface HeldBack {
  /** What is to be written now, and in how many milliseconds the rest is to be looked at again. */
  due(namespace: string, updates: readonly StatusUpdate[]): { now: StatusUpdate[]; laterMs: number | undefined }
}

/** `graceMs` is asked each time: how long a status may be held back by then. */
export function createHeldBack(graceMs: () => number, uptime: () => number): HeldBack {
  /** By namespace and uid: since when. */
  const since = new Map<string, ReadonlyMap<string, number>>()
  return {
    due(namespace, updates) {
      const nowMs = uptime()
      const patienceMs = graceMs()
      const before = since.get(namespace)
      const held = new Map(
        updates
          .filter(isAboutToChange)
          .map(({ object: { metadata } }): [string, number] => {
            const uid = metadata.uid ?? ''
            return [uid, before?.get(uid) ?? nowMs]
          })
          .filter(([, sinceMs]) => nowMs - sinceMs < patienceMs),
      )
      if (held.size === 0) since.delete(namespace)
      else since.set(namespace, held)
      return {
        now: updates.filter(({ object }) => !held.has(object.metadata.uid ?? '')),
        // At least one millisecond: the rest of one may be too little for a sum to notice.
        laterMs: held.size === 0 ? undefined : Math.max(1, Math.min(...held.values()) + patienceMs - nowMs),
      }
    },
  }
}

function isAboutToChange({ status }: StatusUpdate): boolean {
  return (status.sidecars?.outdated ?? 0) > 0
}
