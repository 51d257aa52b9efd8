// A fake API server without sockets: requests in, answers and watches out, faults on demand. What it keeps is in
// fake-apiserver-store.ts; what carries it is HTTP (fake-apiserver.ts) or a client in the same process
// (fake-apiserver-client.ts). Time and chance are arguments, so that a run can be repeated by its seed.
import type { SetTimer } from '../../operator/kube/timer.ts'
import { createFaults, type FaultRates, type Faults } from './fake-apiserver-faults.ts'
import {
  type FakeRequest,
  filterOf,
  mergePatch,
  metadataOf,
  parseTarget,
  type Target,
  wantsMetadata,
} from './fake-apiserver-request.ts'
import {
  type Body,
  createFakeStore,
  type FakeObject,
  type FakeStore,
  type Place,
  StatusError,
} from './fake-apiserver-store.ts'
import { serveWatch, type WatchSink } from './fake-apiserver-watch.ts'
import type { Random } from './random.ts'

/** How a transport carries an answer; one of answer, reset and begin is called, once. */
export interface Reply extends WatchSink {
  answer(status: number, headers: Record<string, string>, body: unknown): void
  /** The connection dies without an answer. */
  reset(): void
  /** Status 200 of a watch; events follow. */
  begin(): void
}

export interface FakeCoreOptions {
  random: Random
  startTimer: SetTimer
  /** Milliseconds since the epoch. */
  now: () => number
  faults?: FaultRates
  bookmarkMs?: number
  /** Events of a watch wait up to so long. */
  eventDelayMs?: number
  /** Of the fault `refuse`, at most. */
  refuseMs?: number
  /** Of the fault `slow`, at most. */
  slowMs?: number
}

export interface FakeCore {
  readonly store: FakeStore
  readonly faults: Faults
  /** The fault `refuse` is going on. */
  refuses(): boolean
  /** Called when it begins: connections die. */
  onRefuse: () => void
  /** Gives what to call when the client goes away. */
  serve(request: FakeRequest, reply: Reply): () => void
}

interface Snapshot {
  version: number
  objects: FakeObject[]
}

export function createFakeCore(options: FakeCoreOptions): FakeCore {
  return new Core(options)
}

class Core implements FakeCore {
  readonly store = createFakeStore()
  readonly faults: Faults
  onRefuse = (): void => {}
  readonly #options: FakeCoreOptions
  readonly #snapshots = new Map<string, Snapshot>()
  #refusesUntil = 0

  constructor(options: FakeCoreOptions) {
    this.#options = options
    this.faults = createFaults(options.random, options.faults)
  }

  refuses(): boolean {
    return this.#options.now() < this.#refusesUntil
  }

  serve(request: FakeRequest, reply: Reply): () => void {
    if (this.faults.happens('refuse')) {
      this.#refusesUntil = this.#options.now() + this.faults.draw() * (this.#options.refuseMs ?? 20_000)
      // Not in the middle of two events that changed places: see fake-apiserver-watch.ts.
      this.#options.startTimer(() => this.onRefuse(), 0)
    }
    if (this.refuses()) {
      reply.reset()
      return () => {}
    }
    if (this.faults.happens('hang')) return () => {}
    if (!this.faults.happens('slow')) return this.#serveNow(request, reply)
    let cancel = this.#options.startTimer(
      () => {
        cancel = this.#serveNow(request, reply)
      },
      this.faults.draw() * (this.#options.slowMs ?? 5000),
    )
    return () => cancel()
  }

  #serveNow(request: FakeRequest, reply: Reply): () => void {
    try {
      this.#refuseByChance()
      const target = parseTarget(request.path)
      if (target === undefined)
        throw new StatusError(404, 'NotFound', 'the server could not find the requested resource')
      if (request.query.get('watch') === 'true') return this.#watch(request, target, reply)
      const body = request.method === 'GET' ? this.#read(request, target) : this.#write(request, target)
      if (request.method !== 'GET' && this.faults.happens('lostAnswer')) reply.reset()
      else reply.answer(request.method === 'POST' ? 201 : 200, {}, body)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      reply.answer(error.code, this.#headersOf(error), statusOf(error))
    }
    return () => {}
  }

