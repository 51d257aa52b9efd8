// What the cluster remembers of counts when nobody who knows is left: no pod has a share, and the operator starts anew. In: what was
// remembered, what is granted. Out: what must be taken as used up.
//
// While pods hold shares, their annotations tell: what is not granted to anybody may have been used by somebody who is gone. So the
// ledger says little more than that a count was granted from at all, and it must say so before the first grant. Only when the last
// pod is gone does it say what is used, until when. That keeps it small, and written rarely.
//
// It says, too, how much there was to grant from: the limit may be another one by the time at which somebody reads it, and what was
// used cannot have been more.
import type { Check } from '../../contract/shape.ts'
import { integer, isObject, mapOf, objectOf, oneOf, optional, variantOf } from '../../contract/shape.ts'

export type LedgerEntry =
  /** Pods hold shares, or may, of so much at most. Absent: an operator wrote it that did not say, of the limit as it is. */
  | { readonly type: 'Held'; readonly most?: number }
  /** Nobody does; so much may have been used, and counts until then, milliseconds since the epoch. */
  | { readonly type: 'Left'; readonly amount: number; readonly untilMs: number }

/** By the counts' names. */
export type Ledger = ReadonlyMap<string, LedgerEntry>

const isEntry = variantOf<LedgerEntry>({
  Held: objectOf<Extract<LedgerEntry, { type: 'Held' }>>({
    type: oneOf('Held'),
    most: optional(integer(0, Number.MAX_VALUE)),
  }),
  Left: objectOf<Extract<LedgerEntry, { type: 'Left' }>>({
    type: oneOf('Left'),
    amount: integer(0, Number.MAX_VALUE),
    untilMs: integer(0),
  }),
})

const isLedger: Check<Record<string, LedgerEntry>> = mapOf(isEntry)

/** Names in order, so that equal ledgers are equal texts. */
export function renderLedger(ledger: Ledger): string {
  return JSON.stringify(Object.fromEntries([...ledger].sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** Never throws. */
export function parseLedger(text: string): { ledger: Ledger } | { problems: string[] } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { problems: [`not JSON: ${(error as Error).message}`] }
  }
  const problems: string[] = []
  if (!isObject(value) || !isLedger(value, '', problems)) return { problems: ['expected an object', ...problems] }
  return { ledger: new Map(Object.entries(value)) }
}

/** What may have been used of a count by whoever is gone, when it is met first; `granted` to the pods that are there. */
export function openingOf(
  entry: LedgerEntry | undefined,
  count: { limit: number; granted: number; untilMs: number },
): { amount: number; untilMs: number } {
  if (entry?.type === 'Left' && count.granted === 0) return entry
  if (entry === undefined && count.granted === 0) return { amount: 0, untilMs: count.untilMs }
  const most = entry?.type === 'Held' ? Math.min(count.limit, entry.most ?? count.limit) : count.limit
  return { amount: Math.max(0, most - count.granted), untilMs: count.untilMs }
}
