// Reads the Secrets that providers refer to, and no other. Secrets are watched by their metadata; a value is fetched when it
// is referenced and its resourceVersion is not the one that was read. Values live in SecretValue and leave for the
// namespaces' own Secrets only. A Secret that cannot be read keeps its last value, and is tried again.
import { SecretValue } from '../../contract/secret.ts'
import type { Log } from '../../process/log.ts'
import { createQueue, type Queue } from '../queue.ts'
import type { SecretKeys } from '../resolve/snapshot.ts'
import type { KubeClient, KubeError } from './client.ts'
import { pathOf, SECRETS } from './resource.ts'

export interface ReadSecret extends SecretKeys {
  readonly values: ReadonlyMap<string, SecretValue>
}

export interface SecretReaderOptions {
  client: KubeClient
  /** Version of a Secret by `namespace/name`, from the metadata watch; undefined when there is none. */
  versionOf(key: string): string | undefined
  /** What is known of a Secret is different. */
  onChange(key: string): void
  log: Log
}

interface RawSecret {
  metadata: { namespace: string; name: string; resourceVersion: string }
  type?: string
  data?: Record<string, string>
}

const READERS = 4

export class SecretReader {
  readonly #options: SecretReaderOptions
  readonly #queue: Queue
  readonly #read = new Map<string, ReadSecret>()
  #wanted: ReadonlySet<string> = new Set()
  /** Wanted, and not yet answered for even once. */
  readonly #unanswered = new Set<string>()
  readonly #waiting: (() => void)[] = []

  constructor(options: SecretReaderOptions) {
    this.#options = options
    this.#queue = createQueue({
      workers: READERS,
      work: (key) => this.#readOne(key),
      onFailure: (key, error, retryInMs) =>
        options.log.warn('a Secret could not be read', { secret: key, retryInMs, error }),
    })
  }

  /** Those that could be read, at their last version. */
  secrets(): ReadSecret[] {
    return [...this.#read.values()]
  }

  /** Replaces the set of Secrets that are referenced; what is not in it is forgotten. */
  want(keys: ReadonlySet<string>): void {
    const before = this.#wanted
    this.#wanted = keys
    for (const key of before) if (!keys.has(key)) this.#forget(key)
    for (const key of keys) {
      if (before.has(key)) continue
      this.#unanswered.add(key)
      this.#queue.add(key)
    }
    this.#answer()
  }

  /** The metadata watch saw a change of it. */
  noticed(key: string): void {
    if (this.#wanted.has(key)) this.#queue.add(key)
  }

  /** Resolves when every Secret that is wanted now was read, or is known not to be there. */
  async settled(): Promise<void> {
    if (this.#unanswered.size > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async close(): Promise<void> {
    await this.#queue.close()
  }

  async #readOne(key: string): Promise<void> {
    if (!this.#wanted.has(key)) return
    const version = this.#options.versionOf(key)
    const before = this.#read.get(key)
    if (version !== undefined && version === before?.version) return this.#answer(key)
    const after = version === undefined ? undefined : await this.#fetch(key)
    if (!this.#wanted.has(key)) return
    if (after === undefined) this.#read.delete(key)
    else this.#read.set(key, after)
    this.#answer(key)
    if (before?.version !== after?.version) this.#options.onChange(key)
  }

  /** Undefined when it is not there, or is not ours to read: both are told as a reference that leads nowhere. */
  async #fetch(key: string): Promise<ReadSecret | undefined> {
    const [namespace = '', name = ''] = key.split('/')
    try {
      return readSecretOf(
        await this.#options.client.request<RawSecret>({ method: 'GET', path: pathOf(SECRETS, { namespace, name }) }),
      )
    } catch (error) {
      const { status } = error as KubeError
      if (status === 403) this.#options.log.error('the operator may not read a Secret', { secret: key, error })
      if (status === 403 || status === 404) return undefined
      throw error
    }
  }

  #forget(key: string): void {
    this.#read.delete(key)
    this.#unanswered.delete(key)
  }

  #answer(key?: string): void {
    if (key !== undefined) this.#unanswered.delete(key)
    if (this.#unanswered.size > 0) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function readSecretOf({ metadata, type, data = {} }: RawSecret): ReadSecret {
  const values = new Map(
    Object.entries(data).map(([key, base64]) => [key, new SecretValue(Buffer.from(base64, 'base64').toString('utf8'))]),
  )
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    version: metadata.resourceVersion,
    ...(type !== undefined && { type }),
    keys: [...values.keys()],
    values,
  }
}
