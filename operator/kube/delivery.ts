// Brings each namespace's document to where its pods mount it, and keeps it there while somebody may mount it.
//
// In: what the story compiled, and what the watches show of the operator's own objects. Does: has it rendered, and the publisher write
// it; here is only decided whether and when. A namespace gets a document with its first pod, and keeps it a moment beyond the last. What
// somebody else changed is written again, and soon only now and then: two that write against each other would never end. What no
// watch shows is written again too. Out: what keeps a document from being published, as problems of its objects. It never decides
// what a document says, and tells no pod of it: that is the rollouts', who hear of each write.
import type { Log } from '../../process/log.ts'
import type { Problem } from '../api/problem.ts'
import type { Compiled } from '../compile/compile.ts'
import { unpublishable } from '../render/problems.ts'
import { renderObjects } from '../render/render.ts'
import type { KubeClient } from './client.ts'
import type { Clock } from './clock.ts'
import { type OwnKind, Publisher } from './publisher.ts'
import type { Rollouts } from './rollouts.ts'
import { credentialValues, type Stores, type ValuedSnapshot } from './stores.ts'

export interface DeliveryOptions {
  client: Pick<KubeClient, 'request'>
  stores: Pick<Stores, 'isOpen' | 'ownVersion'>
  rollouts: Pick<Rollouts, 'hasPods' | 'of'>
  /** The namespace is to be reconciled once more, in so many milliseconds. */
  again(namespace: string, afterMs: number): void
  /** The namespace's objects hold the document that was compiled last. `Unchanged`: they held it before. */
  onPublished(namespace: string, outcome: 'Written' | 'Unchanged'): void
  /** Nothing is published to the namespace any more. */
  onWithdrawn(namespace: string): void
  clock: Pick<Clock, 'uptime'>
  log: Log
}

/** Pods are replaced: the last one's successor finds its document there, also where the next one comes seconds later. */
const KEPT_WITHOUT_PODS_MS = 60_000
/** Whoever else writes what is the operator's may do so again and again. */
const DRIFT_PAUSE_MS = 10_000
/** So late a watch shows what was written only when something is wrong. */
const SIGHT_MS = 10_000

export class Delivery {
  readonly #options: DeliveryOptions
  readonly #publisher: Publisher
  readonly #withoutPodsSinceMs = new Map<string, number>()
  /** The watch does not show what was written there. */
  readonly #unseenSinceMs = new Map<string, number>()
  readonly #driftedAtMs = new Map<string, number>()
  /** Somebody else changes them again and again: they are not written the same again before this time. */
  readonly #pausedUntilMs = new Map<string, number>()

  constructor(options: DeliveryOptions) {
    const { client, stores } = options
    this.#options = options
    const onDrift = (namespace: string): void => this.#drifted(namespace)
    this.#publisher = new Publisher({ client, versionOf: stores.ownVersion, onDrift })
  }

  /** Sees to it that the namespace has the document, or has nothing; gives what keeps the document from being published. */
  async bring(namespace: string, compiled: Compiled, seen: ValuedSnapshot): Promise<Problem[]> {
    const { stores, rollouts, onWithdrawn } = this.#options
    if (!stores.isOpen(namespace)) {
      this.#publisher.forget(namespace)
      if (!rollouts.hasPods(namespace)) onWithdrawn(namespace)
      return []
    }
    if (!this.#isUsed(namespace)) {
      onWithdrawn(namespace)
      await this.#publisher.withdraw(namespace)
      this.#withoutPodsSinceMs.delete(namespace)
      return []
    }
    // What is kept for the next pod is kept as it is: nobody there needs another key.
    return rollouts.hasPods(namespace) ? await this.#publish(namespace, compiled, seen) : []
  }

  /** The watch showed one of the operator's own objects, or, without a version, that it is gone. */
  noticed(kind: OwnKind, object: { namespace: string; name: string; version?: string }): void {
    this.#publisher.noticed(kind, object)
  }

  /** Whether something of ours is there. */
  holds(namespace: string): boolean {
    return this.#publisher.holds(namespace)
  }

  /** Nothing is there, and nobody asks for anything. */
  forget(namespace: string): void {
    this.#driftedAtMs.delete(namespace)
    this.#unseenSinceMs.delete(namespace)
    this.#pausedUntilMs.delete(namespace)
  }

  async #publish(namespace: string, compiled: Compiled, seen: ValuedSnapshot): Promise<Problem[]> {
    const rendered = renderObjects(namespace, compiled, credentialValues(compiled, seen))
    if ('missing' in rendered) throw new Error(`Secrets changed while they were read: ${rendered.missing.join(', ')}`)
    if ('tooLarge' in rendered) return unpublishable(namespace, rendered.tooLarge, seen)
    const { revision } = compiled.config
    if (this.#isPaused(namespace, revision)) return []
    const outcome = await this.#publisher.publish(namespace, rendered)
    if (outcome === 'Written') this.#options.log.info('published', { namespace, revision })
    this.#options.onPublished(namespace, outcome)
    this.#awaitSight(namespace)
    return []
  }

  /** Whether there is somebody to publish to, or was just now. */
  #isUsed(namespace: string): boolean {
    const { clock, rollouts, again } = this.#options
    if (rollouts.hasPods(namespace)) {
      this.#withoutPodsSinceMs.delete(namespace)
      return true
    }
    if (!this.#publisher.holds(namespace)) return false
    const sinceMs = this.#withoutPodsSinceMs.get(namespace) ?? clock.uptime()
    this.#withoutPodsSinceMs.set(namespace, sinceMs)
    const leftMs = Math.ceil(sinceMs + KEPT_WITHOUT_PODS_MS - clock.uptime())
    if (leftMs <= 0) return false
    again(namespace, leftMs)
    return true
  }

  #awaitSight(namespace: string): void {
    const { clock, again } = this.#options
    const nowMs = clock.uptime()
    if (!this.#publisher.isUnseen(namespace)) return void this.#unseenSinceMs.delete(namespace)
    const sinceMs = this.#unseenSinceMs.get(namespace) ?? nowMs
    const isLate = sinceMs + SIGHT_MS <= nowMs
    this.#unseenSinceMs.set(namespace, isLate ? nowMs : sinceMs)
    if (isLate) this.#publisher.doubt(namespace)
    again(namespace, isLate ? 0 : Math.ceil(sinceMs + SIGHT_MS - nowMs))
  }

  #drifted(namespace: string): void {
    const { clock, again, log } = this.#options
    const nowMs = clock.uptime()
    const untilMs = (this.#driftedAtMs.get(namespace) ?? Number.NEGATIVE_INFINITY) + DRIFT_PAUSE_MS
    if (nowMs < untilMs) {
      this.#pausedUntilMs.set(namespace, untilMs)
      again(namespace, Math.ceil(untilMs - nowMs))
      return
    }
    this.#driftedAtMs.set(namespace, nowMs)
    log.info('what is published is not as it was written; it is looked at again', { namespace })
    again(namespace, 0)
  }

  #isPaused(namespace: string, revision: string): boolean {
    const { clock, rollouts, again } = this.#options
    const untilMs = this.#pausedUntilMs.get(namespace) ?? Number.NEGATIVE_INFINITY
    const leftMs = Math.ceil(untilMs - clock.uptime())
    if (leftMs > 0 && rollouts.of(namespace).wanted?.revision === revision) {
      again(namespace, leftMs)
      return true
    }
    this.#pausedUntilMs.delete(namespace)
    return false
  }
}
