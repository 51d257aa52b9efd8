// Which of the percentages at which a budget warns all that share it have passed together: what sidecars are told, since each knows its own
// share only. In: what was passed before, what is used now. Out: the mark that is passed now.
//
// Every change of it is a write to each pod that shares the budget. So a mark that was passed stays for a minute at least, and until
// clearly less is used: reservations come and go, and a window slides. With a period it ends by itself. Who is told, and when, is
// decided elsewhere (operator/shares/book.ts).
import type { PassedMark } from '../../contract/limit-shares.ts'
import { percentOf, type RowUse } from './limit-use.ts'

/** A mark that is passed, and since when. */
export interface Passing {
  readonly mark: PassedMark
  readonly sinceMs: number
}

const STAYS_MS = 60_000
/** Points below the mark that count as clearly less. */
const CLEARLY_LESS = 5

/** `marks` are ascending. Undefined: none of them is passed. */
export function passingOf(
  before: Passing | undefined,
  use: RowUse,
  marks: readonly number[],
  nowMs: number,
): Passing | undefined {
  const usedPercent = percentOf(use)
  const known = before?.mark.untilMs === use.resetsAtMs ? before : undefined
  const percent = marks.findLast((mark) => mark <= usedPercent) ?? 0
  if (known !== undefined && percent <= known.mark.percent && stays(known, usedPercent, nowMs)) return known
  if (percent === 0) return undefined
  const until = use.resetsAtMs === undefined ? {} : { untilMs: use.resetsAtMs }
  return { mark: { percent, ...until }, sinceMs: nowMs }
}

function stays({ mark, sinceMs }: Passing, usedPercent: number, nowMs: number): boolean {
  return nowMs - sinceMs < STAYS_MS || usedPercent > mark.percent - CLEARLY_LESS
}
