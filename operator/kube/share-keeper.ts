// Divides limits that pods share among their sidecars, while this replica leads. In: documents, pods as they come and go. Does: asks the
// sidecars what they use and which shares are in force, and writes shares into an annotation of the pods, which the kubelet brings
// to the sidecar at once. Out, besides: what statuses are to show of limits, for which those are asked too that share none
// (operator/status/use-book.ts). What is written to whom is the book's to decide (operator/shares/book.ts); here is only the talking.
//
// Every write asks for the pod not to have changed since it was seen: so one that comes late, of this operator or of an earlier
// one, never undoes a newer one. Sidecars are asked, as for their revisions, and not watched: a report that comes by itself would
// need an address and a right. How fast: every two seconds, slower where there are many or where a pod shares nothing, and faster
// while a write is awaited.
import {
  type LimitShares,
  type LimitsReport,
  parseLimitShares,
  SHARES_ANNOTATION,
} from '../../contract/limit-shares.ts'
import type { SidecarConfig } from '../../contract/sidecar-config.ts'
import type { Log } from '../../process/log.ts'
import type { ObjectReference } from '../api/problem.ts'
import { createSlots } from '../pace.ts'
import type { SidecarPod } from '../rollout/pod.ts'
import { ShareBook } from '../shares/book.ts'
import type { LimitTotal } from '../shares/count-totals.ts'
import { countedLimitsOf } from '../shares/shared-limit.ts'
import type { LimitUses } from '../status/limit-use.ts'
import { UseBook } from '../status/use-book.ts'
import type { KubeClient, KubeError } from './client.ts'
import type { Clock } from './clock.ts'
import { PODS, pathOf } from './resource.ts'
import { ShareLedgers } from './share-ledgers.ts'

export interface ShareKeeperOptions {
  client: Pick<KubeClient, 'request'>
  /** What the sidecar at `HOST:PORT` counts; rejects when it cannot be asked. */
  askLimits(admin: string): Promise<LimitsReport>
  /** Resolves when one more pod may be written. */
  writeTurn(): Promise<void>
  onWrite(result: 'Written' | 'Conflict' | 'Failed'): void
  /** By limit id, now and then. */
  onTotals(totals: ReadonlyMap<string, LimitTotal>): void
  /** What the namespace's statuses are to show of limits is different: `usesOf`. */
  onUse(namespace: string): void
  clock: Clock
  random(): number
  log: Log
}

interface Entry {
  pod: SidecarPod
  resourceVersion: string
  /** A write met another version than this; the watch will bring a newer one. */
  conflict: string | undefined
  /** Clock of `uptime`. */
  askAtMs: number
  askedFor: 'Nothing' | 'Answer'
  /** Whether it counts any limit, shared or not. */
  counts: 'Yes' | 'No'
  writtenMs: number
  /** To be written, or being written; the newest. */
  write: LimitShares | undefined
  writing: 'No' | 'Yes'
}

const STEP_MS = 250
const ASK_EVERY_MS = 2_000
/** Whoever shares nothing: for statuses only. */
const ASK_OTHERS_EVERY_MS = 10_000
/** Whoever is about to end waits with its last word, but not for long. */
const ASK_LEAVING_EVERY_MS = 1_000
const ASKS_PER_SECOND = 50
/** While a write is awaited: first as often as there are steps, then more slowly. */
const AWAITED_AT_ONCE_MS = 1_500
const AWAITED_EVERY_MS = 1_000
const WRITES_AT_ONCE = 16
/** Ledgers that no grant waits for, and what is told of all. */
const TIDY_EVERY_MS = 30_000
/** At what is used, for statuses; not before all have had time to say it. */
const LOOK_EVERY_MS = 5_000
const FIRST_LOOK_MS = 10_000

export class ShareKeeper {
  readonly #options: ShareKeeperOptions
  readonly #book = new ShareBook()
  readonly #ledgers: ShareLedgers
  readonly #uses = new UseBook()
  /** By uid. */
  readonly #entries = new Map<string, Entry>()
  /** Namespaces whose documents hold limits. */
  readonly #limited = new Set<string>()
  readonly #inSlot = createSlots(WRITES_AT_ONCE)
  #cancelTimer: (() => void) | undefined
  #tidyAtMs = 0
  #lookAtMs: number
  /** Whether each sidecar was asked once. */
  #areAsked: 'Yes' | 'No' = 'No'
  #closed = false

  constructor(options: ShareKeeperOptions) {
    this.#options = options
    this.#ledgers = new ShareLedgers({ ...options, book: this.#book })
    this.#lookAtMs = options.clock.uptime() + FIRST_LOOK_MS
  }

