// Pods whose sidecars count together, a kubelet, an API server and an operator of which only the book is real: everything between them
// may be late, lost or begun anew, as chance decides. Whatever is really used is written down, and whether it was too much.
//
// A sidecar uses what it may at any moment, by the rules of sidecar/limits: never more than its share, and what was granted to another
// process it takes as used up. So the only thing that can go wrong is the division.
//
// Where a store counts, it has what is used, and shares are for the time without it: then it is what is in force at any moment that must
// not be too much, whatever the sidecars say that all have used.
import type { LimitShares, LimitsReport } from '../../../contract/limit-shares.ts'
import { ShareBook } from '../../../operator/shares/book.ts'
import { type Ledger, parseLedger, renderLedger } from '../../../operator/shares/ledger.ts'
import type { CountedLimits, SharedLimit } from '../../../operator/shares/shared-limit.ts'
import type { Span } from '../../../operator/shares/span.ts'
import { below, pick, type Random } from '../../support/random.ts'

const HOUR_MS = 3_600_000
const ID = 'route:shop/chat//limit'
const COUNT = `${ID} shop Deployment/shop`

export interface WorldOptions {
  random: Random
  span: Span
  limit: number
  counting: 'Shares' | 'Store'
}

interface Use {
  readonly atMs: number
  readonly amount: number
}

interface Process {
  readonly instance: string
  readonly startedAtMs: number
  granted: LimitShares | undefined
  /** Taken as used by an earlier process, at the start. */
  inherited: number
  uses: Use[]
  /** Uses nothing more, and says so. */
  phase: 'Running' | 'Ended'
}

export interface Pod {
  readonly uid: string
  standing: 'Live' | 'Leaving'
  process: Process | undefined
  annotation: LimitShares | undefined
  /** Changes with every write to the pod. */
  resourceVersion: number
  /** What the kubelet has mounted. */
  file: LimitShares | undefined
  /** As in the mounted document; 0: it has none. */
  limit: number
  /** What the operator's watch has shown. */
  seen: { resourceVersion: number }
  answer: LimitsReport | undefined
  patches: { shares: LimitShares; resourceVersion: number }[]
}

export class SharingWorld {
  nowMs = HOUR_MS * 10
  readonly pods = new Map<string, Pod>()
  /** What was used beyond the limit, in words. */
  readonly faults: string[] = []
  writes = 0
  readonly #options: WorldOptions
  readonly #gone: Use[] = []
  #book = new ShareBook()
  #ledger: string | undefined
  /** As in the document that is published last; 0: it has none. */
  #declared: number
  /** That was ever declared. */
  #most: number
  #names = 0

  constructor(options: WorldOptions) {
    this.#options = options
    this.#declared = options.limit
    this.#most = options.limit
    this.beginAnew()
  }

  /** As it is in the beginning. */
  get limit(): number {
    return this.#options.limit
  }

  // What happens by itself.

  pass(ms: number): void {
    this.nowMs += ms
  }

