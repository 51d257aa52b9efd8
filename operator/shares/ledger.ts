// What the cluster remembers of counts when nobody who knows is left: no pod has a share, and the operator starts anew. In: what was
// remembered, what is granted. Out: what must be taken as used up.
//
// While pods hold shares, their annotations tell: what is not granted to anybody may have been used by somebody who is gone. So the
// ledger says little more than that a count was granted from at all, and it must say so before the first grant. Only when the last
// pod is gone does it say what is used, until when. That keeps it small, and written rarely.
//
// It says, too, how much there was to grant from: the limit may be another one by the time at which somebody reads it. What was used
// cannot have been more, and where the limit was made smaller since, it can have been more than that.
//
// Operators are of different versions while one is upgraded: members that a reader does not know are passed over, and an entry that it
// cannot read is taken for one of which all may have been used. Rejected: giving up the whole ledger, which would forget what is used.
import { integer, isObject } from '../../contract/shape.ts'

export type LedgerEntry =
  /** Pods hold shares, or may, of so much at most. Absent: an operator wrote it that did not say, of the limit as it is. */
  | { readonly type: 'Held'; readonly most?: number }
  /** Nobody does; so much may have been used, and counts until then, milliseconds since the epoch. */
  | { readonly type: 'Left'; readonly amount: number; readonly untilMs: number }

/** By the counts' names. */
export type Ledger = ReadonlyMap<string, LedgerEntry>

const isAmount = integer(0, Number.MAX_VALUE)
const isMoment = integer(0)

/** Names in order, so that equal ledgers are equal texts. */
export function renderLedger(ledger: Ledger): string {
  return JSON.stringify(Object.fromEntries([...ledger].sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** Never throws. Problems: it is nothing that has entries. */
export function parseLedger(text: string): { ledger: Ledger } | { problems: string[] } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { problems: [`not JSON: ${(error as Error).message}`] }
  }
  if (!isObject(value)) return { problems: ['expected an object'] }
  return { ledger: new Map(Object.entries(value).map(([name, entry]) => [name, readEntry(entry)])) }
}

function readEntry(value: unknown): LedgerEntry {
  const { type, most, amount, untilMs } = isObject(value) ? value : {}
  if (type === 'Left' && isAmount(amount, '', []) && isMoment(untilMs, '', [])) return { type, amount, untilMs }
  return type === 'Held' && isAmount(most, '', []) ? { type, most } : { type: 'Held' }
}

/** What may have been used of a count by whoever is gone, when it is met first; `granted` to the pods that are there. */
export function openingOf(
  entry: LedgerEntry | undefined,
  count: { limit: number; granted: number; untilMs: number },
): { amount: number; untilMs: number } {
  if (entry?.type === 'Left' && count.granted === 0) return entry
  if (entry === undefined && count.granted === 0) return { amount: 0, untilMs: count.untilMs }
  const most = entry?.type === 'Held' ? (entry.most ?? count.limit) : count.limit
  return { amount: Math.max(0, most - count.granted), untilMs: count.untilMs }
}
