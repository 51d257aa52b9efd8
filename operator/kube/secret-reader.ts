// Reads the Secrets that are referenced, and no other. Secrets are watched by their metadata; a value is fetched when it
// is referenced and its resourceVersion is not the one that was read. Where none may be watched it is fetched every few
// seconds. Values live in SecretValue and leave for the namespaces' own Secrets only. A Secret that cannot be read keeps
// its last value, and is tried again.
//
// Between a reference and its value lies a request. Whoever compiles meanwhile would tell the provider's owner that the
// Secret does not exist, and take the provider from everybody: hence `settled`, which is worth waiting for. It does not wait
// for ever: what cannot be read for seconds is then as good as not there.
import { SecretValue } from '../../contract/secret.ts'
import type { Log } from '../../process/log.ts'
import { createQueue, type Queue } from '../queue.ts'
import type { SecretKeys } from '../resolve/snapshot.ts'
import type { KubeClient, KubeError } from './client.ts'
import type { Clock } from './clock.ts'
import { pathOf, SECRETS } from './resource.ts'
import { isCovered } from './resource-version.ts'

export interface ReadSecret extends SecretKeys {
  readonly values: ReadonlyMap<string, SecretValue>
}

export interface SecretReaderOptions {
  client: Pick<KubeClient, 'request'>
  /** Version of a Secret by `namespace/name`, from the metadata watch; undefined when there is none. */
  versionOf(key: string): string | undefined
  /** Whether the metadata watch tells of it. */
  isWatched(key: string): boolean
  /** What is known of a Secret is different. */
  onChange(key: string): void
  clock: Clock
  log: Log
}

interface RawSecret {
  metadata: { namespace: string; name: string; resourceVersion: string }
  type?: string
  data?: Record<string, string>
}

const READERS = 4
const RETRY_MAX_MS = 30_000
/** Retries that are so far apart are not waited for: about ten seconds after the first. */
const GIVEN_UP_MS = 5_000
/** Nothing tells when a right was given. */
const FORBIDDEN_RETRY_MS = 60_000
const UNCONFIRMED_RETRY_MS = 5_000

export class SecretReader {
  readonly #options: SecretReaderOptions
  readonly #queue: Queue
  readonly #read = new Map<string, ReadSecret>()
  #wanted: ReadonlySet<string> = new Set()
  /** Wanted, and the value that is known is not the newest, or none was read yet. */
  readonly #unanswered = new Set<string>()
  readonly #waiting: (() => void)[] = []

  constructor(options: SecretReaderOptions) {
    this.#options = options
    this.#queue = createQueue({
      workers: READERS,
      work: (key) => this.#readOne(key),
      retryMaxMs: RETRY_MAX_MS,
      now: options.clock.uptime,
      startTimer: options.clock.startTimer,
      onFailure: (key, error, retryInMs) => {
        options.log.warn('a Secret could not be read', { object: `Secret ${key}`, retryInMs, error })
        if (retryInMs >= GIVEN_UP_MS) this.#answer(key)
      },
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
    for (const key of keys) if (!before.has(key)) this.#ask(key)
    this.#answer()
  }

  /** The metadata watch saw a change of it. */
  noticed(key: string): void {
    const version = this.#options.versionOf(key)
    const known = this.#read.get(key)?.version
    if (version !== undefined && known !== undefined && isCovered(version, known)) return
    if (this.#wanted.has(key)) this.#ask(key)
  }

  /** Every Secret that is wanted was read in its newest version, or is not there, or could not be read for a while. */
  get isSettled(): boolean {
    return this.#unanswered.size === 0
  }

  /** Resolves when it is settled, or closed. */
  async settled(): Promise<void> {
    while (!this.isSettled) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async close(): Promise<void> {
    this.#unanswered.clear()
    this.#answer()
    await this.#queue.close()
  }

  #ask(key: string): void {
    this.#unanswered.add(key)
    this.#queue.add(key)
  }

  async #readOne(key: string): Promise<void> {
    if (!this.#wanted.has(key)) return
    const version = this.#options.versionOf(key)
    const before = this.#read.get(key)
    if (version !== undefined && version === before?.version) return this.#answer(key)
    // Also when the watch knows of none: it may be about to tell of it.
    const after = await this.#fetch(key)
    if (!this.#wanted.has(key)) return
    if (after === undefined) this.#read.delete(key)
    else this.#read.set(key, after)
    if (before?.version !== after?.version) this.#options.onChange(key)
    const latest = this.#options.versionOf(key)
    // The watch may have begun when it was gone again, and will then never tell; nor of what is not watched.
    if (after !== undefined && latest === undefined) this.#queue.addAfter(key, UNCONFIRMED_RETRY_MS)
    // There was news meanwhile: it is read again already.
    const isBehind = latest !== undefined && latest !== version && !isCovered(latest, after?.version ?? '')
    if (!isBehind) this.#answer(key)
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
      if (status === 403) {
        this.#options.log.error('the operator may not read a Secret', { object: `Secret ${key}`, error })
        this.#queue.addAfter(key, FORBIDDEN_RETRY_MS)
      }
      if (status === 404 && !this.#options.isWatched(key)) this.#queue.addAfter(key, UNCONFIRMED_RETRY_MS)
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
    if (!this.isSettled) return
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
