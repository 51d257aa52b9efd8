// What every counter of a store gets from its source.
import type { LimitScope } from '../../contract/limit-config.ts'
import type { WallClock } from '../limits/calendar-counter.ts'
import type { CountedRow } from '../limits/limit-row.ts'
import type { AcquisitionDeps } from './acquisitions.ts'
import type { OnStoreFailure } from './failure-policy.ts'

/** Looked at in turns, every few milliseconds, while it has something for the store. */
export interface Flushable {
  /** False: it has nothing more, and is left alone until it is scheduled again. */
  flush(nowMs: number): boolean
  /** The process ends: whatever it holds in the store goes back with the next flushes. */
  release(): void
}

export interface CounterDeps extends AcquisitionDeps {
  readonly wallClock: WallClock
  readonly timeoutMs: number
  readonly onFailure: OnStoreFailure
  /** Random, of this process: what it holds in the store is under this name. */
  readonly instance: string
  /** That share a count of this scope, this one included; 1 where it is not known. */
  readonly sidecars: (scope: LimitScope) => number
  /** What the operator has granted this pod of the row; undefined where it grants nothing to anybody. */
  readonly shareOf: (row: CountedRow) => number | undefined
  readonly schedule: (counter: Flushable) => void
}
