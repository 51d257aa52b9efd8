// What the book holds: pods, counts, and which pod is in which count. In: a pod. Out: how it takes part in a count's division.
import type { BookPod } from './book-pod.ts'
import type { Departed } from './departed.ts'
import { Holding } from './holding.ts'
import type { SharedLimit } from './shared-limit.ts'
import type { Member } from './targets.ts'

export interface Entry {
  pod: BookPod
  readonly holding: Holding
  /** Answers that did not come, in a row; undefined before the first that came. */
  misses: number | undefined
  writtenMs: number
  /** That it shares. */
  counts: Count[]
}

export interface Place {
  readonly entry: Entry
  readonly id: string
  /** Whether the pod counts the limit now; `Unknown` before its document is known, and of a limit that may come back. */
  readonly counts: 'Yes' | 'No' | 'Unknown'
}

export interface Count {
  readonly name: string
  readonly home: string
  limit: SharedLimit
  readonly departed: Departed
  places: Place[]
}

/** One that cannot be asked so often in a row keeps what it has. */
const MISSES_MAX = 3

export function createEntry(pod: BookPod): Entry {
  return { pod, holding: new Holding(), misses: undefined, writtenMs: Number.NEGATIVE_INFINITY, counts: [] }
}

export function isSilent({ misses, holding }: Entry): boolean {
  return misses === undefined || misses >= MISSES_MAX || holding.instance === undefined
}

export function memberOf({ entry, id, counts }: Place): Member {
  const { holding, pod } = entry
  const isLeaving = pod.standing === 'Leaving' || counts === 'No'
  return {
    key: pod.uid,
    share: holding.shareOf(id),
    bound: holding.boundOf(id),
    wanted: counts === 'No' ? 0 : holding.wantedOf(id),
    standing: isSilent(entry) || counts === 'Unknown' ? 'Silent' : isLeaving ? 'Leaving' : 'Live',
  }
}
