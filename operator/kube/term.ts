// What a leader has while it leads: the queue that tells the story for each namespace, the rollouts, and the ways to write.
// It begins with all namespaces and ends at once, when the lease is lost or released; what it did not finish, the next
// leader's first round does, since everything that it knows can be seen in the cluster or be asked of sidecars.
import type { SidecarConfig } from '../../contract/sidecar-config.ts'
import type { Log } from '../../process/log.ts'
import type { ObjectReference, Problem } from '../api/problem.ts'
import type { Compiled } from '../compile/compile.ts'
import type { OperatorMetrics } from '../metrics.ts'
import { createRateLimit } from '../pace.ts'
import { createQueue, type Queue } from '../queue.ts'
import { type Cluster, reconcile } from '../reconcile.ts'
import { admitsNamespace } from '../resolve/selector.ts'
import { addCounts, countPods, countProvider, countSidecars, type SidecarCounts } from '../rollout/count.ts'
import { type Fingerprint, fingerprintOf, objectKey } from '../rollout/fingerprint.ts'
import type { SidecarPod } from '../rollout/pod.ts'
import { sidecarEvents } from '../status/sidecar-events.ts'
import type { SidecarAsker } from './ask-sidecar.ts'
import type { KubeClient } from './client.ts'
import type { Clock } from './clock.ts'
import { Delivery } from './delivery.ts'
import { createEventSender } from './event-sender.ts'
import { createHeldBack } from './hold-back.ts'
import { clientOfTerm } from './leader-client.ts'
import type { Change } from './object-store.ts'
import type { OwnKind } from './publisher.ts'
import { Rollouts } from './rollouts.ts'
import { ShareKeeper } from './share-keeper.ts'
import { createStatusWriter } from './status-writer.ts'
import type { Stores, ValuedSnapshot } from './stores.ts'
import type { Version } from './watches.ts'

export interface TermOptions {
  client: KubeClient
  stores: Stores
  asker: Pick<SidecarAsker, 'ask' | 'askLimits'>
  metrics: OperatorMetrics
  /** Aborted when the lease is lost: from then on nothing is written. */
  signal: AbortSignal
  /** Whether the lease is still held, by the clocks. */
  leads(): boolean
  /** Name of this replica. */
  instance: string
  nudgeRate: number
  nudgePodsMax: number
  /** Image that new pods get; undefined where Outrigger injects nothing. */
  sidecarImage: string | undefined
  clock: Clock
  random(): number
  log: Log
}

export interface Term {
  /** The namespace is to be reconciled. */
  add(namespace: string): void
  pod(change: Change<SidecarPod>): void
  ownObject(kind: OwnKind, change: Change<Version>): void
  readonly queued: number
  /** Begins nothing new, lets what is under way end for a moment, and resolves when nothing is written any more. */
  end(): Promise<void>
}

const WORKERS = 4
/** An API server that was away for minutes is not to be waited for as long again. */
const RETRY_MAX_MS = 30_000
/** Sidecars that answer one after another change the counts as often: statuses follow them at this pace. */
const COUNTS_SETTLE_MS = 200
/** Most changes are everywhere within this time. */
const ROLLOUT_GRACE_MS = 500
/** A new leader knows what sidecars run only when it has gone through all namespaces, and has asked each sidecar once. */
const FIRST_ROUND_GRACE_MS = 10_000
const END_MS = 1_000

export function startTerm(options: TermOptions): Term {
  const term = new LeaderTerm(options)
  for (const pod of options.stores.watches.pods.all()) term.pod({ key: `${pod.namespace}/${pod.name}`, after: pod })
  term.begin(options.stores.namespaces())
  return term
}

class LeaderTerm implements Term, Cluster<ValuedSnapshot> {
  readonly #options: TermOptions
  readonly #ending = new AbortController()
  readonly #queue: Queue
  readonly #events
  readonly #statuses
  readonly #heldBack
  readonly #nudges
  readonly #rollouts: Rollouts
  readonly #delivery: Delivery
  readonly #shares: ShareKeeper
  #ended: Promise<void> | undefined
  /** Of the document that each namespace's resources come to now, published or not. */
  readonly #compiled = new Map<string, Fingerprint>()
  /** By namespace; made anew when something of it changed. */
  readonly #counts = new Map<string, { counts: Map<string, SidecarCounts>; pods: SidecarCounts }>()
  /** Namespaces that this term has not told the story of yet. */
  readonly #firstRound = new Set<string>()

