// What a leader has while it leads: the queue that tells the story for each namespace, the rollouts, and the ways to write.
// It begins with all namespaces and ends at once, when the lease is lost or released; what it did not finish, the next
// leader's first round does, since everything that it knows can be seen in the cluster or be asked of sidecars.
import type { SecretValue } from '../../contract/secret.ts'
import type { Log } from '../../process/log.ts'
import type { Problem } from '../api/problem.ts'
import type { Compiled } from '../compile/compile.ts'
import type { OperatorMetrics } from '../metrics.ts'
import { createRateLimit } from '../pace.ts'
import { createQueue, type Queue } from '../queue.ts'
import { type Cluster, reconcile } from '../reconcile.ts'
import { unpublishable } from '../render/problems.ts'
import { renderObjects } from '../render/render.ts'
import { addCounts, countPods, countSidecars, type SidecarCounts } from '../rollout/count.ts'
import { objectKey } from '../rollout/fingerprint.ts'
import type { SidecarPod } from '../rollout/pod.ts'
import { sidecarEvents } from '../status/sidecar-events.ts'
import type { SidecarAsker } from './ask-sidecar.ts'
import type { KubeClient } from './client.ts'
import { createEventSender } from './event-sender.ts'
import type { Change } from './object-store.ts'
import { type OwnKind, Publisher } from './publisher.ts'
import { Rollouts } from './rollouts.ts'
import { createStatusWriter } from './status-writer.ts'
import type { Stores, ValuedSnapshot } from './stores.ts'
import type { Version } from './watches.ts'

export interface TermOptions {
  client: KubeClient
  stores: Stores
  asker: SidecarAsker
  metrics: OperatorMetrics
  /** Name of this replica. */
  instance: string
  nudgeRate: number
  nudgePodsMax: number
  /** Image that new pods get; undefined where Outrigger injects nothing. */
  sidecarImage: string | undefined
  /** Milliseconds of a clock that never goes back. */
  uptime(): number
  random(): number
  log: Log
}

export interface Term {
  /** The namespace is to be reconciled. */
  add(namespace: string): void
  pod(change: Change<SidecarPod>): void
  ownObject(kind: OwnKind, change: Change<Version>): void
  /** An LLMProvider or LLMRoute was deleted. */
  gone(uid: string | undefined): void
  readonly queued: number
  /** Stops, and resolves when what is under way has ended. */
  end(): Promise<void>
}

const WORKERS = 4
/** Sidecars that answer one after another change the counts as often: statuses follow them at this pace. */
const COUNTS_SETTLE_MS = 200
/** Most changes are everywhere within this time: no status needs to say that they are not yet. */
const ROLLOUT_GRACE_MS = 500

export function startTerm(options: TermOptions): Term {
  const term = new LeaderTerm(options)
  for (const pod of options.stores.watches.pods.all()) term.pod({ key: `${pod.namespace}/${pod.name}`, after: pod })
  for (const namespace of options.stores.namespaces()) term.add(namespace)
  return term
}

class LeaderTerm implements Term, Cluster<ValuedSnapshot> {
  readonly #options: TermOptions
  readonly #queue: Queue
  readonly #events
  readonly #statuses
  readonly #rollouts: Rollouts
  readonly #publisher: Publisher
  /** When a document was last written, by namespace. */
  readonly #writtenAtMs = new Map<string, number>()
  /** By namespace; made anew when something of it changed. */
  readonly #counts = new Map<string, Map<string, SidecarCounts>>()

