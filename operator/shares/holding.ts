// What one pod holds, as far as it is known: what was granted, what may be in force, what its sidecar says of it. In: what was written,
// what the sidecar answered. Out: for each limit, the most that the pod can have used or can still use without another grant.
//
// Nothing is taken back by being written. A share that was made smaller counts with what it was until the sidecar says that the new one
// is in force: the write may be lost, the file may come late. And what was used before counts on until it leaves the window.
//
// A process that takes over from another one counts the shares that it finds as used (contract/limit-shares.ts), so between the two
// no more is used than was granted to the first. What that may have been beyond the shares that were found is orphaned: nobody
// counts it, and it stays until the new process has shares of its own, because others for the first may still be on their way.
//
// A pod that goes may have used all that it was granted, and that counts on, of a month's budget for the rest of the month. Only a pod
// that leaves, and whose process has said at its end what it has used, leaves no more behind. Until the pod is gone its share counts all
// the same: as long as its annotation is there, an operator that starts anew reads it.
//
// Where a store counts for all, what was used is in the store, and a pod or a process that goes leaves nothing behind. While the store is
// away each sidecar tells what all have used, and what one of them has used that the store does not know is its share at most. Who goes
// away between the store's end and the next answer may have used a share that nobody counts: rejected is to count all shares of all
// that ever go for that, since of a month's limit nothing would be left after some rollouts.
//
// What a sidecar is told of budgets besides (`passed`) goes with what is granted, and has no part in all this.
import type { LimitShares, LimitsReport, PassedMark } from '../../contract/limit-shares.ts'

interface Heard {
  readonly used: number
  readonly wanted: number
}

/** By limit id. */
type Amounts = ReadonlyMap<string, number>

const NONE: Amounts = new Map()

/** By id of the budget. */
type Passed = ReadonlyMap<string, PassedMark>

export class Holding {
  /** Which process of the pod answered last, else for which the shares were written; undefined before any. */
  instance: string | undefined
  /** Of the last write; 0 before any. */
  version = 0
  /** What is written last is in force, in the process for which it was written. */
  confirmed: 'Yes' | 'No' = 'No'
  /** For which process the last write was. */
  #addressee: string | undefined
  #shares: Amounts = NONE
  /** What may be in force from earlier writes, where it is more than the share. */
  #before: Amounts = NONE
  #orphaned: Amounts = NONE
  #heard: ReadonlyMap<string, Heard> = new Map()
  /** As its sidecar said last. */
  #store: LimitsReport['store']
  /** What its process has said at its end. */
  #last: ReadonlyMap<string, Heard> = new Map()
  /** Written with the last grant, or to be written with the next one. */
  #passed: Passed = new Map()
  #tells: 'News' | 'Nothing' = 'Nothing'

