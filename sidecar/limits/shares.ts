// How much of each row this process may count. Alone it is the whole limit; among other sidecars without a store, what the operator
// has granted of those limits that more than this pod counts: nothing until it has.
//
// A share that was granted to an earlier process of this pod is taken as used up at the moment at which this one started: what that
// one used is unknown, and it was at most this.
import type { LimitShares } from '../../contract/limit-shares.ts'
import type { WallClock } from './calendar-counter.ts'
import type { CountedRow } from './limit-row.ts'

/** `Whole`: this process is the only one, or a store counts for all. */
export type Sharing = 'Whole' | 'Assigned'

export class Shares {
  /** Random, made when the process started: whom shares are granted to. */
  readonly instance: string
  /** `nowMs` of then. */
  readonly startedAtMs: number
  readonly #sharing: Sharing
  readonly #wallClock: WallClock
  #granted: LimitShares | undefined
  /** By row, the most that an earlier process was granted. */
  readonly #inherited = new Map<string, number>()

  constructor(sharing: Sharing, instance: string, startedAtMs: number, wallClock: WallClock) {
    this.#sharing = sharing
    this.instance = instance
    this.startedAtMs = startedAtMs
    this.#wallClock = wallClock
  }

  /** Of the shares in force; null before any. */
  get version(): number | null {
    return this.#granted?.version ?? null
  }

  /** Replaces what was granted; undefined takes all of it back. Of two for the same process, the newer one counts. */
  assign(granted: LimitShares | undefined): void {
    const current = this.#granted
    if (granted?.instance === current?.instance && (granted?.version ?? 0) < (current?.version ?? 0)) return
    this.#granted = granted
    if (granted === undefined || granted.instance === this.instance) return
    for (const [id, share] of Object.entries(granted.shares)) {
      this.#inherited.set(id, Math.max(share, this.#inherited.get(id) ?? 0))
    }
  }

  /** To this process, and not to an earlier one of its pod. */
  get isGranted(): boolean {
    return this.#granted?.instance === this.instance
  }

  isShared(row: CountedRow): boolean {
    return this.#sharing === 'Assigned' && row.scope !== 'Pod'
  }

  /** Never more than the limit, which may have become smaller since. */
  capacityOf(row: CountedRow): number {
    if (!this.isShared(row)) return row.limit
    return Math.min(row.limit, this.#granted?.shares[row.id] ?? 0)
  }

  /**
   * At which of its percentages all pods together have passed the row, as the operator has said; 0: none, or this process counts
   * the whole of it and knows by itself.
   */
  passedPercentOf(row: CountedRow, nowMs: number): number {
    const mark = this.capacityOf(row) < row.limit ? this.#granted?.passed?.[row.id] : undefined
    if (mark === undefined) return 0
    return mark.untilMs === undefined || this.#wallClock(nowMs) < mark.untilMs ? mark.percent : 0
  }

  /** To be counted as used when this process started. What was open then has ended with the process that had opened it. */
  inheritedOf(row: CountedRow): number {
    return this.isShared(row) && row.span.type !== 'Open' ? (this.#inherited.get(row.id) ?? 0) : 0
  }
}
