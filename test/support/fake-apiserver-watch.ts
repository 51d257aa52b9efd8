// One watch of the fake API server: the events of a collection from a version on, with what goes wrong on the way.
import type { SetTimer } from '../../operator/kube/timer.ts'
import type { Faults } from './fake-apiserver-faults.ts'
import { type FakeRequest, type Filter, metadataOf, wantsMetadata } from './fake-apiserver-request.ts'
import type { FakeEvent, FakeObject, FakeStore } from './fake-apiserver-store.ts'

/** Where events go: the wire, or a client in the same process. */
export interface WatchSink {
  event(event: WireEvent): void
  /** A part of the event, then the connection dies. */
  cut(event: WireEvent): void
  /** A proper end. */
  end(): void
}

export interface WireEvent {
  type: string
  object: unknown
}

export interface WatchContext {
  store: FakeStore
  faults: Faults
  startTimer: SetTimer
  bookmarkMs: number
  /** Events wait up to so long, so that several come at once. */
  delayMs: number
}

export interface WatchPlan {
  request: FakeRequest
  collection: string
  matches: Filter
  sink: WatchSink
}

const ERROR_EVENTS = [
  { code: 500, reason: 'InternalError', message: 'etcdserver: no leader' },
  { code: 429, reason: 'TooManyRequests', message: 'storage is (re)initializing', details: { retryAfterSeconds: 1 } },
  { code: 400, reason: 'BadRequest', message: 'invalid resource version' },
]

/** Gives what ends it without a word, for a client that has gone. */
export function serveWatch(context: WatchContext, plan: WatchPlan): () => void {
  return new Watch(context, plan).start()
}

class Watch {
  readonly #context: WatchContext
  readonly #plan: WatchPlan
  readonly #timers = new Set<() => void>()
  #pending: FakeEvent[] = []
  /** By key: what was delivered of each object before its last event. */
  readonly #earlier = new Map<string, FakeEvent>()
  readonly #last = new Map<string, FakeEvent>()
  #unsubscribe = (): void => {}
  #flushing = false
  #ended = false

  constructor(context: WatchContext, plan: WatchPlan) {
    this.#context = context
    this.#plan = plan
  }

  start(): () => void {
    const { query } = this.#plan.request
    const { store } = this.#context
    const version = query.get('resourceVersion') ?? ''
    const missed = version === '' || version === '0' ? this.#existing() : store.since(Number(version))
    this.#unsubscribe = store.subscribe((event) => this.#notice(event))
    for (const event of missed) this.#notice(event)
    if (query.get('allowWatchBookmarks') === 'true') this.#bookmarkLater()
    const seconds = Number(query.get('timeoutSeconds') ?? 0)
    if (seconds > 0) this.#after(seconds * 1000, () => this.#finish(() => this.#plan.sink.end()))
    return () => this.#finish(() => {})
  }

  #existing(): FakeEvent[] {
    const { collection } = this.#plan
    return this.#context.store.list(collection).map((object) => {
      const version = Number(object.metadata.resourceVersion)
      return { type: 'ADDED', version, collection, object, before: undefined }
    })
  }

  #notice(event: FakeEvent): void {
    if (event.collection !== this.#plan.collection || this.#ended) return
    this.#pending.push(event)
    if (this.#flushing) return
    this.#flushing = true
    const { delayMs, faults } = this.#context
    if (delayMs === 0) this.#flush()
    else this.#after(faults.draw() * delayMs, () => this.#flush())
  }

  #flush(): void {
    this.#flushing = false
    const events = this.#pending
    this.#pending = []
    for (let index = 0; index < events.length && !this.#ended; ) {
      const group = this.#groupAt(events, index)
      index += group.length
      this.#deliverGroup(group)
    }
  }

  /** Two that change places are not cut between: a server that reorders and then dies would lose one for good. */
  #groupAt(events: readonly FakeEvent[], index: number): FakeEvent[] {
    const [first, second] = events.slice(index, index + 2)
    if (first === undefined) return []
    if (second === undefined || keyOf(first) === keyOf(second)) return [first]
    return this.#context.faults.happens('reorder') ? [second, first] : [first]
  }

  #deliverGroup(group: readonly FakeEvent[]): void {
    const { faults } = this.#context
    // As when the network between is gone: not even the end will be heard of.
    if (faults.happens('silence')) this.#finish(() => {})
    else if (faults.happens('end')) this.#finish(() => this.#plan.sink.end())
    else if (faults.happens('errorEvent')) this.#fail()
    else if (faults.happens('cut')) this.#cut(group)
    else {
      for (const event of group) this.#deliver(event)
      if (faults.happens('duplicate')) for (const event of group) this.#send(event)
      if (faults.happens('stale')) this.#sendEarlier(group)
    }
  }

  #deliver(event: FakeEvent): void {
    const key = keyOf(event)
    const last = this.#last.get(key)
    if (last !== undefined) this.#earlier.set(key, last)
    this.#last.set(key, event)
    this.#send(event)
  }

  #sendEarlier(group: readonly FakeEvent[]): void {
    for (const event of group) {
      const earlier = this.#earlier.get(keyOf(event))
      if (earlier !== undefined) this.#send(earlier)
    }
  }

  #send(event: FakeEvent): void {
    const wire = this.#wireOf(event)
    if (wire !== undefined && !this.#ended) this.#plan.sink.event(wire)
  }

  #cut(group: readonly FakeEvent[]): void {
    const wire = group.map((event) => this.#wireOf(event)).find((event) => event !== undefined)
    this.#finish(() => this.#plan.sink.cut(wire ?? { type: 'BOOKMARK', object: {} }))
  }

  #fail(): void {
    const { faults } = this.#context
    const status = ERROR_EVENTS[Math.floor(faults.draw() * ERROR_EVENTS.length)]
    this.#finish(() => {
      this.#plan.sink.event({ type: 'ERROR', object: { kind: 'Status', apiVersion: 'v1', ...status } })
      this.#plan.sink.end()
    })
  }

  /** A change into or out of what the selector matches is an addition or a deletion. */
  #wireOf({ type, object, before }: FakeEvent): WireEvent | undefined {
    const { matches } = this.#plan
    const was = before !== undefined && type !== 'ADDED' && matches(before)
    const is = type !== 'DELETED' && matches(object)
    if (!was && !is) return undefined
    const kind = was ? (is ? 'MODIFIED' : 'DELETED') : 'ADDED'
    return { type: kind, object: this.#shown(object) }
  }

  #shown(object: FakeObject): FakeObject {
    return wantsMetadata(this.#plan.request.accept) ? metadataOf(object) : object
  }

  #bookmarkLater(): void {
    const { bookmarkMs, store } = this.#context
    this.#after(bookmarkMs, () => {
      if (!this.#flushing) this.#sendBookmark(store.version)
      this.#bookmarkLater()
    })
  }

  #sendBookmark(version: number): void {
    const metadata = { resourceVersion: String(version), creationTimestamp: null }
    this.#plan.sink.event({ type: 'BOOKMARK', object: { kind: 'Object', apiVersion: 'v1', metadata } })
  }

  #after(delayMs: number, run: () => void): void {
    if (this.#ended) return
    const cancel = this.#context.startTimer(() => {
      this.#timers.delete(cancel)
      run()
    }, delayMs)
    this.#timers.add(cancel)
  }

  #finish(last: () => void): void {
    if (this.#ended) return
    this.#ended = true
    this.#unsubscribe()
    for (const cancel of this.#timers) cancel()
    last()
  }
}

function keyOf({ object: { metadata } }: FakeEvent): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}
