// A look at all the rows of one take, before anything is taken.
import type { Shortage } from './counter.ts'
import type { Reached, Take } from './grant.ts'
import { isRefusing } from './limit-row.ts'

export interface Survey {
  /** Rows in Shadow that would refuse it. */
  readonly shadowed: readonly Reached[]
  /** The strictest of those that refuse. */
  readonly reached: Reached | undefined
  /** Whether a store has to be asked, if nothing refuses. */
  readonly asksStore: 'Yes' | 'No'
}

/** Nearly always. */
const ROOM_IN_ALL: Survey = Object.freeze({ shadowed: [], reached: undefined, asksStore: 'No' })

export function survey(takes: readonly Take[], nowMs: number): Survey {
  let found = ROOM_IN_ALL
  for (const take of takes) {
    const shortage = take.count.counter.shortage(take.amount, nowMs)
    if (shortage !== undefined) found = withShortage(found, take, shortage, nowMs)
  }
  return found
}

/** The one whose wait is the longest, of equals the first. */
export function stricter(
  known: Reached | undefined,
  { count, amount }: Take,
  shortage: Shortage,
  nowMs: number,
): Reached {
  count.noteRefused(amount, nowMs)
  const isStricter = known === undefined || shortage.retryAfterMs > known.shortage.retryAfterMs
  return isStricter ? count.reached(shortage) : known
}

function withShortage(found: Survey, take: Take, shortage: Shortage, nowMs: number): Survey {
  const { row } = take.count
  if (isRefusing(row)) {
    if (shortage.kind === 'Unleased') return { ...found, asksStore: 'Yes' }
    return { ...found, reached: stricter(found.reached, take, shortage, nowMs) }
  }
  if (row.mode !== 'Shadow' || shortage.kind === 'Unleased') return found
  return { ...found, shadowed: [...found.shadowed, take.count.reached(shortage)] }
}
