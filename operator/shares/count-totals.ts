// What counts come to, for those who are told of them: metrics, statuses, the ledger. In: the book's counts, a moment. Out: sums of what
// is granted and of what those that are gone may have used. It changes nothing.
import type { Count, Place } from './count.ts'
import type { LedgerEntry } from './ledger.ts'

/** Of one limit, all its counts together, in the unit of what is limited. */
export interface LimitTotal {
  granted: number
  departed: number
}

/** Of these places together, by what was written last. */
export function grantedOf(places: readonly Place[]): number {
  return places.reduce((sum, { entry, id }) => sum + entry.holding.shareOf(id), 0)
}

/** By limit id. */
export function totalsOf(counts: Iterable<Count>, nowMs: number): Map<string, LimitTotal> {
  const totals = new Map<string, LimitTotal>()
  for (const { limit, departed, places } of counts) {
    const total = totals.get(limit.id) ?? { granted: 0, departed: 0 }
    total.granted += grantedOf(places)
    total.departed += departed.total(nowMs)
    totals.set(limit.id, total)
  }
  return totals
}

/** By name of the count. */
export function departedOf(counts: Iterable<Count>, nowMs: number): Map<string, number> {
  return new Map([...counts].map(({ name, departed }) => [name, departed.total(nowMs)]))
}

/** What a ledger is to say of these counts, by their names; `isGranted`: something of it was granted, or is about to be. */
export function rememberedOf(
  counts: readonly Count[],
  isGranted: (count: Count) => boolean,
  nowMs: number,
): Map<string, LedgerEntry> {
  const entries = new Map<string, LedgerEntry>()
  for (const count of counts) {
    const entry = entryOf(count, isGranted(count) ? 'Granted' : 'Untouched', nowMs)
    if (entry !== undefined) entries.set(count.name, entry)
  }
  return entries
}

function entryOf(
  { limit, places, departed }: Count,
  state: 'Granted' | 'Untouched',
  nowMs: number,
): LedgerEntry | undefined {
  const amount = departed.total(nowMs)
  const held = places.reduce((sum, { entry, id }) => sum + entry.holding.totalOf(id), 0)
  // More than the limit where that was lowered.
  const most = Math.max(limit.limit, held + amount)
  if (held > 0 || (state === 'Granted' && places.length > 0)) return { type: 'Held', most }
  return amount === 0 ? undefined : { type: 'Left', amount, untilMs: departed.untilMs ?? nowMs }
}