  #refuseByChance(): void {
    if (this.faults.happens('serverError')) throw new StatusError(500, 'InternalError', 'etcdserver: request timed out')
    if (this.faults.happens('tooManyRequests')) throw new StatusError(429, 'TooManyRequests', 'too many requests')
  }

  #headersOf({ code }: StatusError): Record<string, string> {
    if (code !== 429) return {}
    const seconds = 1 + Math.floor(this.faults.draw() * 3)
    const asDate = this.faults.draw() < 0.5
    return { 'retry-after': asDate ? new Date(this.#options.now() + seconds * 1000).toUTCString() : String(seconds) }
  }

  #watch(request: FakeRequest, target: Target, reply: Reply): () => void {
    const { collection, namespace, name } = target
    const version = Number(request.query.get('resourceVersion') ?? 0)
    const fieldSelector = name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }
    const matches = filterOf(new URLSearchParams({ ...Object.fromEntries(request.query), ...fieldSelector }), namespace)
    if ((version !== 0 && version < this.store.compacted) || this.faults.happens('expiredWatch')) {
      return this.#expireWatch(version, reply)
    }
    reply.begin()
    const { startTimer, bookmarkMs = 60_000, eventDelayMs = 0 } = this.#options
    const context = { store: this.store, faults: this.faults, startTimer, bookmarkMs, delayMs: eventDelayMs }
    return serveWatch(context, { request, collection, matches, sink: reply })
  }

  /** Both ways occur: an answer's status, and an event in a watch that has begun. */
  #expireWatch(version: number, reply: Reply): () => void {
    const error = new StatusError(410, 'Expired', `too old resource version: ${version} (${this.store.compacted})`)
    if (this.faults.draw() < 0.5) throw error
    reply.begin()
    reply.event({ type: 'ERROR', object: statusOf(error) })
    reply.end()
    return () => {}
  }

  #read(request: FakeRequest, target: Target): unknown {
    const show = wantsMetadata(request.accept) ? metadataOf : (object: FakeObject): FakeObject => object
    if (target.name !== undefined) return show(this.store.get({ ...target, name: target.name }))
    const { snapshot, offset } = this.#snapshotFor(request.query, target)
    const limit = Number(request.query.get('limit') ?? 0) || Number.POSITIVE_INFINITY
    const page = snapshot.objects.slice(offset, offset + limit)
    const left = snapshot.objects.length - offset - page.length
    const more = left > 0 ? { continue: this.#tokenOf(snapshot, offset + page.length), remainingItemCount: left } : {}
    const [first] = snapshot.objects
    return {
      apiVersion: first?.apiVersion ?? 'v1',
      kind: `${first?.kind ?? ''}List`,
      metadata: { resourceVersion: String(snapshot.version), ...more },
      // Built-in kinds come without these two in lists.
      items: page.map(show).map(({ apiVersion, kind, ...rest }) => rest),
    }
  }

  #snapshotFor(query: URLSearchParams, target: Target): { snapshot: Snapshot; offset: number } {
    const token = query.get('continue') ?? ''
    if (token === '') {
      const objects = this.store.list(target.collection, target.namespace).filter(filterOf(query, target.namespace))
      return { snapshot: { version: this.store.version, objects }, offset: 0 }
    }
    const snapshot = this.#snapshots.get(token)
    this.#snapshots.delete(token)
    if (!snapshot || snapshot.version < this.store.compacted || this.faults.happens('expiredPage')) {
      throw new StatusError(410, 'Expired', 'The provided continue parameter is too old')
    }
    return { snapshot, offset: Number(token.split('.')[1]) }
  }

  #tokenOf(snapshot: Snapshot, offset: number): string {
    const token = `${snapshot.version}.${offset}.${this.#snapshots.size}.${this.faults.draw()}`
    this.#snapshots.set(token, snapshot)
    return token
  }

  #write({ method, body, contentType }: FakeRequest, target: Target): unknown {
    if (this.faults.happens('conflict')) throw new StatusError(409, 'Conflict', 'the object has been modified')
    if (method === 'POST') return this.store.create(target, body as Body)
    if (target.name === undefined) throw new StatusError(405, 'MethodNotAllowed', `${method} of a collection`)
    const place: Place = { ...target, name: target.name }
    const part = target.subresource === 'status' ? 'Status' : 'Main'
    if (method === 'PUT') return this.store.update(place, body as Body, part)
    if (method === 'DELETE')
      return this.store.delete(place, (body as { preconditions?: object } | undefined)?.preconditions)
    if (contentType === 'application/apply-patch+yaml' && this.store.find(place) === undefined) {
      return this.store.create(place, withName(body as Body, place.name))
    }
    if (!PATCHES.has(contentType)) throw new StatusError(415, 'UnsupportedMediaType', contentType)
    return this.store.update(place, mergePatch(this.store.get(place), body) as Body, part)
  }
}

/** All are merged as JSON; a real server knows lists by their keys, and who owns a field. */
const PATCHES: ReadonlySet<string> = new Set([
  'application/apply-patch+yaml',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
])

function withName(body: Body, name: string): Body {
  return { ...body, metadata: { ...body.metadata, name } }
}

function statusOf({ code, reason, message }: StatusError): unknown {
  const details = code === 429 ? { details: { retryAfterSeconds: 1 } } : {}
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code, ...details }
}
