import type { LimitShares } from '../../contract/limit-shares.ts'
import type { Sharer } from './shared-limit.ts'

/** A pod with a sidecar, as the book of shares knows it. */
export interface BookPod extends Sharer {
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly standing: 'Live' | 'Leaving'
  /** Of its annotation; undefined: none, or none that can be read. */
  readonly shares: LimitShares | undefined
}

/** Whether the same limits concern both, in the same counts. */
export function isSamePlace(a: BookPod, b: BookPod): boolean {
  const [left, right] = [Object.entries(a.labels), b.labels]
  const sameLabels = left.length === Object.keys(right).length && left.every(([key, value]) => right[key] === value)
  return sameLabels && a.standing === b.standing && a.workload === b.workload
}
