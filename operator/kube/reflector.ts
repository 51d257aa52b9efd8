// Follows all objects of one kind, for as long as the process lives: a list, then watches from there on.
//
// In: the API server's lists and watches, with all that goes wrong with them. Out: `objects`, and one `onChange` per object
// that is different. It never stops and never throws: an error is waited out (longer each time, by chance, and as long as
// the server asks for), a history that the server no longer has (410) is replaced by a new list, a watch that says nothing
// for 90 s is taken for a dead connection (bookmarks come once a minute) and begun again. Nothing is repeated: a new list
// reports differences only. Changes may be merged, as in any watch of Kubernetes: who needs every version in between is
// wrong here. The library's ListWatch was rejected: it gives up on errors of lists and of the network. Lists ask for the
// newest state (no resourceVersion) and not, as client-go's first list does, for any state (`0`): after a restart an API
// server that lags would have the operator publish yesterday's configuration, and API servers of today answer both from memory.
import type { Log } from '../../process/log.ts'
import { type BackoffLimits, backoffMs } from './backoff.ts'
import { type KubeClient, KubeError, type KubeRequest, type WatchEvent } from './client.ts'
import { failureOfStatus } from './failure.ts'
import { invalidAnswer, isExpired, readList } from './list.ts'
import {
  type Change,
  createObjectStore,
  type KubeObject,
  keyOf,
  type ObjectStore,
  parseObject,
} from './object-store.ts'
import { pathOf, type Resource } from './resource.ts'
import { isOlder } from './resource-version.ts'
import { createPause, type Pause, type SetTimer, setTimer } from './timer.ts'

export type { Change, KubeObject } from './object-store.ts'

export interface ReflectorLimits extends BackoffLimits {
  /** Without an event or bookmark for so long, a watch is dead. */
  silenceMs: number
  /** The server ends a watch after a time between this and twice this. */
  watchSeconds: number
  /** Objects per answer. */
  pageSize: number
  /** For a page, and for a watch to begin. */
  timeoutMs: number
  /** A watch that ends sooner counts as failed, so that a server that ends all at once is not asked without a pause. */
  shortWatchMs: number
  /** A watch that lives for so long, or brings a change, ends a row of failures. */
  steadyWatchMs: number
}

export interface ReflectorOptions<Stored> {
  client: KubeClient
  resource: Resource
  /** Absent: all namespaces. */
  namespace?: string | undefined
  labelSelector?: string | undefined
  /** `Metadata`: the server sends objects without spec, status and data (PartialObjectMetadata). */
  content: 'Whole' | 'Metadata'
  /** What to store of an object; what it leaves out costs no memory. */
  keep(object: KubeObject): Stored
  /** After `objects` is up to date. What it throws is logged. */
  onChange(change: Change<Stored>): void
  log: Log
  /** From [0, 1). */
  random(): number
  /** Milliseconds from any start, of a clock that does not jump. */
  now(): number
  startTimer?: SetTimer
  limits?: Partial<ReflectorLimits>
}

export interface Reflector<Stored> {
  /** By `namespace/name`, or by `name`. The same map for ever. Keeps the last state while the API server cannot be reached. */
  readonly objects: ReadonlyMap<string, Stored>
  /** Resolves after the first complete list, when its changes have been reported; never, when it is closed before. */
  readonly synced: Promise<void>
  /** Since the server last said anything about this kind; for metrics. */
  silentMs(): number
  /** Nothing is reported afterwards. */
  close(): void
}

const LIMITS: ReflectorLimits = {
  silenceMs: 90_000,
  watchSeconds: 300,
  pageSize: 500,
  timeoutMs: 60_000,
  shortWatchMs: 1000,
  steadyWatchMs: 10_000,
  backoffFirstMs: 800,
  // A handful of requests: waiting longer would spare nobody anything, and changes wait with it.
  backoffMaxMs: 5_000,
  retryAfterMaxMs: 300_000,
}

const METADATA = 'g=meta.k8s.io;v=v1'
const ACCEPT = {
  Whole: { list: 'application/json', watch: 'application/json' },
  Metadata: {
    list: `application/json;as=PartialObjectMetadataList;${METADATA}`,
    watch: `application/json;as=PartialObjectMetadata;${METADATA}`,
  },
} as const

