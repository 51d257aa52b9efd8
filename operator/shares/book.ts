// All that the operator knows of shares, and what follows from it. In: documents, pods with their annotations, what sidecars answer, what
// the ledgers remember, which marks of budgets are passed. Out: annotations to write, counts to note in a ledger before anything is
// granted from them.
//
// It keeps one promise, whatever is lost, late or begun anew: for each count, what pods may use or have used, and what those that are
// gone may have used, together never exceed the limit. Where a store counts that is promised of shares alone: it has what was used
// (holding.ts). It sends nothing and asks nobody, and time is an argument, so all of it runs in a test that lets everything go wrong
// (test/operator/shares/never-over.test.ts). Rejected: remembering use in an object that is written with every change, as the annotations
// tell it already.
import type { LimitShares, LimitsReport, PassedMark } from '../../contract/limit-shares.ts'
import { type BookPod, isSamePlace } from './book-pod.ts'
import { type Count, createEntry, type Entry, isSilent, memberOf, type Place } from './count.ts'
import { departedOf, grantedOf, type LimitTotal, rememberedOf, totalsOf } from './count-totals.ts'
import { Departed } from './departed.ts'
import { divide } from './divide.ts'
import { KnownLimits } from './known-limits.ts'
import { type Ledger, type LedgerEntry, openingOf } from './ledger.ts'
import { Ledgers } from './ledgers.ts'
import { type CountedLimits, limitIdOf, placeOf, type SharedLimit } from './shared-limit.ts'
import { countsUntil } from './span.ts'

export interface Plan {
  /** Annotations to write, by uid of the pod. They are taken as written from now on. */
  readonly writes: ReadonlyMap<string, LimitShares>
  /** Namespaces whose ledgers must be read before anything of theirs is granted. */
  readonly unread: ReadonlySet<string>
  /** Namespaces whose ledgers must be written before more is granted. */
  readonly unwritten: ReadonlySet<string>
}

/** Between two writes to a pod. */
const WRITE_GAP_MS = 2_000
/** A write that is not in force by then is written again. */
const CONFIRM_MS = 10_000
/** What does not come from a pod (a window that moves on) is looked at so often. */
const LOOK_MS = 5_000

export class ShareBook {
  readonly #limits = new KnownLimits()
  readonly #entries = new Map<string, Entry>()
  readonly #counts = new Map<string, Count>()
  readonly #ledgers = new Ledgers()
  /** Counts from which something is to be granted, and which the ledger does not have as such. */
  readonly #toHold = new Map<string, string>()
  readonly #sharers = new Set<string>()
  /** Ids of limits that no document has had for long. Shares of them are taken off the pods. */
  readonly #forgotten = new Set<string>()
  /** Pods that have such shares. */
  readonly #leftovers = new Set<Entry>()
  /** Of which something is different since they were divided last. */
  #dirty = new Set<Count>()
  #lookAtMs = Number.NEGATIVE_INFINITY
  #isStale = true

  /** Undefined: the namespace has none. */
  setDocument(namespace: string, limits: CountedLimits | undefined): void {
    this.#limits.set(namespace, limits)
    this.#isStale = true
  }

  /** As it was read, or written. */
  setLedger(namespace: string, ledger: Ledger, nowMs: number): void {
    this.#ledgers.set(namespace, ledger, nowMs)
    this.#isStale = true
  }

  setPod(pod: BookPod): void {
    const known = this.#entries.get(pod.uid)
    const entry = known ?? createEntry(pod)
    const { version } = entry.holding
    if (pod.shares !== undefined) entry.holding.find(pod.shares)
    // Each write to a pod comes back as a change of it.
    if (known === undefined || version !== entry.holding.version || !isSamePlace(entry.pod, pod)) this.#isStale = true
    entry.pod = pod
    this.#entries.set(pod.uid, entry)
  }

  /** It is gone, and with it its processes; what it may have used counts on. */
  removePod(uid: string, nowMs: number): void {
    const entry = this.#entries.get(uid)
    if (entry === undefined) return
    const leaves = [...entry.holding.ids].map((id) => [id, entry.holding.leavesOf(id)] as const)
    this.#depart(entry, new Map(leaves), nowMs)
    this.#entries.delete(uid)
    this.#isStale = true
  }

