// How many sidecars share a count: what leases are sized by, and what a local share is without an operator. Each says every few seconds
// that it is there, for each scope in which its counts meet those of others.
import type { LimitScope } from '../../contract/limit-config.ts'
import { type Identity, presenceName } from './key-name.ts'
import { PRESENCE_SCRIPT } from './presence-script.ts'
import type { Script } from './script.ts'

type Run = (script: Script, keys: readonly string[], values: readonly (string | number)[]) => Promise<unknown>

/** A pod has one sidecar. */
const SHARED: readonly LimitScope[] = ['Workload', 'Namespace', 'Cluster']
/** Silent for so many beats: gone. */
const BEATS_KEPT = 4

export class Presence {
  readonly #identity: Identity
  readonly #instance: string
  readonly #beatMs: number
  /** As seen last, and kept while the store is away. */
  readonly #seen: Record<LimitScope, number> = { Pod: 1, Workload: 1, Namespace: 1, Cluster: 1 }

  constructor(identity: Identity, instance: string, beatMs: number) {
    this.#identity = identity
    this.#instance = instance
    this.#beatMs = beatMs
  }

  /** Itself included, so at least 1. */
  sidecars(scope: LimitScope): number {
    return this.#seen[scope]
  }

  /** Rejects when the store does not answer for one of the scopes. */
  async beat(run: Run): Promise<void> {
    await Promise.all(SHARED.map((scope) => this.#say(run, scope, BEATS_KEPT * this.#beatMs)))
  }

  async leave(run: Run): Promise<void> {
    await Promise.all(SHARED.map((scope) => this.#say(run, scope, 0)))
  }

  async #say(run: Run, scope: LimitScope, keptMs: number): Promise<void> {
    const keys = [presenceName(scope, this.#identity)]
    const count = Number(await run(PRESENCE_SCRIPT, keys, [this.#instance, keptMs]))
    this.#seen[scope] = Math.max(1, count)
  }
}