  /** What the namespace's sidecars are to run; undefined: nothing any more. */
  setDocument(namespace: string, config: SidecarConfig | undefined): void {
    const limits = config && countedLimitsOf(config)
    this.#book.setDocument(namespace, limits)
    this.#uses.setDocument(namespace, config)
    if (limits === undefined || limits.byId.size === 0) this.#limited.delete(namespace)
    else this.#limited.add(namespace)
    for (const entry of this.#entries.values()) if (entry.pod.namespace === namespace) this.#noteLimits(entry)
    if (this.#limited.size === 0) this.#options.onTotals(new Map())
    this.#goOn()
  }

  /** A pod came or is different. */
  setPod(pod: SidecarPod): void {
    const { sharing, state, uid } = pod
    // Its sidecar has ended, or there never was one.
    if (state === 'Missing' || (state === 'Ended' && sharing.admin === undefined)) return this.removePod(uid)
    const known = this.#entries.get(uid)
    const entry = known ?? createEntry(pod)
    if (known === undefined || isOtherProcess(entry.pod, pod)) entry.askAtMs = Number.NEGATIVE_INFINITY
    entry.pod = pod
    entry.resourceVersion = sharing.resourceVersion
    this.#entries.set(uid, entry)
    this.#noteLimits(entry)
    this.#book.setPod({
      ...{ uid, namespace: pod.namespace, workload: sharing.workload, labels: pod.labels },
      ...{ standing: state === 'Ended' ? 'Leaving' : 'Live', shares: sharesOf(pod) },
    })
    if (entry.conflict !== undefined && entry.conflict !== entry.resourceVersion) {
      entry.conflict = undefined
      this.#book.failed(uid)
    }
    this.#goOn()
  }

  removePod(uid: string): void {
    this.#uses.removePod(uid)
    if (this.#entries.delete(uid)) this.#book.removePod(uid, this.#options.clock.now())
  }

  /** What the object's status is to show; undefined while it is not known. */
  usesOf(object: ObjectReference): LimitUses | undefined {
    return this.#uses.usesOf(object)
  }

  close(): void {
    this.#closed = true
    this.#cancelTimer?.()
  }

  #noteLimits(entry: Entry): void {
    const { namespace, labels } = entry.pod
    entry.counts = this.#uses.concerns(namespace, labels) ? 'Yes' : 'No'
  }

