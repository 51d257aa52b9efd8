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

/** Undefined: it may be taken. `local` counts what this process has taken, store or not, and its capacity is the share. */
export function shortageWithoutStore(
  policy: OnStoreFailure,
  row: CountedRow,
  local: Counter,
  amount: number,
  nowMs: number,
): Shortage | undefined {
  if (amount === 0 || policy === 'Allow') return undefined
  if (policy === 'LocalShare') return local.shortage(amount, nowMs)
  return isRefusing(row) ? DENIED : undefined
}

/**
 * What was assigned, or else an even part of the limit; of a limit that is smaller than the number of sidecars that is nothing, since
 * one each would be more than the limit.
 */
export function localShare(limit: number, assigned: number | undefined, sidecars: number): number {
  return assigned === undefined ? Math.floor(limit / Math.max(1, sidecars)) : Math.min(limit, assigned)
}