  constructor(options: TermOptions) {
    const { metrics, log, clock } = options
    this.#options = options
    const signal = AbortSignal.any([options.signal, this.#ending.signal])
    const client = clientOfTerm(options.client, { signal, leads: options.leads })
    this.#queue = createQueue({
      workers: WORKERS,
      work: (namespace) => this.#work(namespace),
      retryMaxMs: RETRY_MAX_MS,
      now: clock.uptime,
      startTimer: clock.startTimer,
      onFailure: (namespace, error, retryInMs) => {
        if (!signal.aborted) log.warn('reconciling failed', { namespace, retryInMs, error })
      },
    })
    this.#events = createEventSender({ client, instance: options.instance, now: clock.now, log })
    this.#statuses = createStatusWriter({ client, sendEvent: this.#events.send, log })
    this.#heldBack = createHeldBack(() => this.#graceMs(), clock.uptime)
    this.#nudges = createRateLimit(options.nudgeRate, clock)
    this.#rollouts = new Rollouts({
      ...options,
      client,
      ask: options.asker.ask,
      nudgeTurn: this.#nudges.turn,
      onChange: (namespace) => this.#countsChanged(namespace),
      onCurrent: metrics.rolledOut,
      onNudge: metrics.nudged,
    })
    this.#shares = new ShareKeeper({
      ...options,
      client,
      askLimits: options.asker.askLimits,
      writeTurn: this.#nudges.turn,
      onWrite: metrics.sharesWritten,
      onTotals: metrics.limitShares,
      onUse: (namespace) => this.add(namespace),
    })
    this.#delivery = new Delivery({
      ...options,
      client,
      rollouts: this.#rollouts,
      again: (namespace, afterMs) => this.#queue.addAfter(namespace, afterMs),
      onPublished: (namespace, outcome) => this.#rolledOut(namespace, outcome),
      onWithdrawn: (namespace) => {
        this.#rollouts.withdraw(namespace)
        this.#counts.delete(namespace)
      },
    })
    options.signal.addEventListener('abort', () => void this.end())
  }

  begin(namespaces: ReadonlySet<string>): void {
    for (const namespace of namespaces) {
      this.#firstRound.add(namespace)
      this.add(namespace)
    }
  }

  // What the watches call.

  add(namespace: string): void {
    this.#queue.add(namespace)
  }

  pod({ before, after }: Change<SidecarPod>): void {
    if (before !== undefined && before.uid !== after?.uid) {
      this.#rollouts.removePod(before.namespace, before.name)
      this.#shares.removePod(before.uid)
    }
    if (after === undefined) return
    this.#rollouts.setPod(after)
    this.#shares.setPod(after)
    const { sidecarImage } = this.#options
    for (const { draft, identity } of sidecarEvents(before, after, sidecarImage)) this.#events.sendOnce(draft, identity)
    // The first pod of a namespace waits for its document.
    if (before === undefined || (before.state === 'Ended') !== (after.state === 'Ended')) this.add(after.namespace)
  }

  ownObject(kind: OwnKind, { key, after }: Change<Version>): void {
    const [namespace = '', name = ''] = key.split('/')
    this.#delivery.noticed(kind, after ?? { namespace, name })
  }

  get queued(): number {
    return this.#queue.size
  }

  end(): Promise<void> {
    this.#ended ??= this.#finish()
    return this.#ended
  }

  async #finish(): Promise<void> {
    const cancel = this.#options.clock.startTimer(() => this.#ending.abort(), END_MS)
    this.#rollouts.close()
    this.#shares.close()
    this.#nudges.close()
    this.#events.close()
    await this.#queue.close()
    cancel()
    this.#ending.abort()
    this.#options.metrics.termEnded()
  }

  // What the story calls.

  readonly snapshot = (): ValuedSnapshot => {
    const seen = this.#options.stores.snapshot()
    return { ...seen, ...this.#statuses.upToDate(seen) }
  }

  async publish(namespace: string, compiled: Compiled, seen: ValuedSnapshot): Promise<Problem[]> {
    const { metrics, sidecarImage } = this.#options
    this.#noteCompiled(namespace, compiled.config, seen)
    const unpublished = await this.#delivery.bring(namespace, compiled, seen)
    const rollout = this.#rollouts.of(namespace)
    const counts = rollout.pods.length === 0 ? undefined : countPods(rollout, sidecarImage)
    if (this.#ended === undefined) metrics.namespace(namespace, [...compiled.problems, ...unpublished], counts)
    return unpublished
  }

  readonly sidecarsOf: Cluster['sidecarsOf'] = (object) => {
    // A route concerns pods of its own namespace only.
    if (object.kind === 'LLMRoute') return addCounts(this.#countsOf(object.namespace).counts.get(objectKey(object)))
    return this.#rollouts
      .namespaces()
      .map((namespace) => this.#providerCounts(object, namespace))
      .reduce((sum, counts) => addCounts(sum, counts), addCounts())
  }

  readonly usesOf: Cluster['usesOf'] = (object) => this.#shares.usesOf(object)

  readonly writeStatuses: Cluster['writeStatuses'] = async (namespace, updates) => {
    const { now, laterMs } = this.#heldBack.due(namespace, updates)
    if (laterMs !== undefined) this.#queue.addAfter(namespace, laterMs)
    await this.#statuses.write(now)
  }

  async #work(namespace: string): Promise<void> {
    const { metrics, clock, stores } = this.#options
    if (!stores.isSettled()) {
      void stores.settled().then(() => this.add(namespace))
      return
    }
    const startMs = clock.uptime()
    try {
      await reconcile(namespace, this, () => new Date(clock.now()).toISOString())
      this.#firstRound.delete(namespace)
      metrics.reconciled('Done', clock.uptime() - startMs)
    } catch (error) {
      metrics.reconciled('Failed', clock.uptime() - startMs)
      throw error
    }
  }

  #graceMs(): number {
    return this.#firstRound.size > 0 || !this.#rollouts.areAsked() ? FIRST_ROUND_GRACE_MS : ROLLOUT_GRACE_MS
  }

  #rolledOut(namespace: string, outcome: 'Written' | 'Unchanged'): void {
    const wanted = this.#compiled.get(namespace)
    if (wanted !== undefined) this.#rollouts.publish(namespace, wanted, outcome)
  }

  #noteCompiled(namespace: string, config: SidecarConfig, { providers, routes }: ValuedSnapshot): void {
    const isNamed = [...providers, ...routes].some(({ metadata }) => metadata.namespace === namespace)
    if (!isNamed && !this.#rollouts.hasPods(namespace) && !this.#delivery.holds(namespace)) {
      this.#compiled.delete(namespace)
      this.#shares.setDocument(namespace, undefined)
      this.#delivery.forget(namespace)
    } else if (this.#compiled.get(namespace)?.revision !== config.revision) {
      this.#compiled.set(namespace, fingerprintOf(config))
      this.#shares.setDocument(namespace, config)
    }
  }

  #providerCounts({ namespace: owner, name }: ObjectReference, namespace: string): SidecarCounts {
    const { providers, namespaces } = this.#options.stores.watches
    const id = `${owner}/${name}`
    const provider = providers.get(id)
    const labels = namespaces.get(namespace)?.labels ?? {}
    const isOpen = provider !== undefined && admitsNamespace(provider, { name: namespace, labels })
    const digest = isOpen ? this.#compiled.get(owner)?.providers.get(id) : undefined
    return countProvider(this.#rollouts.of(namespace), this.#countsOf(namespace), { id, digest })
  }

  #countsOf(namespace: string): { counts: Map<string, SidecarCounts>; pods: SidecarCounts } {
    const known = this.#counts.get(namespace)
    if (known !== undefined) return known
    const rollout = this.#rollouts.of(namespace)
    const { sidecarImage } = this.#options
    const made = { counts: countSidecars(rollout, sidecarImage), pods: countPods(rollout, sidecarImage) }
    if (rollout.pods.length > 0) this.#counts.set(namespace, made)
    return made
  }

  /** Sidecars said something: the statuses of the namespace's objects are to follow, and of the providers that they use. */
  #countsChanged(namespace: string): void {
    this.#counts.delete(namespace)
    const concerned = new Set([namespace, ...this.#rollouts.ownersOf(namespace)])
    for (const each of concerned) this.#queue.addAfter(each, COUNTS_SETTLE_MS)
  }
}
