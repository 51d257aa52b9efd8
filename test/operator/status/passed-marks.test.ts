// Which mark of a budget is passed, by what was passed before and what is used now.
import { describe, expect, test } from '@jest/globals'
import type { PassedMark } from '../../../contract/limit-shares.ts'
import type { RowUse } from '../../../operator/status/limit-use.ts'
import { passingOf } from '../../../operator/status/passed-marks.ts'

const MARKS = [50, 80, 95]
const NOW_MS = 1_000_000
const ENDS_MS = NOW_MS + 3_600_000

/** A budget that has been at `before` for so long, and is at `percent` now. */
interface Situation {
  before?: PassedMark
  forMs?: number
  percent: number
  resetsAtMs?: number
}

function check(
  name: string,
  { before, forMs = 0, percent, ...period }: Situation,
  expected: PassedMark | undefined,
): void {
  test(name, () => {
    const known = before && { mark: before, sinceMs: NOW_MS - forMs }
    const use: RowUse = { used: percent * 10, limit: 1_000, ...period }
    const next = passingOf(known, use, MARKS, NOW_MS)
    expect(next?.mark).toEqual(expected)
    // What stays has stayed all the time.
    expect(next?.sinceMs).toBe(expected && (next === known ? NOW_MS - forMs : NOW_MS))
  })
}

describe('of a window that slides', () => {
  check('none is passed below the first', { percent: 49.9 }, undefined)
  check('the highest that is reached is', { percent: 80 }, { percent: 80 })
  check('so it is beyond all of them', { percent: 150 }, { percent: 95 })
  check('a higher one is passed at once', { before: { percent: 50 }, percent: 95 }, { percent: 95 })
  check('one that is passed stays', { before: { percent: 80 }, forMs: 600_000, percent: 90 }, { percent: 80 })
  check('also when a little less is used', { before: { percent: 80 }, forMs: 600_000, percent: 76 }, { percent: 80 })
  check('and for a minute in any case', { before: { percent: 80 }, forMs: 59_999, percent: 0 }, { percent: 80 })
  check('then the one that is reached counts', { before: { percent: 80 }, forMs: 60_000, percent: 75 }, { percent: 50 })
  check('or none', { before: { percent: 80 }, forMs: 60_000, percent: 10 }, undefined)
})

describe('of a period', () => {
  const now = { percent: 80, untilMs: ENDS_MS }
  const earlier = { percent: 95, untilMs: NOW_MS }

  check('a mark holds until its end', { percent: 85, resetsAtMs: ENDS_MS }, now)
  check('and stays until then', { before: now, percent: 79, resetsAtMs: ENDS_MS }, now)
  check('with another period all begins anew', { before: earlier, percent: 1, resetsAtMs: ENDS_MS }, undefined)
  check('whatever it has passed already', { before: earlier, percent: 80, resetsAtMs: ENDS_MS }, now)
  check('as with a window instead of it', { before: now, percent: 10 }, undefined)
})