/** Refusals of a watch that say nothing about the version that it was asked for. */
const NOT_ABOUT_THE_VERSION: ReadonlySet<number> = new Set([401, 403, 408, 429])

export function startReflector<Stored>(options: ReflectorOptions<Stored>): Reflector<Stored> {
  const reflector = new ListAndWatch(options)
  void reflector.run()
  return reflector
}

class ListAndWatch<Stored> implements Reflector<Stored> {
  readonly #options: ReflectorOptions<Stored>
  readonly #limits: ReflectorLimits
  readonly #store: ObjectStore<Stored>
  readonly #startTimer: SetTimer
  readonly #backoff: Pause
  readonly #closing = new AbortController()
  readonly #firstList = Promise.withResolvers<void>()
  /** Up to where the history is known; undefined: a list is needed. */
  #version: string | undefined
  /** Failures in a row. */
  #setbacks = 0
  /** One of them was a version that is too old. */
  #expired = false
  #lastContact: number

  constructor(options: ReflectorOptions<Stored>) {
    this.#options = options
    this.#limits = { ...LIMITS, ...options.limits }
    this.#store = createObjectStore(options.keep)
    this.#startTimer = options.startTimer ?? setTimer
    this.#backoff = createPause(this.#startTimer)
    this.#lastContact = options.now()
  }

  get objects(): ReadonlyMap<string, Stored> {
    return this.#store.objects
  }

  get synced(): Promise<void> {
    return this.#firstList.promise
  }

  silentMs(): number {
    return this.#options.now() - this.#lastContact
  }

  close(): void {
    this.#closing.abort()
    this.#backoff.wake()
  }

