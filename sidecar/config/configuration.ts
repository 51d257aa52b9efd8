// The configuration in force. What is published is adopted whole or not at all: a document that does not parse, whose
// credential files have not come yet, or whose TLS material cannot be used, leaves the last good one serving, and status,
// metric and log say why. The next publication is the next try.
//
// Shares of limits come in the same folder and go their own way: they change often, and a change of them alone adopts nothing anew.
import { isDeepStrictEqual } from 'node:util'
import type { LimitShares } from '../../contract/limit-shares.ts'
import { parseSidecarConfig } from '../../contract/parse.ts'
import { type CreateStanding, type Credentials, createCredentials } from '../upstream/credentials.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { missingFiles } from './missing-files.ts'
import type { Published, PublishedShares } from './read.ts'
import { createRuntime, type Runtime } from './runtime.ts'

/** Swapped as one; a request keeps the one that it began with. */
export interface Adopted {
  readonly runtime: Runtime
  readonly credentials: Credentials
  /** Every file that the document names was there; else another publication will follow, with the rest. */
  readonly complete: boolean
}

export interface Rejection {
  message: string
  /** Milliseconds since the epoch. */
  atMs: number
}

export interface ConfigurationEvents {
  onAdopted(adopted: Adopted): void
  onRejected(rejection: Rejection): void
  /** What this pod may count of limits that several share is different from before. */
  onShares(shares: LimitShares | undefined): void
  /** They cannot be read, and the last ones stay; `limit-shares: version: missing`. */
  onSharesRejected(message: string): void
}

export interface ConfigurationOptions {
  /** In place of those that are published; empty for those. */
  podLabels: Readonly<Record<string, string>>
  upstream: Upstream
  /** How a key that was not in force before is doing. */
  createStanding: CreateStanding
  /** Milliseconds since the epoch. */
  wallClock(): number
  events: ConfigurationEvents
}

export class Configuration {
  /**
   * What whoever published the document had to leave out of it, for status. In a cluster that is told by the conditions of
   * the resources, and this stays empty.
   */
  problems: readonly string[] = []
  readonly #options: ConfigurationOptions
  #adopted: Adopted | undefined
  #adoptedAtMs: number | undefined
  #rejection: Rejection | undefined
  #shares: PublishedShares = { shares: undefined }
  /** Adopted or rejected last, as a whole. */
  #published: Published | undefined

  constructor(options: ConfigurationOptions) {
    this.#options = options
  }

  /** Undefined until a first document was adopted. */
  get current(): Adopted | undefined {
    return this.#adopted
  }

  /** Milliseconds since the epoch. */
  get adoptedAtMs(): number | undefined {
    return this.#adoptedAtMs
  }

  /** Why the newest document is not the one in force; undefined when it is. */
  get rejection(): Rejection | undefined {
    return this.#rejection
  }

  /** Takes what was published, or keeps what is in force and says why. Never throws for what is in it. */
  adopt(published: Published): void {
    const before = this.#published
    this.#published = published
    const areSharesNew = this.#takeShares(published.shares)
    if (before !== undefined && areSharesNew && isSameButShares(before, published)) return
    this.#adoptDocument(published)
  }

  #adoptDocument(published: Published): void {
    if (published.problems.length > 0) return this.#reject(published.problems.join('; '))
    if (published.document === undefined) {
      // Not an error: a sidecar may start before its first document. But a document that was there is not given up.
      if (this.#adopted !== undefined) this.#reject('The document is gone; the last one stays in force.')
      return
    }
    const parsed = parseSidecarConfig(published.document)
    if ('problems' in parsed) return this.#reject(parsed.problems.join('; '))
    const missing = missingFiles(parsed.config, published.files)
    // The first one is taken as it is: what it has serves better than nothing.
    if (missing.length > 0 && this.#adopted !== undefined) return this.#reject(missing.join('; '))
    const runtime = createRuntime(parsed.config, this.#podLabels(published))
    try {
      this.#options.upstream.adopt(runtime.providers, published.files)
    } catch (error) {
      return this.#reject(`TLS or egress proxy settings cannot be used: ${(error as Error).message}`)
    }
    const credentials = createCredentials(
      runtime,
      published.files,
      this.#adopted?.credentials,
      this.#options.createStanding,
    )
    this.#swap({ runtime, credentials, complete: missing.length === 0 })
  }

  /** Keeps what is in force and says why. `message` names file, object and field where there are such. */
  reject(message: string): void {
    this.#published = undefined
    this.#reject(message)
  }

  #reject(message: string): void {
    this.#rejection = { message, atMs: this.#options.wallClock() }
    this.#options.events.onRejected(this.#rejection)
  }

  /** Whether they are different from those before. */
  #takeShares(published: PublishedShares): boolean {
    if (isDeepStrictEqual(published, this.#shares)) return false
    this.#shares = published
    const { onShares, onSharesRejected } = this.#options.events
    if ('problem' in published) onSharesRejected(published.problem)
    else onShares(published.shares)
    return true
  }

  #podLabels({ labels = {} }: Published): Readonly<Record<string, string>> {
    const { podLabels } = this.#options
    return Object.keys(podLabels).length > 0 ? podLabels : labels
  }

  #swap(adopted: Adopted): void {
    this.#adopted = adopted
    this.#adoptedAtMs = this.#options.wallClock()
    this.#rejection = undefined
    this.#options.events.onAdopted(adopted)
  }
}

function isSameButShares(a: Published, b: Published): boolean {
  return (
    a.document === b.document &&
    isDeepStrictEqual([a.labels, a.problems], [b.labels, b.problems]) &&
    a.files.size === b.files.size &&
    [...a.files].every(([file, secret]) => secret.reveal() === b.files.get(file)?.reveal())
  )
}