  constructor(options: TermOptions) {
    const { client, metrics, log, uptime, stores } = options
    this.#options = options
    this.#queue = createQueue({
      workers: WORKERS,
      work: (namespace) => this.#work(namespace),
      onFailure: (namespace, error, retryInMs) => log.warn('reconciling failed', { namespace, retryInMs, error }),
    })
    this.#events = createEventSender({ client, instance: options.instance, now: () => new Date(), log })
    this.#statuses = createStatusWriter({ client, sendEvent: this.#events.send, log })
    this.#rollouts = new Rollouts({
      ...options,
      ask: options.asker.ask,
      nudgeTurn: createRateLimit(options.nudgeRate, uptime),
      now: uptime,
      onChange: (namespace) => this.#countsChanged(namespace),
      onCurrent: metrics.rolledOut,
      onNudge: metrics.nudged,
    })
    this.#publisher = new Publisher({
      client,
      versionOf: (kind, key) =>
        (kind === 'Secret' ? stores.watches.secretVersions : stores.watches.configMapVersions).get(key)?.version,
      onDrift: (namespace) => {
        log.warn('somebody else changed what was published; it is published again', { namespace })
        this.add(namespace)
      },
    })
  }

  // What the watches call.

  add(namespace: string): void {
    this.#queue.add(namespace)
  }

  pod({ before, after }: Change<SidecarPod>): void {
    if (before !== undefined && before.uid !== after?.uid) this.#rollouts.removePod(before.namespace, before.name)
    if (after === undefined) return
    this.#rollouts.setPod(after)
    const { sidecarImage } = this.#options
    for (const { draft, identity } of sidecarEvents(before, after, sidecarImage)) this.#events.sendOnce(draft, identity)
    // The first pod of a namespace waits for its document.
    if (before === undefined || (before.state === 'Ended') !== (after.state === 'Ended')) this.add(after.namespace)
  }

  ownObject(kind: OwnKind, { key, after }: Change<Version>): void {
    const [namespace = '', name = ''] = key.split('/')
    this.#publisher.noticed(kind, after ?? { namespace, name })
  }

  gone(uid: string | undefined): void {
    this.#statuses.forget(uid)
  }

  get queued(): number {
    return this.#queue.size
  }

  async end(): Promise<void> {
    this.#rollouts.close()
    await this.#queue.close()
  }

  // What the story calls.

  readonly snapshot = (): ValuedSnapshot => {
    const seen = this.#options.stores.snapshot()
    return {
      ...seen,
      // The watch may not have told of what was written last.
      providers: seen.providers.map((object) => this.#statuses.upToDate(object)),
      routes: seen.routes.map((object) => this.#statuses.upToDate(object)),
    }
  }

  async publish(namespace: string, compiled: Compiled, seen: ValuedSnapshot): Promise<Problem[]> {
    const { stores, metrics, sidecarImage } = this.#options
    const used = stores.watches.pods.all().some((pod) => pod.namespace === namespace && pod.state !== 'Ended')
    if (!used) {
      this.#rollouts.withdraw(namespace)
      await this.#publisher.withdraw(namespace)
      metrics.namespace(namespace, compiled.problems, undefined)
      return []
    }
    const rendered = renderObjects(namespace, compiled, valuesOf(compiled, seen))
    if ('missing' in rendered) throw new Error(`Secrets changed while they were read: ${rendered.missing.join(', ')}`)
    if ('tooLarge' in rendered) return unpublishable(namespace, rendered.tooLarge, seen)
    if ((await this.#publisher.publish(namespace, rendered)) === 'Written') {
      this.#writtenAtMs.set(namespace, this.#options.uptime())
      this.#options.log.info('published', { namespace, revision: compiled.config.revision })
    }
    this.#rollouts.publish(namespace, compiled.config)
    this.#counts.delete(namespace)
    metrics.namespace(namespace, compiled.problems, countPods(this.#rollouts.of(namespace), sidecarImage))
    return []
  }

  readonly sidecarsOf: Cluster['sidecarsOf'] = (object) => {
    const key = objectKey(object)
    // A route concerns pods of its own namespace only.
    const namespaces = object.kind === 'LLMRoute' ? [object.namespace] : this.#rollouts.namespaces()
    return namespaces.reduce((sum, namespace) => addCounts(sum, this.#countsOf(namespace).get(key)), addCounts())
  }

  readonly writeStatuses: Cluster['writeStatuses'] = async (namespace, updates) => {
    const sinceMs = this.#options.uptime() - (this.#writtenAtMs.get(namespace) ?? Number.NEGATIVE_INFINITY)
    if (sinceMs < ROLLOUT_GRACE_MS && updates.some(({ status }) => (status.sidecars?.outdated ?? 0) > 0)) {
      this.#queue.addAfter(namespace, ROLLOUT_GRACE_MS - sinceMs)
      return
    }
    await this.#statuses.write(updates)
  }

  now(): string {
    return new Date().toISOString()
  }

  async #work(namespace: string): Promise<void> {
    const { metrics, uptime } = this.#options
    const startMs = uptime()
    try {
      await reconcile(namespace, this)
      metrics.reconciled('Done', uptime() - startMs)
    } catch (error) {
      metrics.reconciled('Failed', uptime() - startMs)
      throw error
    }
  }

  #countsOf(namespace: string): Map<string, SidecarCounts> {
    const known = this.#counts.get(namespace)
    if (known !== undefined) return known
    const counts = countSidecars(this.#rollouts.of(namespace), this.#options.sidecarImage)
    this.#counts.set(namespace, counts)
    return counts
  }

  /** Sidecars said something: the statuses of the namespace's objects are to follow, and of the providers that they use. */
  #countsChanged(namespace: string): void {
    this.#counts.delete(namespace)
    const providers = [...(this.#rollouts.of(namespace).wanted?.providers.keys() ?? [])]
    const concerned = new Set([namespace, ...providers.map((id) => id.split('/')[0] as string)])
    for (const each of concerned) this.#queue.addAfter(each, COUNTS_SETTLE_MS)
  }
}

function valuesOf({ credentials }: Compiled, seen: ValuedSnapshot): Map<string, SecretValue> {
  const values = new Map<string, SecretValue>()
  for (const { file, secret } of credentials) {
    const value = seen.secretValue(secret)
    if (value !== undefined) values.set(file, value)
  }
  return values
}