  create(): Pod {
    const uid = `pod-${++this.#names}`
    const pod: Pod = {
      ...{ uid, standing: 'Live', process: undefined, annotation: undefined, resourceVersion: 1, file: undefined },
      ...{ limit: this.#declared, seen: { resourceVersion: 0 }, answer: undefined, patches: [] },
    }
    this.pods.set(uid, pod)
    this.start(pod)
    return pod
  }

  /** The sidecar's process begins; the one before ends without a word. */
  start(pod: Pod): void {
    this.#bury(pod)
    const instance = `${pod.uid}/${++this.#names}`
    pod.process = { instance, startedAtMs: this.nowMs, granted: undefined, inherited: 0, uses: [], phase: 'Running' }
    pod.answer = undefined
    this.#adopt(pod)
  }

  /** The pod is asked to end, and its process has let go what was open. */
  end(pod: Pod): void {
    if (pod.process === undefined) return
    pod.standing = 'Leaving'
    pod.process.phase = 'Ended'
    if (this.#options.span.type === 'Open') pod.process.uses = []
    this.ask(pod, 0)
  }

  /** The pod is gone, as the API server says it. */
  remove(pod: Pod): void {
    this.#bury(pod)
    this.pods.delete(pod.uid)
    this.#book.removePod(pod.uid, this.nowMs)
  }

  sync(pod: Pod): void {
    pod.file = pod.annotation
    pod.limit = this.#declared
    this.#adopt(pod)
    if (this.#options.counting === 'Store') this.#judge(this.inForce(), 'in force')
  }

  /** Takes what it may, up to `amount`. */
  use(pod: Pod, amount: number): number {
    const { process } = pod
    if (process?.phase !== 'Running' || pod.limit === 0 || this.#options.counting === 'Store') return 0
    const most = Math.min(amount, this.shareOf(pod) - this.#usedBy(process))
    if (most <= 0) return 0
    process.uses.push({ atMs: this.nowMs, amount: most })
    this.#judge(this.used(), process.instance)
    return most
  }

  /** Ends one of the open requests, where those are what is limited. */
  release(pod: Pod): void {
    if (this.#options.span.type === 'Open') pod.process?.uses.shift()
  }

  // What the operator does, as far as it gets.

  /** Of a budget's marks; 0: below all. It is told with shares, and changes none. */
  passMark(percent: number): void {
    this.#book.setPassed(new Map(percent === 0 ? [] : [[COUNT, { percent }]]), this.nowMs)
  }

  /** Another operator takes over, with what can be seen in the cluster. */
  beginAnew(): void {
    this.#book = new ShareBook()
    this.#setDocument()
    for (const pod of this.pods.values()) {
      pod.answer = undefined
      pod.patches = []
      this.watch(pod)
    }
  }

  /** The limit is made another one, taken out of the document (0), or put back. */
  declare(limit: number): void {
    this.#declared = limit
    this.#most = Math.max(this.#most, limit)
    this.#setDocument()
  }

  watch(pod: Pod): void {
    pod.seen = { resourceVersion: pod.resourceVersion }
    this.#book.setPod({
      ...{ uid: pod.uid, namespace: 'shop', workload: 'Deployment/shop', labels: {} },
      ...{ standing: pod.standing, shares: pod.annotation },
    })
  }

  /** The sidecar answers now; what it says arrives with `hear`. */
  ask(pod: Pod, wanted: number): void {
    const { process } = pod
    if (process === undefined || pod.answer !== undefined) return
    const { random, limit, counting } = this.#options
    const used = counting === 'Store' ? below(random, limit + 1) : this.#usedBy(process)
    pod.answer = {
      instance: process.instance,
      sharesVersion: process.granted?.version ?? null,
      limits: pod.limit === 0 ? [] : [{ id: ID, share: this.shareOf(pod), used, wanted: Math.max(used, wanted) }],
      ...(counting === 'Store' && { store: pick(random, ['Up', 'Up', 'Up', 'Away'] as const) }),
      ...(process.phase === 'Ended' && { ended: true as const }),
    }
  }

  hear(pod: Pod): void {
    if (pod.answer !== undefined) this.#book.hear(pod.uid, pod.answer, this.nowMs)
    pod.answer = undefined
  }

  miss(pod: Pod): void {
    pod.answer = undefined
    this.#book.miss(pod.uid)
  }

  /** Decides, and has ledgers read and written; what is to be patched is under way then. */
  plan(ledgerFails: 'No' | 'Before' | 'After' = 'No'): void {
    const { writes, unread, unwritten } = this.#book.plan(this.nowMs)
    for (const [uid, shares] of writes) {
      const pod = this.pods.get(uid)
      this.writes++
      pod?.patches.push({ shares, resourceVersion: pod.seen.resourceVersion })
    }
    if (unread.has('shop') && ledgerFails === 'No') this.#book.setLedger('shop', readLedger(this.#ledger), this.nowMs)
    if (unwritten.has('shop')) this.writeLedger(ledgerFails)
  }

  writeLedger(fails: 'No' | 'Before' | 'After' = 'No'): void {
    if (!this.#book.ledgerNamespaces().includes('shop')) return
    const ledger = this.#book.ledgerOf('shop', this.nowMs)
    this.#book.beforeLedger('shop', ledger)
    if (fails !== 'Before') this.#ledger = renderLedger(ledger)
    if (fails === 'No') this.#book.setLedger('shop', ledger, this.nowMs)
  }

  /** The oldest patch of the pod reaches the API server, and what came of it the operator, or not. */
  patch(pod: Pod, fate: 'Done' | 'AnswerLost' | 'Lost'): void {
    const patch = pod.patches.shift()
    if (patch === undefined) return
    const conflicts = patch.resourceVersion !== pod.resourceVersion
    if (fate !== 'Lost' && !conflicts) {
      pod.annotation = patch.shares
      pod.resourceVersion++
    }
    if (fate === 'Done' && !conflicts) pod.seen = { resourceVersion: pod.resourceVersion }
    else this.#book.failed(pod.uid)
  }

  // What is so.

  shareOf({ process, limit }: Pod): number {
    // With a store there is nothing to take as used up.
    if (this.#options.counting === 'Store' && process?.granted?.instance !== process?.instance) return 0
    return Math.min(limit, process?.granted?.shares[ID] ?? 0)
  }

  /** By all together, of what counts now. */
  used(): number {
    const uses = [...this.#gone, ...[...this.pods.values()].flatMap(({ process }) => process?.uses ?? [])]
    return uses.filter(({ atMs }) => this.#counts(atMs)).reduce((sum, { amount }) => sum + amount, 0)
  }

  /** Of all shares together. */
  inForce(): number {
    return [...this.pods.values()].reduce((sum, pod) => sum + this.shareOf(pod), 0)
  }

  #judge(total: number, what: string): void {
    if (total > this.#most) this.faults.push(`${total} of ${this.#most} at ${this.nowMs}: ${what}`)
  }

  #setDocument(): void {
    const document = documentOf(this.#options.span, this.#declared)
    this.#book.setDocument('shop', this.#declared === 0 ? WITHOUT_LIMITS : document)
  }

  #usedBy(process: Process): number {
    const inherited = this.#options.span.type !== 'Open' && this.#counts(process.startedAtMs) ? process.inherited : 0
    process.uses = process.uses.filter(({ atMs }) => this.#counts(atMs))
    return process.uses.reduce((sum, { amount }) => sum + amount, inherited)
  }

  #counts(atMs: number): boolean {
    const { span } = this.#options
    if (span.type === 'Open') return true
    if (span.type === 'Window') return atMs > this.nowMs - span.windowMs
    return Math.floor(atMs / HOUR_MS) === Math.floor(this.nowMs / HOUR_MS)
  }

  #bury({ process }: Pod): void {
    if (process !== undefined && this.#options.span.type !== 'Open') this.#gone.push(...process.uses)
  }

  #adopt({ file, process }: Pod): void {
    if (process === undefined || file === undefined || file === process.granted) return
    if (file.instance === process.granted?.instance && file.version < process.granted.version) return
    process.granted = file
    if (file.instance !== process.instance) process.inherited = Math.max(process.inherited, file.shares[ID] ?? 0)
  }
}

/**
 * What can happen in one run, and how often, so that runs differ: trouble comes never, as usual, or far more often. The function lets
 * one thing happen.
 */
export function chooseEvents(world: SharingWorld, random: Random, spanMs: number): () => void {
  const events = EVENTS.flatMap(([weight, event]) => {
    const factor = pick(random, weight > TROUBLE_MAX ? [1, 1, 3] : [0, 0, 1, 1, 4, 8])
    return Array.from({ length: weight * factor }, () => event)
  })
  return () => {
    const pods = [...world.pods.values()]
    const pod = pods.length === 0 ? world.create() : pick(random, pods)
    pick(random, events)({ world, random, pod, spanMs })
  }
}

interface Happening {
  world: SharingWorld
  random: Random
  pod: Pod
  spanMs: number
}

/** Weights up to this are of what goes wrong, or comes and goes. */
const TROUBLE_MAX = 3

const EVENTS: readonly (readonly [weight: number, event: (happening: Happening) => void])[] = [
  [8, ({ world, random, spanMs }) => world.pass(below(random, Math.ceil(spanMs / 8)))],
  [12, ({ world, random, pod }) => void world.use(pod, 1 + below(random, world.limit))],
  [3, ({ world, pod }) => world.release(pod)],
  [8, ({ world, random, pod }) => world.ask(pod, below(random, 2 * world.limit))],
  [12, ({ world, pod }) => world.hear(pod)],
  [1, ({ world, pod }) => world.miss(pod)],
  [12, ({ world }) => world.plan()],
  [1, ({ world, random }) => world.plan(pick(random, ['Before', 'After'] as const))],
  [2, ({ world, random }) => world.writeLedger(pick(random, ['No', 'Before', 'After'] as const))],
  [12, ({ world, pod }) => world.patch(pod, 'Done')],
  [2, ({ world, random, pod }) => world.patch(pod, pick(random, ['AnswerLost', 'Lost'] as const))],
  [10, ({ world, pod }) => world.sync(pod)],
  [6, ({ world, pod }) => world.watch(pod)],
  [1, ({ world, random }) => world.declare(pick(random, [0, world.limit, world.limit]))],
  [1, ({ world, random }) => world.declare(world.limit * pick(random, [1, 2, 10]))],
  [2, ({ world, random }) => world.passMark(pick(random, [0, 80, 95]))],
  [2, ({ world }) => world.pods.size < 5 && void world.create()],
  [1, ({ pod }) => void Object.assign(pod, { standing: 'Leaving' })],
  [1, ({ world, random, pod }) => below(random, 3) === 0 && world.end(pod)],
  [1, ({ world, pod }) => world.remove(pod)],
  [1, ({ world, pod }) => world.start(pod)],
  [1, ({ world, random }) => below(random, 4) === 0 && world.beginAnew()],
]

const WITHOUT_LIMITS: CountedLimits = { routes: [], providers: new Map(), byId: new Map() }

function documentOf(span: Span, limit: number): CountedLimits {
  const shared: SharedLimit = { id: ID, scope: 'Workload', limit, span, owner: 'shop' }
  const workloads = { matchLabels: {}, matchExpressions: [] }
  return {
    routes: [{ workloads, limits: [shared], providers: [] }],
    providers: new Map(),
    byId: new Map([[ID, shared]]),
  }
}

function readLedger(text: string | undefined): Ledger {
  const parsed = parseLedger(text ?? '{}')
  if ('problems' in parsed) throw new Error(parsed.problems.join('; '))
  return parsed.ledger
}
