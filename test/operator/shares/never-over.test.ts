// The promise of shares, tried with everything going wrong: whatever pods, sidecars, the kubelet, the API server and the operator do or
// fail to do, all sidecars together never use more than the limit; where a store counts, they never have more than that for the time
// without it. Where the limit is made larger and smaller by turns, that is the largest one that there has been. SHARES=NUMBER for more
// runs.
import { expect, test } from '@jest/globals'
import type { Span } from '../../../operator/shares/span.ts'
import { pick, seeded } from '../../support/random.ts'
import { chooseEvents, SharingWorld } from './sharing-world.ts'

const RUNS = Number(process.env.SHARES ?? 2_000)
const EVENTS = 300
const HOUR_MS = 3_600_000

const SPANS: readonly (readonly [name: string, span: Span, spanMs: number])[] = [
  ['a window', { type: 'Window', windowMs: 60_000 }, 60_000],
  ['a calendar hour', { type: 'Calendar', unit: 'Hour', timeZone: 'UTC' }, HOUR_MS],
  ['what is open', { type: 'Open' }, 10_000],
]

const COUNTINGS = [
  ['all sidecars together never use more than the limit', 'Shares'],
  ['shares for the time without a store are never more than the limit', 'Store'],
] as const

const CASES = COUNTINGS.flatMap(([promise, counting]) =>
  SPANS.map(([name, span, spanMs]) => ({ promise, counting, name, span, spanMs })),
)

test.each(CASES)('$promise, of $name', ({ counting, span, spanMs }) => {
  const runs = Math.ceil(RUNS / SPANS.length)
  let tried = 0
  for (let seed = 1; seed <= runs; seed++) {
    const random = seeded(seed)
    const limit = pick(random, [1, 3, 10, 1_000, 123_456_789_012])
    const world = new SharingWorld({ random, span, limit, counting })
    const happen = chooseEvents(world, random, spanMs)
    for (let event = 0; event < EVENTS && world.faults.length === 0; event++) happen()
    tried += Math.min(1, counting === 'Store' ? world.inForce() : world.used())
    expect({ seed, faults: world.faults }).toEqual({ seed, faults: [] })
  }
  // Else nothing was tried.
  expect(tried / runs).toBeGreaterThan(0.2)
})
