import type { LLMProvider, LLMProviderCredential } from '../api/llm-provider.ts'
import type { LLMRoute, LLMRouteRule, LLMRouteRuleBackend } from '../api/llm-route.ts'
import type { Flaw } from '../api/problem.ts'

/** All that one namespace's document is made of, in the document's order, each reference followed. */
export interface Inputs {
  namespace: string
  /** Those that the namespace may use: its own first, then by id. */
  providers: ProviderInput[]
  /** Those of the namespace: oldest first, then by name. */
  routes: RouteInput[]
  store?: StoreInput
}

/** What sidecars get of the store's Secret. All references are of one version. */
export interface StoreInput {
  url: SecretKeyReference
  /** In PEM, for TLS; each where the Secret has it. */
  ca?: SecretKeyReference
  certificate?: SecretKeyReference
  key?: SecretKeyReference
}

/** A reference that was followed: what it led to, or why it led nowhere. */
export type Reference<T> = { found: T } | { broken: Flaw }

export interface ProviderInput {
  /** `namespace/name`. */
  id: string
  resource: LLMProvider
  /** One for each of `spec.credentials`, in that order. */
  credentials: CredentialInput[]
  clientCertificate?: Reference<TlsSecret>
  proxyCredentials?: Reference<SecretKeyReference>
}

export interface CredentialInput {
  credential: LLMProviderCredential
  secret: Reference<SecretKeyReference>
}

/** One value inside a Secret. */
export interface SecretKeyReference {
  namespace: string
  name: string
  key: string
  /** Of the Secret, where it was found with one. */
  version?: string
}

export interface TlsSecret {
  certificate: SecretKeyReference
  key: SecretKeyReference
}

export interface RouteInput {
  /** `namespace/name`. */
  id: string
  resource: LLMRoute
  rules: RuleInput[]
}

export interface RuleInput {
  rule: LLMRouteRule
  backends: BackendInput[]
}

export interface BackendInput {
  backend: LLMRouteRuleBackend
  /** Id of the LLMProvider that is meant, whether it exists or not. */
  id: string
  /** One of `Inputs.providers`. */
  provider: Reference<ProviderInput>
}