  /** The pod's sidecar has answered. */
  hear(uid: string, report: LimitsReport, nowMs: number): void {
    const entry = this.#entries.get(uid)
    if (entry === undefined) return
    entry.misses = 0
    const own = new Set(this.#limits.of(entry.pod.namespace, entry.pod.labels).map(({ id }) => id))
    const isAwaited = (id: string) => own.has(id) || this.#limits.isRetired(id)
    this.#depart(entry, entry.holding.hear(this.#within(entry, report), isAwaited), nowMs)
    for (const count of entry.counts) this.#dirty.add(count)
  }

  /** It could not be asked. */
  miss(uid: string): void {
    const entry = this.#entries.get(uid)
    if (entry?.misses !== undefined) entry.misses++
  }

  /** Of budgets: at which of their percentages all are that share a count, by its name. Pods are told with what they are granted. */
  setPassed(passed: ReadonlyMap<string, PassedMark>, nowMs: number): void {
    for (const { counts, holding } of this.#entries.values()) {
      const own = counts.flatMap(({ name, limit }): [string, PassedMark][] => {
        const mark = passed.get(name)
        return mark === undefined ? [] : [[limit.id, mark]]
      })
      // One that is in no count yet keeps what an earlier operator has told it.
      if (counts.length > 0) holding.tell(new Map(own), nowMs)
    }
  }

  /** What was planned for it could not be written: it may have been, or not. */
  failed(uid: string): void {
    const entry = this.#entries.get(uid)
    if (entry !== undefined) entry.writtenMs = Number.NEGATIVE_INFINITY
  }

  /** Pods that count a limit that others count too, or may still have a share of one, as of the last plan. */
  get sharers(): ReadonlySet<string> {
    return this.#sharers
  }

  /** Whether what was written for the pod is to be confirmed yet. */
  awaits(uid: string): boolean {
    const holding = this.#entries.get(uid)?.holding
    return holding !== undefined && holding.version > 0 && holding.confirmed === 'No'
  }

  plan(nowMs: number): Plan {
    const unread = this.#refresh(nowMs)
    const changes = new Map<Entry, Map<string, number>>()
    const dirty = this.#dirty
    this.#dirty = new Set()
    this.#toHold.clear()
    for (const count of dirty) this.#divide(count, changes, nowMs)
    for (const entry of this.#leftovers)
      if (!changes.has(entry) && this.#holdsForgotten(entry)) changes.set(entry, new Map())
    const writes = new Map<string, LimitShares>()
    for (const entry of this.#entries.values()) {
      const shares = changes.get(entry)
      if (this.#isDue(entry, shares, nowMs)) writes.set(entry.pod.uid, this.#grant(entry, shares, nowMs))
      else if (shares !== undefined) for (const count of entry.counts) this.#dirty.add(count)
    }
    return { writes, unread, unwritten: new Set(this.#toHold.values()) }
  }

  #grant(entry: Entry, changes: ReadonlyMap<string, number> | undefined, nowMs: number): LimitShares {
    entry.writtenMs = nowMs
    return entry.holding.grant(this.#sharesOf(entry, changes), nowMs)
  }

  /** What the namespace's ledger is to hold. Before it is written, `beforeLedger`; when it is, `setLedger`. */
  ledgerOf(namespace: string, nowMs: number): Ledger {
    const unknown = this.#ledgers.unknown(namespace, (name) => this.#counts.has(name), nowMs)
    const counts = [...this.#counts.values()].filter(({ home }) => home === namespace)
    const isGranted = (count: Count): boolean => this.#heldOf(count) > 0 || this.#toHold.has(count.name)
    return new Map([...unknown, ...rememberedOf(counts, isGranted, nowMs)])
  }

  /** A ledger is about to be written: until it is there, only what both have as held is; what is not known yet stays. */
  beforeLedger(namespace: string, ledger: Ledger): void {
    this.#ledgers.expect(namespace, ledger, (name) => this.#counts.has(name))
  }

  /** Namespaces whose ledgers were read. */
  ledgerNamespaces(): string[] {
    return this.#ledgers.namespaces()
  }

  /** By limit id. */
  totals(nowMs: number): Map<string, LimitTotal> {
    const declared = [...this.#counts.values()].filter(({ limit }) => !this.#limits.isRetired(limit.id))
    return totalsOf(declared, nowMs)
  }

  /** What those that are gone may have used, by name of the count. */
  departed(nowMs: number): Map<string, number> {
    return departedOf(this.#counts.values(), nowMs)
  }

  /** Sees to it that every pod is in its counts; returns the namespaces whose ledgers are missing for that. */
  #refresh(nowMs: number): Set<string> {
    const unread = new Set<string>()
    for (const id of this.#limits.age(nowMs)) {
      this.#forgotten.add(id)
      this.#isStale = true
    }
    const isDirty = this.#isStale || this.#lookAtMs <= nowMs
    if (this.#isStale) {
      for (const count of this.#counts.values()) count.places = []
      this.#sharers.clear()
      this.#leftovers.clear()
      const opened = new Set<Count>()
      for (const entry of this.#entries.values()) this.#place(entry, opened, unread)
      for (const count of this.#remembered()) opened.add(count)
      for (const count of opened) this.#open(count, nowMs)
      this.#isStale = unread.size > 0
      if (!this.#isStale) this.#pruneForgotten()
    }
    if (isDirty) this.#look(nowMs)
    return unread
  }

  /** All counts are open: of a limit that is declared again nothing is dropped any more, and one that no pod has needs no taking off. */
  #pruneForgotten(): void {
    for (const id of this.#forgotten) {
      const isHeld = [...this.#entries.values()].some(({ holding }) => holding.shareOf(id) > 0)
      if (!isHeld || this.#limits.find(id) !== undefined) this.#forgotten.delete(id)
    }
  }

  /** At all counts; those that nobody shares, and that nothing is left of, are forgotten. */
  #look(nowMs: number): void {
    this.#lookAtMs = nowMs + LOOK_MS
    for (const count of this.#counts.values()) {
      const { name, home, places, departed } = count
      this.#dirty.add(count)
      if (places.length > 0 || departed.total(nowMs) > 0) continue
      this.#counts.delete(name)
      this.#dirty.delete(count)
      this.#ledgers.forget(home, name)
    }
  }

  #place(entry: Entry, opened: Set<Count>, unread: Set<string>): void {
    entry.counts = []
    this.#placeUndeclared(entry)
    for (const [limit, counts] of this.#limitsOf(entry)) {
      const { name, home } = placeOf(limit, entry.pod)
      this.#sharers.add(entry.pod.uid)
      if (!this.#ledgers.has(home)) {
        unread.add(home)
        continue
      }
      const known = this.#counts.get(name)
      const count = known ?? { name, home, limit, departed: new Departed(), places: [] }
      // Namespaces get a changed provider one after another: until all have, the smaller limit counts.
      const isSmaller = count.places.length === 0 || limit.limit < count.limit.limit
      if (isSmaller) count.limit = limit
      count.places.push({ entry, id: limit.id, counts })
      this.#counts.set(name, count)
      entry.counts.push(count)
      if (known === undefined) opened.add(count)
    }
  }

  /** What it has of limits that its documents do not know. */
  #placeUndeclared(entry: Entry): void {
    const { pod, holding } = entry
    if (!this.#limits.has(pod.namespace)) return
    for (const id of holding.ids) if (holding.shareOf(id) > 0 && !this.#forgotten.has(id)) this.#limits.meet(id)
    if (!this.#holdsForgotten(entry)) return
    this.#leftovers.add(entry)
    this.#sharers.add(pod.uid)
  }

  /** Counts of which no pod is left. */
  #remembered(): Count[] {
    const found = this.#ledgers.names().flatMap(([home, name]): Count[] => {
      const limit = this.#counts.has(name) ? undefined : this.#limits.find(limitIdOf(name))
      return limit === undefined ? [] : [{ name, home, limit, departed: new Departed(), places: [] }]
    })
    for (const count of found) this.#counts.set(count.name, count)
    return found
  }

  #limitsOf(entry: Entry): [limit: SharedLimit, counts: Place['counts']][] {
    const { pod, holding } = entry
    const selected = this.#limits.of(pod.namespace, pod.labels)
    const ids = new Set(selected.map(({ id }) => id))
    const others = [...holding.ids].filter((id) => !ids.has(id) && holding.totalOf(id) > 0)
    const countsOf = (id: string) => (this.#limits.has(pod.namespace) && !this.#limits.isRetired(id) ? 'No' : 'Unknown')
    return [
      ...selected.map((limit): [SharedLimit, Place['counts']] => [limit, 'Yes']),
      ...others.flatMap((id): [SharedLimit, Place['counts']][] => {
        const limit = this.#limitOf(entry, id)
        return limit === undefined ? [] : [[limit, countsOf(id)]]
      }),
    ]
  }

  #limitOf({ pod }: Entry, id: string): SharedLimit | undefined {
    return this.#limits.find(id, pod.namespace)
  }

  /** It is met first: what may have been used of it before is only known from what is left of then. */
  #open({ name, home, limit, departed, places }: Count, nowMs: number): void {
    const granted = grantedOf(places)
    const untilMs = countsUntil(limit.span, nowMs)
    // Its ledger was dropped, when nothing counted any more: shares that a pod has still are all that there can be of it.
    const dropped: LedgerEntry | undefined = this.#forgotten.has(limit.id) ? { type: 'Held', most: granted } : undefined
    const opening = openingOf(this.#ledgers.entry(home, name) ?? dropped, { limit: limit.limit, granted, untilMs })
    departed.addUntil(opening.amount, opening.untilMs)
  }

  #divide(count: Count, changes: Map<Entry, Map<string, number>>, nowMs: number): void {
    const { limit, departed, places } = count
    const members = places.map(memberOf)
    const orphaned = places.reduce((sum, { entry, id }) => sum + entry.holding.orphanedOf(id), 0)
    const divided = (most: number) => divide({ limit: most, departed: departed.total(nowMs) + orphaned, members })
    let shares = divided(limit.limit)
    if (shares.size === 0) return
    const held = this.#heldOf(count)
    if (held < limit.limit) {
      this.#toHold.set(count.name, count.home)
      this.#dirty.add(count)
      // A limit that was raised goes on as it was until that is remembered.
      shares = held === 0 ? new Map<string, number>() : divided(held)
    }
    for (const { entry } of places) {
      const share = shares.get(entry.pod.uid)
      if (share === undefined) continue
      changes.set(entry, (changes.get(entry) ?? new Map<string, number>()).set(limit.id, share))
    }
  }

  #heldOf({ name, home }: Count): number {
    return this.#ledgers.heldOf(home, name)
  }

  #isDue(entry: Entry, changes: ReadonlyMap<string, number> | undefined, nowMs: number): boolean {
    const { holding, writtenMs } = entry
    if (isSilent(entry)) return false
    if (changes !== undefined || holding.hasNews) return nowMs - writtenMs >= WRITE_GAP_MS
    return holding.version > 0 && holding.confirmed === 'No' && nowMs - writtenMs >= CONFIRM_MS
  }

  #sharesOf(entry: Entry, changes: ReadonlyMap<string, number> = new Map()): Map<string, number> {
    const { holding } = entry
    const ids = new Set([...changes.keys(), ...holding.ids])
    const shares = [...ids]
      .filter((id) => !this.#isForgotten(entry, id))
      .map((id): [string, number] => [id, changes.get(id) ?? holding.shareOf(id)])
    return new Map(shares.filter(([, share]) => share > 0).sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  #isForgotten(entry: Entry, id: string): boolean {
    return this.#forgotten.has(id) && this.#limits.has(entry.pod.namespace) && this.#limitOf(entry, id) === undefined
  }

  #holdsForgotten(entry: Entry): boolean {
    return [...entry.holding.ids].some((id) => entry.holding.shareOf(id) > 0 && this.#isForgotten(entry, id))
  }

  #depart(entry: Entry, remains: ReadonlyMap<string, number>, nowMs: number): void {
    for (const [id, amount] of remains) {
      const limit = this.#limitOf(entry, id)
      if (limit === undefined) continue
      this.#counts.get(placeOf(limit, entry.pod).name)?.departed.add(amount, limit.span, nowMs)
    }
  }

  /**
   * What a sidecar says is believed as far as it can be: of limits that there are, and no more than there is of them. What a store counts
   * is nobody's own: it takes nothing from the shares, which are for the time without it. Only where a pod leaves, no other process follows
   * one that has ended.
   */
  #within(entry: Entry, report: LimitsReport): LimitsReport {
    const limits = report.limits.flatMap(({ id, share, used, wanted }) => {
      const limit = this.#limitOf(entry, id)
      if (limit === undefined) return []
      const most = Math.max(limit.limit, entry.holding.boundOf(id))
      const own = report.store === 'Up' ? 0 : used
      return [{ id, share: Math.min(share, most), used: Math.min(own, most), wanted: Math.min(wanted, most) }]
    })
    const { ended, ...rest } = report
    return { ...rest, limits, ...(ended && entry.pod.standing === 'Leaving' && { ended }) }
  }
}