  async run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        this.#version ??= await this.#list()
        await this.#watch(this.#version)
      } catch (error) {
        if (!this.#closing.signal.aborted) await this.#waitOut(error)
      }
    }
  }

  /** Gives the version that the list is of. */
  async #list(): Promise<string> {
    const { listed, version } = await readList({
      client: this.#options.client,
      request: this.#requestOf('list', {}),
      pageSize: this.#limits.pageSize,
      signal: this.#closing.signal,
      keep: (object) => this.#guard('an object could not be read', keyOf(object), () => this.#options.keep(object)),
      onPage: () => {
        this.#lastContact = this.#options.now()
      },
    })
    for (const change of this.#store.replace(listed, version)) this.#report(change)
    this.#firstList.resolve()
    return version
  }

  async #watch(from: string): Promise<void> {
    const began = this.#options.now()
    const attempt = new AbortController()
    const onClose = (): void => attempt.abort()
    this.#closing.signal.addEventListener('abort', onClose)
    const silence = this.#watchForSilence(() => attempt.abort())
    try {
      await this.#options.client.watch(
        this.#watchRequest(from),
        (event) => {
          this.#lastContact = this.#options.now()
          this.#take(event, from)
        },
        attempt.signal,
      )
    } catch (error) {
      if (!silence.isSilent()) throw error
      this.#options.log.info('a watch fell silent and begins again', this.#fields())
    } finally {
      silence.end()
      this.#closing.signal.removeEventListener('abort', onClose)
      if (this.#options.now() - began >= this.#limits.steadyWatchMs) this.#forgive()
    }
    const livedMs = this.#options.now() - began
    if (livedMs < this.#limits.shortWatchMs) throw invalidAnswer('the end of a watch that had just begun')
  }

  #watchForSilence(onSilent: () => void): { isSilent(): boolean; end(): void } {
    const { silenceMs } = this.#limits
    const began = this.#options.now()
    let silent = false
    let cancel = (): void => {}
    // One timer that looks, not one that every event moves.
    const look = (): void => {
      const leftMs = Math.max(began, this.#lastContact) + silenceMs - this.#options.now()
      if (leftMs > 0) {
        cancel = this.#startTimer(look, Math.ceil(leftMs))
        return
      }
      silent = true
      onSilent()
    }
    look()
    return { isSilent: () => silent, end: () => cancel() }
  }

  #take(event: WatchEvent, from: string): void {
    if (event.type === 'ERROR') throw errorOfEvent(event.object)
    if (event.type === 'BOOKMARK') return this.#confirm(versionOf(event.object), from)
    const { type } = event
    const object = checked(event.object)
    this.#advance(object.metadata.resourceVersion)
    const change = this.#guard('an object could not be read', keyOf(object), () => this.#store.apply(type, object))
    if (change === undefined) return
    this.#forgive()
    this.#report(change)
  }

  /** Bookmark: everything up to this version was delivered. */
  #confirm(version: string, from: string): void {
    // Restored from a backup, for one: versions count up again from an earlier one, and what is known may never have been.
    if (isOlder(version, from)) throw new KubeError('the history went back', { status: 410, reason: 'Expired' })
    this.#advance(version)
    this.#store.confirm(version)
  }

  #advance(version: string): void {
    if (this.#version === undefined || !isOlder(version, this.#version)) this.#version = version
  }

  #report(change: Change<Stored>): void {
    if (this.#closing.signal.aborted) return
    this.#guard('a change could not be handed on', change.key, () => this.#options.onChange(change))
  }

  /** One object that cannot be dealt with is a line in the log, and no end of all others. */
  #guard<T>(message: string, key: string, run: () => T): T | undefined {
    try {
      return run()
    } catch (error) {
      this.#options.log.error(message, { ...this.#fields(), key, error: (error as Error).stack })
      return undefined
    }
  }

  #forgive(): void {
    this.#setbacks = 0
    this.#expired = false
  }

  async #waitOut(error: unknown): Promise<void> {
    const expired = isExpired(error)
    if (expired || isAboutTheVersion(error)) this.#version = undefined
    // After a restart a server has no history: the list that it wants then need not wait, or not the first time.
    const delayMs = expired && !this.#expired ? 0 : this.#nextBackoffMs(error)
    this.#expired ||= expired
    const fields = { ...this.#fields(), error: (error as Error).message, retryInMs: delayMs }
    if (expired) this.#options.log.info('the server no longer has the history that a watch asked for', fields)
    else this.#options.log.warn('lost touch with the API server', fields)
    await this.#backoff.wait(delayMs)
  }

  #nextBackoffMs(error: unknown): number {
    const { retryAfterMs } = error as KubeError
    return backoffMs(this.#limits, { earlier: this.#setbacks++, retryAfterMs, draw: this.#options.random() })
  }

  #watchRequest(from: string): KubeRequest {
    const { watchSeconds } = this.#limits
    return this.#requestOf('watch', {
      resourceVersion: from,
      allowWatchBookmarks: 'true',
      // Not all at the same time, or all would come back at the same time.
      timeoutSeconds: String(Math.round(watchSeconds * (1 + this.#options.random()))),
    })
  }

  #requestOf(what: 'list' | 'watch', query: Readonly<Record<string, string>>): KubeRequest {
    const { resource, namespace, labelSelector, content } = this.#options
    return {
      method: 'GET',
      path: pathOf(resource, { namespace }),
      query: labelSelector === undefined ? query : { labelSelector, ...query },
      accept: ACCEPT[content][what],
      timeoutMs: this.#limits.timeoutMs,
    }
  }

  #fields(): Record<string, unknown> {
    const { resource, namespace } = this.#options
    return { resource: resource.plural, ...(namespace === undefined ? {} : { namespace }) }
  }
}

/** The server refused the request itself: perhaps because of the version, so the next try begins with a list. */
function isAboutTheVersion(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false
  return error.status >= 400 && error.status < 500 && !NOT_ABOUT_THE_VERSION.has(error.status)
}

function errorOfEvent(object: unknown): KubeError {
  const failure = failureOfStatus(object, 0)
  return new KubeError(`the watch was ended: ${failure.reason}: ${failure.message}`, failure)
}

function checked(object: unknown): KubeObject {
  const found = parseObject(object)
  if (found === undefined) throw invalidAnswer('an object without name or resourceVersion')
  return found
}

function versionOf(bookmark: unknown): string {
  const version = (bookmark as Partial<KubeObject> | undefined)?.metadata?.resourceVersion
  if (!version) throw invalidAnswer('a bookmark without a resourceVersion')
  return version
}
