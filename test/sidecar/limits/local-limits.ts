// `Limits` that count in this process, asked in the fewest words: by default, one request of nobody in particular, at 0.
import { Grant, type Reached } from '../../../sidecar/limits/grant.ts'
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'
import { Limits } from '../../../sidecar/limits/limits.ts'
import { createLocalSource } from '../../../sidecar/limits/local-source.ts'
import { Shares } from '../../../sidecar/limits/shares.ts'
import { demandOf, valuesOf } from './rows.ts'

const NOBODY = valuesOf()
const ONE = demandOf(1)

export function createLimits(rows: readonly CountedRow[]): Limits {
  const limits = new Limits(
    createLocalSource({ wallClock: (nowMs) => nowMs }),
    new Shares('Whole', 'me', 0, (nowMs) => nowMs),
  )
  limits.adopt(rows, 0)
  return limits
}

export function take(
  limits: Limits,
  rows: readonly CountedRow[],
  demand = ONE,
  values = NOBODY,
  nowMs = 0,
): Grant | Reached {
  const answer = limits.take(rows, values, demand, nowMs)
  if (answer instanceof Promise) throw new Error('a local source has to be asked for nothing')
  return answer
}

export function grantOf(answer: Grant | Reached): Grant {
  if (!(answer instanceof Grant)) throw new Error(`${answer.row.name} refused`)
  return answer
}

/** How many of these requests got through, before the first that did not; 100 at most. */
export function admitted(limits: Limits, rows: readonly CountedRow[], values = NOBODY, nowMs = 0): number {
  for (let count = 0; count < 100; count++) {
    if (!(take(limits, rows, ONE, values, nowMs) instanceof Grant)) return count
  }
  return 100
}

export function usedOf(limits: Limits, nowMs = 0): Record<string, number> {
  return Object.fromEntries(limits.reports(nowMs).map(({ row, used }) => [row.name, used]))
}
