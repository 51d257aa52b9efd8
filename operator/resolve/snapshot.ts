import type { LLMProvider } from '../api/llm-provider.ts'
import type { LLMRoute } from '../api/llm-route.ts'
import type { StoreInput } from './inputs.ts'

/** What was there at one moment, of all namespaces and in any order: from watches, or from files. Admitted and defaulted. */
export interface Snapshot {
  readonly providers: readonly LLMProvider[]
  readonly routes: readonly LLMRoute[]
  readonly secrets: readonly SecretKeys[]
  readonly namespaces: readonly NamespaceLabels[]
  /** Of the store that all sidecars count limits in; absent where there is none, or its URL was not found. */
  readonly store?: StoreInput
}

/** A Secret without its values: those never pass through resolve or compile. */
export interface SecretKeys {
  readonly namespace: string
  readonly name: string
  /** Such as `kubernetes.io/tls`; absent where a file does not say. */
  readonly type?: string
  /** The Secret's resourceVersion: other values have another one. Absent in files. */
  readonly version?: string
  readonly keys: readonly string[]
}

export interface NamespaceLabels {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}
