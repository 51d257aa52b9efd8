import { limitsFor, type SharedLimit, type SharedLimits } from './shared-limit.ts'

/** The limits of all namespaces' documents. */
export class KnownLimits {
  readonly #documents = new Map<string, SharedLimits>()

  /** Undefined: the namespace has no document. */
  set(namespace: string, limits: SharedLimits | undefined): void {
    if (limits === undefined) this.#documents.delete(namespace)
    else this.#documents.set(namespace, limits)
  }

  /** Whether the namespace's document is known. */
  has(namespace: string): boolean {
    return this.#documents.has(namespace)
  }

  /** Those that a pod with these labels counts. */
  of(namespace: string, labels: Readonly<Record<string, string>>): readonly SharedLimit[] {
    const document = this.#documents.get(namespace)
    return document === undefined ? [] : limitsFor(document, labels)
  }

  /** A provider's limit may be known from another namespace's document only. */
  find(id: string, namespace?: string): SharedLimit | undefined {
    const own = namespace === undefined ? undefined : this.#documents.get(namespace)?.byId.get(id)
    if (own !== undefined) return own
    for (const { byId } of this.#documents.values()) {
      const found = byId.get(id)
      if (found !== undefined) return found
    }
    return undefined
  }
}
