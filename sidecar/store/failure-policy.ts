// What is decided while the store cannot be asked. In every case what is taken is told to the store when it is back.
import type { Counter, Shortage } from '../limits/counter.ts'
import { type CountedRow, isRefusing } from '../limits/limit-row.ts'

/**
 * `LocalShare`: this process counts by itself, up to its share of the limit. `Allow`: nothing is refused. `Deny`: all is. Rows that never
 * refuse do not under any of them.
 */
export type OnStoreFailure = 'LocalShare' | 'Allow' | 'Deny'

/** Nothing is known of when the store will be back; probes go out about so often. */
const DENY_RETRY_AFTER_MS = 1000

const DENIED: Shortage = { kind: 'Unavailable', retryAfterMs: DENY_RETRY_AFTER_MS, remaining: 0 }

/** What a process knows by itself of one count. */
export interface LocalCount {
  readonly row: CountedRow
  /** Counts what this process has taken, store or not; its capacity is the share. */
  readonly local: Counter
  /** This process' part of what was left when the store answered last, less what it has taken since; Infinity when that is too old. */
  readonly room: number
}

/** Undefined: it may be taken. */
export function shortageWithoutStore(
  policy: OnStoreFailure,
  { row, local, room }: LocalCount,
  amount: number,
  nowMs: number,
): Shortage | undefined {
  if (amount === 0 || policy === 'Allow') return undefined
  if (policy === 'Deny') return isRefusing(row) ? DENIED : undefined
  const shortage = local.shortage(amount, nowMs)
  if (shortage !== undefined || amount <= room) return shortage
  // What the others have used leaves the window at moments that only the store knows.
  return { kind: 'Reached', retryAfterMs: 0, remaining: Math.max(0, room) }
}

/**
 * What was assigned, or else an even part of the limit; of a limit that is smaller than the number of sidecars that is nothing, since
 * one each would be more than the limit.
 */
export function localShare(limit: number, assigned: number | undefined, sidecars: number): number {
  return assigned === undefined ? Math.floor(limit / Math.max(1, sidecars)) : Math.min(limit, assigned)
}