  get ids(): ReadonlySet<string> {
    return new Set([this.#shares, this.#before, this.#orphaned, this.#heard].flatMap((amounts) => [...amounts.keys()]))
  }

  shareOf(id: string): number {
    return this.#shares.get(id) ?? 0
  }

  /** The most that its process can have used within the window or period, or can use by what was granted until now. */
  boundOf(id: string): number {
    return Math.max(this.#grantedOf(id), this.#heard.get(id)?.used ?? 0)
  }

  /** What a process before may have used besides. */
  orphanedOf(id: string): number {
    return this.#orphaned.get(id) ?? 0
  }

  /** Of all its processes together. */
  totalOf(id: string): number {
    return this.boundOf(id) + this.orphanedOf(id)
  }

  /** What nobody else counts of what the pod may have used, should it be gone now. */
  leavesOf(id: string): number {
    const last = this.#store === undefined ? this.#last.get(id) : undefined
    return last === undefined ? this.#heldBy(id) : this.orphanedOf(id) + last.used
  }

  wantedOf(id: string): number {
    return this.#heard.get(id)?.wanted ?? 0
  }

  /** The pod's annotation as it was found: this operator's own, an earlier one's, or one that somebody else wrote. */
  find({ instance, version, shares, before = {}, passed = {} }: LimitShares): void {
    if (version <= this.version) return
    const ids = new Set([...this.ids, ...Object.keys(before)])
    this.#before = new Map([...ids].map((id) => [id, Math.max(this.#grantedOf(id), before[id] ?? 0)]))
    this.#shares = new Map(Object.entries(shares))
    this.#passed = new Map(Object.entries(passed))
    this.#tells = 'Nothing'
    this.version = version
    this.instance ??= instance
    this.#addressee = instance
    this.confirmed = 'No'
  }

  /** What its sidecar is to know of the limits that it shares. One with a store knows by itself. */
  tell(passed: Passed, nowMs: number): void {
    if (this.#store !== undefined || isSame(stillTrue(this.#passed, nowMs), passed)) return
    this.#passed = passed
    this.#tells = 'News'
  }

  /** There is something to write although no share changes. A sidecar that was granted nothing yet hears it with its first shares. */
  get hasNews(): boolean {
    return this.version > 0 && this.#tells === 'News' && this.#store === undefined
  }

  /** Grants these shares, and gives what is to be written. Limits that are not named are taken away. Needs an instance. */
  grant(shares: Amounts, nowMs: number): LimitShares {
    const totals = [...this.ids].map((id) => [id, this.totalOf(id)] as const)
    const granted = [...this.ids].map((id) => [id, this.#grantedOf(id)] as const)
    const isMore = ([id, amount]: readonly [string, number]): boolean => amount > (shares.get(id) ?? 0)
    const before = Object.fromEntries(totals.filter(isMore))
    this.#before = new Map(granted.filter(isMore))
    this.#shares = shares
    // By the clock, so that an annotation that somebody took away is not followed by smaller versions.
    this.version = Math.max(this.version + 1, Math.floor(nowMs))
    this.#addressee = this.instance
    this.confirmed = 'No'
    this.#passed = stillTrue(this.#passed, nowMs)
    this.#tells = 'Nothing'
    return {
      ...{ instance: this.instance ?? '', version: this.version, shares: Object.fromEntries(shares) },
      ...(Object.keys(before).length > 0 && { before }),
      ...(this.#passed.size > 0 && { passed: Object.fromEntries(this.#passed) }),
    }
  }

  /**
   * What the sidecar answered; of limits of which it may yet say more (`isAwaited`), what it said before stands. Returns what a process
   * that is gone may have used, once no more can come of what it was granted.
   */
  hear({ instance, sharesVersion, limits, store, ended }: LimitsReport, isAwaited: (id: string) => boolean): Amounts {
    const earlier = this.instance === instance ? [...this.#heard].filter(([id]) => isAwaited(id)) : []
    if (this.instance !== undefined && this.instance !== instance) this.#takeOver(limits)
    this.instance = instance
    this.#store = store
    const told = limits.map(({ id, used, wanted }): [string, Heard] => [id, { used, wanted: Math.max(used, wanted) }])
    this.#heard = new Map([...earlier, ...told])
    // Of limits that it does not name it has said nothing.
    this.#last = new Map(ended === true ? told : [])
    const isInForce = sharesVersion === this.version && this.#addressee === instance
    this.confirmed = isInForce ? 'Yes' : 'No'
    if (!isInForce) {
      this.#believe(limits)
      return NONE
    }
    const remains = this.#orphaned
    this.#before = NONE
    this.#orphaned = NONE
    return remains
  }

  /** Another process than before says what it has found. */
  #takeOver(limits: LimitsReport['limits']): void {
    const taken = new Map(limits.map(({ id, share, used }) => [id, Math.min(share, used)]))
    // Whatever it said at its end: what was granted to it may come late, to the next one.
    const orphaned = [...this.ids].map((id) => [id, this.#heldBy(id) - (taken.get(id) ?? 0)] as const)
    this.#orphaned = new Map(orphaned.filter(([, amount]) => amount > 0))
    this.#shares = new Map(limits.map(({ id, share }) => [id, share]))
    this.#before = NONE
  }

  /** What it says is in force, where that is more than was thought. */
  #believe(limits: LimitsReport['limits']): void {
    const more = limits.filter(({ id, share }) => share > this.#grantedOf(id))
    this.#before = new Map([...this.#before, ...more.map(({ id, share }) => [id, share] as const)])
  }

  /** The most that its processes have used, or can use yet, and that nobody else counts. */
  #heldBy(id: string): number {
    if (this.#store === 'Up') return this.orphanedOf(id)
    return this.orphanedOf(id) + (this.#store === 'Away' ? this.#grantedOf(id) : this.boundOf(id))
  }

  #grantedOf(id: string): number {
    return Math.max(this.shareOf(id), this.#before.get(id) ?? 0)
  }
}

function stillTrue(passed: Passed, nowMs: number): Passed {
  return new Map([...passed].filter(([, { untilMs }]) => untilMs === undefined || nowMs < untilMs))
}

function isSame(a: Passed, b: Passed): boolean {
  const isSameMark = (mark: PassedMark, other: PassedMark | undefined): boolean =>
    mark.percent === other?.percent && mark.untilMs === other.untilMs
  return a.size === b.size && [...a].every(([id, mark]) => isSameMark(mark, b.get(id)))
}
