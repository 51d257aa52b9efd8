// What an API server keeps: objects with resourceVersions, and the history of their changes, of any kind.
//
// In: writes by path. Out: objects, frozen, and one event per change to whoever listens. As the real one it refuses a stale
// resourceVersion, writes nothing when nothing differs, keeps what has finalizers, and counts generations. It does not know
// schemas, field managers or admission: what depends on those is tested on a real API server.

export interface FakeMeta {
  name: string
  namespace?: string
  uid: string
  resourceVersion: string
  generation: number
  creationTimestamp: string
  generateName?: string
  deletionTimestamp?: string
  finalizers?: string[]
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

export interface FakeObject {
  apiVersion: string
  kind: string
  metadata: FakeMeta
  [field: string]: unknown
}

export interface FakeEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  version: number
  /** `apiPath/plural`. */
  collection: string
  object: FakeObject
  /** Before the change. */
  before: FakeObject | undefined
}

/** Becomes a Status object. */
export class StatusError extends Error {
  readonly code: number
  readonly reason: string

  constructor(code: number, reason: string, message: string) {
    super(message)
    this.code = code
    this.reason = reason
  }
}

/** Where an object is. */
export interface Place {
  /** `apiPath/plural`. */
  collection: string
  namespace: string | undefined
  name: string
}

export type Part = 'Main' | 'Status'

export interface FakeStore {
  /** Of the last change, of any kind. */
  readonly version: number
  /** Up to this version the history is gone. */
  readonly compacted: number
  get(place: Place): FakeObject
  find(place: Place): FakeObject | undefined
  /** In the order of their keys. */
  list(collection: string, namespace?: string): FakeObject[]
  create(place: Omit<Place, 'name'>, body: Body): FakeObject
  /** Replaces it; a resourceVersion in `body` must be the current one. */
  update(place: Place, body: Body, part: Part): FakeObject
  delete(place: Place, preconditions?: { uid?: string; resourceVersion?: string }): FakeObject
  /** Events after `version`, in order. */
  since(version: number): readonly FakeEvent[]
  compact(): void
  subscribe(listener: (event: FakeEvent) => void): () => void
}

export type Body = Record<string, unknown> & { metadata?: Partial<FakeMeta> }

/** Versions grow by a digit soon after the start, which comparing them as text would get wrong. */
const FIRST_VERSION = 990

export function createFakeStore(): FakeStore {
  const objects = new Map<string, FakeObject>()
  const listeners = new Set<(event: FakeEvent) => void>()
  let history: FakeEvent[] = []
  let version = FIRST_VERSION
  let compacted = FIRST_VERSION
  let count = 0

  const find = (place: Place): FakeObject | undefined => objects.get(keyOf(place))

  const get = (place: Place): FakeObject => {
    const object = find(place)
    if (object === undefined) throw new StatusError(404, 'NotFound', `${place.collection} "${place.name}" not found`)
    return object
  }

  const commit = (type: FakeEvent['type'], place: Place, object: FakeObject): FakeObject => {
    const before = find(place)
    version++
    const now = frozen({ ...object, metadata: { ...object.metadata, resourceVersion: String(version) } })
    if (type === 'DELETED') objects.delete(keyOf(place))
    else objects.set(keyOf(place), now)
    const event: FakeEvent = { type, version, collection: place.collection, object: now, before }
    history.push(event)
    for (const listener of listeners) listener(event)
    return now
  }

  return {
    get version() {
      return version
    },
    get compacted() {
      return compacted
    },
    get,
    find,
    list(collection, namespace) {
      const prefix = namespace === undefined ? `${collection} ` : `${collection} ${namespace}/`
      return [...objects]
        .filter(([key]) => key.startsWith(prefix))
        .sort(byKey)
        .map(([, object]) => object)
    },
    create({ collection, namespace }, body) {
      const name = body.metadata?.name ?? `${body.metadata?.generateName ?? 'x-'}${(++count).toString(36)}`
      const place = { collection, namespace, name }
      if (find(place)) throw new StatusError(409, 'AlreadyExists', `${collection} "${name}" already exists`)
      return commit('ADDED', place, created(structuredClone(body), { name, namespace, uid: `uid-${++count}` }))
    },
    update(place, body, part) {
      const before = get(place)
      checkVersion(before, body.metadata?.resourceVersion)
      const after = merged(before, structuredClone(body), part)
      if (sameJson(before, after)) return before
      const gone = after.metadata.deletionTimestamp !== undefined && !after.metadata.finalizers?.length
      return commit(gone ? 'DELETED' : 'MODIFIED', place, after)
    },
    delete(place, { uid, resourceVersion } = {}) {
      const before = get(place)
      checkVersion(before, resourceVersion)
      if (uid !== undefined && uid !== before.metadata.uid) throw conflict(before)
      if (!before.metadata.finalizers?.length) return commit('DELETED', place, before)
      if (before.metadata.deletionTimestamp) return before
      return commit('MODIFIED', place, {
        ...before,
        metadata: { ...before.metadata, deletionTimestamp: '2026-11-21T00:00:01Z' },
      })
    },
    since(from) {
      return history.filter((event) => event.version > from)
    },
    compact() {
      compacted = version
      history = []
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function created(body: Body, meta: { name: string; namespace: string | undefined; uid: string }): FakeObject {
  const { apiVersion = '', kind = '', metadata, ...rest } = body
  return {
    apiVersion: String(apiVersion),
    kind: String(kind),
    metadata: {
      ...metadata,
      name: meta.name,
      ...(meta.namespace === undefined ? {} : { namespace: meta.namespace }),
      uid: meta.uid,
      resourceVersion: '',
      generation: 1,
      creationTimestamp: '2026-11-21T00:00:00Z',
    },
    ...rest,
  }
}

/** What a client cannot change stays; the main part leaves the status alone, and the other way round. */
function merged(before: FakeObject, body: Body, part: Part): FakeObject {
  if (part === 'Status') return { ...before, ...(body.status === undefined ? {} : { status: body.status }) }
  const { metadata = {}, status: _, ...rest } = body
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp } = before.metadata
  const specChanged = !sameJson(specOf(before), specOf({ ...before, ...rest }))
  return {
    apiVersion: before.apiVersion,
    kind: before.kind,
    ...rest,
    metadata: {
      ...metadata,
      ...{ name, uid, resourceVersion, creationTimestamp, generation: generation + (specChanged ? 1 : 0) },
      ...(namespace === undefined ? {} : { namespace }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    ...(before.status === undefined ? {} : { status: before.status }),
  }
}

function specOf({ metadata: _metadata, status: _status, ...rest }: FakeObject): unknown {
  return rest
}

function checkVersion(object: FakeObject, version: string | undefined): void {
  if (version !== undefined && version !== '' && version !== object.metadata.resourceVersion) throw conflict(object)
}

function conflict({ kind, metadata: { name } }: FakeObject): StatusError {
  return new StatusError(409, 'Conflict', `${kind} "${name}": the object has been modified`)
}

function keyOf({ collection, namespace, name }: Place): string {
  return `${collection} ${namespace === undefined ? '' : `${namespace}/`}${name}`
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(byKey)
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) frozen(inner)
  }
  return value
}