  /** Nothing is asked and nothing runs where no document has limits. */
  #goOn(): void {
    if (this.#closed || this.#cancelTimer !== undefined || this.#limited.size === 0) return
    this.#cancelTimer = this.#options.clock.startTimer(() => {
      this.#cancelTimer = undefined
      this.#step()
      this.#goOn()
    }, STEP_MS)
  }

  #step(): void {
    const { clock, onTotals } = this.#options
    const { writes, unread, unwritten } = this.#book.plan(clock.now())
    for (const namespace of unread) void this.#ledgers.read(namespace)
    for (const namespace of unwritten) void this.#ledgers.write(namespace)
    for (const [uid, shares] of writes) this.#write(uid, shares)
    this.#askThoseDue()
    this.#lookAtUse()
    if (clock.uptime() < this.#tidyAtMs) return
    this.#tidyAtMs = clock.uptime() + TIDY_EVERY_MS
    for (const namespace of this.#book.ledgerNamespaces()) void this.#ledgers.write(namespace)
    onTotals(this.#book.totals(clock.now()))
  }

  #lookAtUse(): void {
    const { clock, onUse } = this.#options
    if (clock.uptime() < this.#lookAtMs) return
    this.#lookAtMs = clock.uptime() + LOOK_EVERY_MS
    if (this.#areAsked === 'No' && this.#asked().some(({ askAtMs }) => askAtMs === Number.NEGATIVE_INFINITY)) return
    this.#areAsked = 'Yes'
    const nowMs = clock.now()
    const changed = this.#uses.look(this.#book.departed(nowMs), nowMs)
    this.#book.setPassed(this.#uses.passed, nowMs)
    for (const namespace of changed) onUse(namespace)
  }

  /** All that are to be asked, and can be. A pod may still have a share of what it counts no more. */
  #asked(): Entry[] {
    const { sharers } = this.#book
    return [...this.#entries.values()].filter(
      ({ pod, counts }) => pod.sharing.admin !== undefined && (counts === 'Yes' || sharers.has(pod.uid)),
    )
  }

  #askThoseDue(): void {
    const nowMs = this.#options.clock.uptime()
    const asked = this.#asked()
    const due = asked.filter(({ askAtMs, askedFor }) => askAtMs <= nowMs && askedFor === 'Nothing')
    const first = due.sort((a, b) => a.askAtMs - b.askAtMs).slice(0, Math.ceil((ASKS_PER_SECOND * STEP_MS) / 1_000))
    const forAllMs = (asked.length / ASKS_PER_SECOND) * 1_000
    for (const entry of first) void this.#ask(entry, this.#askEveryMs(entry, forAllMs))
  }

  #askEveryMs({ pod }: Entry, forAllMs: number): number {
    if (!this.#book.sharers.has(pod.uid)) return Math.max(ASK_OTHERS_EVERY_MS, forAllMs)
    return pod.state === 'Ended' ? ASK_LEAVING_EVERY_MS : Math.max(ASK_EVERY_MS, forAllMs)
  }

  async #ask(entry: Entry, everyMs: number): Promise<void> {
    const { askLimits, clock, random } = this.#options
    const { uid, sharing } = entry.pod
    if (sharing.admin === undefined) return
    entry.askedFor = 'Answer'
    try {
      const report = await askLimits(sharing.admin)
      if (this.#isOpen(entry)) this.#hear(entry, report)
    } catch {
      if (this.#isOpen(entry)) this.#book.miss(uid)
    }
    entry.askedFor = 'Nothing'
    entry.askAtMs = clock.uptime() + (this.#isAwaited(entry) ?? everyMs * (1 + random() / 4))
  }

  #hear({ pod: { uid, namespace, sharing } }: Entry, report: LimitsReport): void {
    const nowMs = this.#options.clock.now()
    this.#book.hear(uid, report, nowMs)
    this.#uses.hear(uid, { namespace, workload: sharing.workload }, report, nowMs)
  }

  /** How long to wait for a write to be in force, where one is. */
  #isAwaited({ pod, writtenMs }: Entry): number | undefined {
    if (!this.#book.awaits(pod.uid)) return undefined
    return this.#options.clock.uptime() - writtenMs < AWAITED_AT_ONCE_MS ? STEP_MS : AWAITED_EVERY_MS
  }

  /** The newest is written; those that it overtakes in waiting never are. */
  #write(uid: string, shares: LimitShares): void {
    const entry = this.#entries.get(uid)
    if (entry === undefined) return
    entry.write = shares
    if (entry.writing === 'Yes') return
    entry.writing = 'Yes'
    void this.#inSlot(() => this.#writeInTurn(entry)).finally(() => {
      entry.writing = 'No'
    })
  }

  async #writeInTurn(entry: Entry): Promise<void> {
    while (entry.write !== undefined && this.#isOpen(entry)) {
      await this.#options.writeTurn()
      const shares = entry.write
      entry.write = undefined
      if (this.#isOpen(entry)) await this.#patch(entry, shares)
    }
  }

  async #patch(entry: Entry, shares: LimitShares): Promise<void> {
    const { client, clock, onWrite, log } = this.#options
    const { namespace, name, uid } = entry.pod
    const { resourceVersion } = entry
    try {
      const answer = await client.request<{ metadata: { resourceVersion: string } }>({
        method: 'PATCH',
        path: pathOf(PODS, { namespace, name }),
        contentType: 'application/merge-patch+json',
        body: { metadata: { uid, resourceVersion, annotations: { [SHARES_ANNOTATION]: JSON.stringify(shares) } } },
      })
      // Unless the watch was faster.
      if (entry.resourceVersion === resourceVersion) entry.resourceVersion = answer.metadata.resourceVersion
      entry.writtenMs = clock.uptime()
      entry.askAtMs = entry.writtenMs + STEP_MS
      onWrite('Written')
    } catch (error) {
      const { status } = error as KubeError
      if (status === 404 || !this.#isOpen(entry)) return
      onWrite(status === 409 ? 'Conflict' : 'Failed')
      if (status === 409) this.#conflicted(entry, resourceVersion)
      else log.warn('shares of limits could not be written; it is tried again', { namespace, pod: name, error })
    }
  }

  #conflicted(entry: Entry, resourceVersion: string): void {
    if (entry.resourceVersion === resourceVersion) entry.conflict = resourceVersion
    else this.#book.failed(entry.pod.uid)
  }

  #isOpen(entry: Entry): boolean {
    return !this.#closed && this.#entries.get(entry.pod.uid) === entry
  }
}

function createEntry(pod: SidecarPod): Entry {
  return {
    ...{ pod, resourceVersion: pod.sharing.resourceVersion, conflict: undefined },
    ...{ askAtMs: Number.NEGATIVE_INFINITY, askedFor: 'Nothing', writtenMs: Number.NEGATIVE_INFINITY },
    ...{ counts: 'No', write: undefined, writing: 'No' },
  }
}

function isOtherProcess(a: SidecarPod, b: SidecarPod): boolean {
  return a.restarts !== b.restarts || a.state !== b.state || a.sharing.admin !== b.sharing.admin
}

/** What cannot be read counts as absent: the next write replaces it. */
function sharesOf({ sharing }: SidecarPod): LimitShares | undefined {
  const parsed = parseLimitShares(sharing.annotation ?? '')
  return 'shares' in parsed ? parsed.shares : undefined
}
