// What is known of one kind: the newest version of each object, and what changed with each piece of news.
//
// In: whole lists, and events. Out: one change for each object that is different, none for what was known already. Lists are
// the truth when they come, whatever was known before. Events are not trusted to come once, nor in order: one that is no
// newer than what is known of its key changes nothing, also when that object is gone: the version of a deletion is
// remembered until the server confirms (list, bookmark) that everything up to it was delivered. No I/O and no clock.
import { isCovered, isOlder } from './resource-version.ts'

/** An object as the API server sends it. Items of lists have no apiVersion and no kind. */
export interface KubeObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: KubeObjectMeta
  readonly [field: string]: unknown
}

export interface KubeObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly { apiVersion: string; kind: string; name: string; uid: string }[]
  readonly [field: string]: unknown
}

/** At least one of both is there. Both, with different uids in the objects: re-created under the same name. */
export interface Change<Stored> {
  /** `namespace/name`, or `name`. */
  readonly key: string
  readonly before?: Stored
  readonly after?: Stored
}

export interface ListedObject<Stored> {
  readonly uid: string
  readonly version: string
  readonly stored: Stored
}

export interface ObjectStore<Stored> {
  readonly objects: ReadonlyMap<string, Stored>
  /** Replaces all that is known by a complete list; removals come first in the answer. */
  replace(listed: ReadonlyMap<string, ListedObject<Stored>>, version: string): Change<Stored>[]
  /** Undefined when the event says nothing new. */
  apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): Change<Stored> | undefined
  /** Everything up to this version has been applied. */
  confirm(version: string): void
}

/** Deletions that are remembered between two confirmations; about a minute's worth. */
const DELETIONS_MAX = 10_000

/** Throws what `keep` throws, and changes nothing then. */
export function createObjectStore<Stored>(keep: (object: KubeObject) => Stored): ObjectStore<Stored> {
  const objects = new Map<string, Stored>()
  const known = new Map<string, { uid: string; version: string }>()
  const deletions = new Map<string, string>()
  let confirmed = ''

  const remember = (key: string, { uid, version, stored }: ListedObject<Stored>): Change<Stored> => {
    const change = changeOf(key, objects.get(key), stored)
    objects.set(key, stored)
    known.set(key, { uid, version })
    deletions.delete(key)
    return change
  }

  const forget = (key: string): Change<Stored> => {
    const change = changeOf(key, objects.get(key), undefined)
    objects.delete(key)
    known.delete(key)
    return change
  }

  const rememberDeletion = (key: string, version: string): void => {
    deletions.set(key, version)
    const [oldest] = deletions.keys()
    if (deletions.size > DELETIONS_MAX && oldest !== undefined) deletions.delete(oldest)
  }

  /** Within one resource, versions of all objects are in one order, so also those of a namesake that is gone. */
  const isNews = (key: string, type: string, version: string): boolean => {
    const last = known.get(key)?.version ?? deletions.get(key)
    if (last === undefined) return !isCovered(version, confirmed)
    // A deletion may carry the version that the object had last: it is news if the object is still known.
    return type === 'DELETED' ? !isOlder(version, last) : !isCovered(version, last)
  }

  return {
    objects,
    replace(listed, version) {
      const gone = [...known.keys()].filter((key) => !listed.has(key)).map(forget)
      const different = [...listed].filter(([key, now]) => {
        const last = known.get(key)
        return last?.uid !== now.uid || last.version !== now.version
      })
      deletions.clear()
      confirmed = version
      return [...gone, ...different.map(([key, now]) => remember(key, now))]
    },
    apply(type, object) {
      const key = keyOf(object)
      const { uid, resourceVersion: version } = object.metadata
      if (!isNews(key, type, version)) return undefined
      if (type !== 'DELETED') return remember(key, { uid, version, stored: keep(object) })
      rememberDeletion(key, version)
      return known.has(key) ? forget(key) : undefined
    },
    confirm(version) {
      if (isOlder(version, confirmed)) return
      confirmed = version
      for (const [key, deleted] of deletions) if (isCovered(deleted, version)) deletions.delete(key)
    },
  }
}

/** `namespace/name`, or `name` for what has no namespace. */
export function keyOf({ metadata: { namespace, name } }: KubeObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

function changeOf<Stored>(key: string, before: Stored | undefined, after: Stored | undefined): Change<Stored> {
  return { key, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
}

/** What came from the server is one object with all that the store needs; undefined when it is not. */
export function parseObject(object: unknown): KubeObject | undefined {
  const { metadata } = (object ?? {}) as Partial<KubeObject>
  return metadata?.name && metadata.resourceVersion ? (object as KubeObject) : undefined
}
