// The limits that pods share, of all namespaces' documents, and those that were there a while ago. In: documents. Out: limits by pod and id.
//
// A limit that is taken away may come back, larger or smaller, and pods still have shares of it then, and have used of it. So for
// an hour it is known as it was. Rejected: forgetting it at once, since what its pods hold would then be all that is known of a count, and
// what they do not hold of a new, larger limit would seem to be used.
import { type CountedLimits, isShared, limitsFor, type SharedLimit } from './shared-limit.ts'

/** So long is remembered what no document declares (any more). */
export const UNDECLARED_MS = 3_600_000

interface Retired {
  /** Undefined: it was met with a pod, and what it was nobody knows. */
  readonly limit: SharedLimit | undefined
  /** Undefined until the next `age`. */
  sinceMs: number | undefined
}

export class KnownLimits {
  readonly #documents = new Map<string, CountedLimits>()
  /** By id: no document has them any more. */
  readonly #retired = new Map<string, Retired>()

  /** Undefined: the namespace has no document. */
  set(namespace: string, limits: CountedLimits | undefined): void {
    const before = this.#documents.get(namespace)?.byId ?? new Map<string, never>()
    if (limits === undefined) this.#documents.delete(namespace)
    else this.#documents.set(namespace, limits)
    for (const [id, limit] of before) {
      if (isShared(limit) && this.#declared(id) === undefined) this.#retired.set(id, { limit, sinceMs: undefined })
    }
    for (const id of limits?.byId.keys() ?? []) this.#retired.delete(id)
  }

  /** Whether the namespace's document is known. */
  has(namespace: string): boolean {
    return this.#documents.has(namespace)
  }

  /** Those that a pod with these labels shares. */
  of(namespace: string, labels: Readonly<Record<string, string>>): readonly SharedLimit[] {
    const document = this.#documents.get(namespace)
    return document === undefined ? [] : limitsFor(document, labels).filter(isShared)
  }

  /** A provider's limit may be known from another namespace's document only. */
  find(id: string, namespace?: string): SharedLimit | undefined {
    return this.#declared(id, namespace) ?? this.#retired.get(id)?.limit
  }

  /** No document has it any more, and it may come back. */
  isRetired(id: string): boolean {
    return this.#retired.has(id)
  }

  /** A pod has shares of it. */
  meet(id: string): void {
    if (this.#declared(id) === undefined && !this.#retired.has(id))
      this.#retired.set(id, { limit: undefined, sinceMs: undefined })
  }

  /** Forgets what was retired long ago; returns the ids. */
  age(nowMs: number): string[] {
    const gone: string[] = []
    for (const [id, retired] of this.#retired) {
      retired.sinceMs ??= nowMs
      if (nowMs - retired.sinceMs < UNDECLARED_MS) continue
      this.#retired.delete(id)
      gone.push(id)
    }
    return gone
  }

  #declared(id: string, namespace?: string): SharedLimit | undefined {
    const own = namespace === undefined ? undefined : this.#documents.get(namespace)?.byId.get(id)
    if (own !== undefined && isShared(own)) return own
    for (const { byId } of this.#documents.values()) {
      const found = byId.get(id)
      if (found !== undefined && isShared(found)) return found
    }
    return undefined
  }
}
