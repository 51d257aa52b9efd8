// The counts of one row, one for each value of its keys. How many there are is bounded, since clients choose headers: what comes beyond
// that shares one more count, so that new names bring no new room. Whoever is idle makes place first, and whoever gets that place
// brings along what the shared count holds: how much of it is its own is unknown, and it was at most all of it.
import { Count } from './count.ts'
import type { CounterSource } from './counter.ts'
import type { CountedRow } from './limit-row.ts'
import type { KeyValues } from './row-key.ts'
import type { Shares } from './shares.ts'

/** Of the count that all share who came too late for one of their own. No header can have this value. */
export const OVERFLOW_KEY = '…'
/** Counts looked at for an idle one, each time there is no place: all get their turn, and nobody pays for all. */
const LOOKS = 16
const TOP_KEYS = 5

export interface KeyUse {
  readonly key: string
  readonly used: number
}

/** Of one row in this process. Keys that hold headers are clients' words: not for the labels of a metric. */
export interface RowReport {
  readonly row: CountedRow
  readonly capacity: number
  /** The most of all its keys. */
  readonly used: number
  /** What would be used had nothing been refused lately, estimated; the most of all its keys. */
  readonly wanted: number
  /** Whether the last that asked, for any of its keys, was refused. */
  readonly last: 'Admitted' | 'Refused'
  /** Since this process started: requests or attempts that this row refused; and that it would have, in Shadow, had it decided. */
  readonly refused: number
  readonly shadowRefused: number
  /** How many have a count of their own. */
  readonly keys: number
  /** Since this process started: takes that were counted under OVERFLOW_KEY. */
  readonly overflowed: number
  /** The busiest first. */
  readonly top: readonly KeyUse[]
}

export class RowCounts {
  #row: CountedRow
  readonly #source: CounterSource
  readonly #shares: Shares
  readonly #byKey = new Map<string, Count>()
  #only: Count | undefined
  #overflow: Count | undefined
  #hand: Iterator<Count> = [][Symbol.iterator]()
  /** What is counted in each as used by an earlier process: then, if the count is new, or else when that became known. */
  #inherited: number
  #refused = 0
  #shadowRefused = 0
  #overflowed = 0

  constructor(row: CountedRow, source: CounterSource, shares: Shares) {
    this.#row = row
    this.#source = source
    this.#shares = shares
    this.#inherited = shares.inheritedOf(row)
  }

  /** Another version of the row, or another share of it. */
  configure(row: CountedRow, nowMs: number): void {
    this.#row = row
    const capacity = this.#shares.capacityOf(row)
    const inherited = this.#shares.inheritedOf(row)
    for (const count of this.#all()) {
      count.row = row
      count.counter.configure(row, capacity, nowMs)
      count.use(inherited - this.#inherited, nowMs)
    }
    this.#inherited = inherited
  }

  /** The same row as before, with the shares that are now in force. */
  applyShares(nowMs: number): void {
    this.configure(this.#row, nowMs)
  }

  countFor(values: KeyValues, nowMs: number): Count {
    const { keyOf, keysMax } = this.#row
    if (keyOf === undefined) {
      this.#only ??= this.#create('', nowMs)
      return this.#only
    }
    const key = keyOf(values)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const hasPlace = this.#byKey.size < keysMax || this.#dropIdle(nowMs)
    return hasPlace && this.#canLeaveOverflow(nowMs) ? this.#add(copy(key), nowMs) : this.#overflowCount(nowMs)
  }

  noteRefused(): void {
    this.#refused++
  }

  noteShadowRefused(): void {
    this.#shadowRefused++
  }

  isIdle(nowMs: number): boolean {
    return this.#all().every(({ counter }) => counter.isIdle(nowMs))
  }

  report(nowMs: number): RowReport {
    const counts = this.#all()
    const uses = counts.map(({ key, counter }) => ({ key, used: counter.used(nowMs) }))
    const top = uses.sort((a, b) => b.used - a.used).slice(0, TOP_KEYS)
    return {
      row: this.#row,
      capacity: this.#shares.capacityOf(this.#row),
      used: top[0]?.used ?? 0,
      wanted: counts.reduce((most, count) => Math.max(most, count.wanted(nowMs)), 0),
      last: counts.some(({ last }) => last === 'Refused') ? 'Refused' : 'Admitted',
      refused: this.#refused,
      shadowRefused: this.#shadowRefused,
      keys: this.#byKey.size,
      overflowed: this.#overflowed,
      top,
    }
  }

  #all(): Count[] {
    return [...this.#byKey.values(), ...[this.#only, this.#overflow].filter((count) => count !== undefined)]
  }

  #create(key: string, nowMs: number): Count {
    const row = this.#row
    const count = new Count(row, key, this.#source.create(row, key, this.#shares.capacityOf(row), nowMs))
    count.use(this.#inherited, this.#shares.startedAtMs)
    return count
  }

  #add(key: string, nowMs: number): Count {
    const count = this.#create(key, nowMs)
    count.use(this.#overflow?.counter.used(nowMs) ?? 0, nowMs)
    this.#byKey.set(key, count)
    return count
  }

  /** What is open cannot be brought along: it ends where it began. */
  #canLeaveOverflow(nowMs: number): boolean {
    return this.#row.span.type !== 'Open' || (this.#overflow?.counter.isIdle(nowMs) ?? true)
  }

  #overflowCount(nowMs: number): Count {
    this.#overflowed++
    this.#overflow ??= this.#create(OVERFLOW_KEY, nowMs)
    return this.#overflow
  }

  #dropIdle(nowMs: number): boolean {
    for (let looks = Math.min(LOOKS, this.#byKey.size); looks > 0; looks--) {
      const count = this.#nextByTurns()
      if (count?.counter.isIdle(nowMs) === true) return this.#byKey.delete(count.key)
    }
    return false
  }

  #nextByTurns(): Count | undefined {
    const next = this.#hand.next()
    if (next.done !== true) return next.value
    this.#hand = this.#byKey.values()
    return this.#hand.next().value
  }
}

// A value cut from a message's head can keep the whole head alive; a copy cannot.
function copy(key: string): string {
  return Buffer.from(key, 'utf16le').toString('utf16le')
}
