// The document that the operator promises the sidecar: one per namespace, adopted whole or not at all.
//
// It holds what was resolved: no reference is left to follow, no default to fill in, no unit to parse. It carries no
// Kubernetes type and no secret value: a credential is a file path relative to the mounted directory. Every list has a
// stable order, so equal input gives equal bytes. `contract/parse.ts` is the only way in for a sidecar.

/** Bumped when an older sidecar could misread a newer document; a sidecar refuses what it does not know. */
export const CONFIG_FORMAT = 1

export interface SidecarConfig {
  format: typeof CONFIG_FORMAT
  /** First 16 hex digits of the SHA-256 over the canonical document without this field; what `status` compares. */
  revision: string
  /** Namespace whose pods read this document. */
  namespace: string
  /** Providers that this namespace may use, own namespace first, then by id: the order in which a model name is looked up. */
  providers: ProviderConfig[]
  /** Routes of this namespace, oldest first, then by name: the order in which their rules are tried. */
  routes: RouteConfig[]
}

/** Who speaks: decides paths, errors, stream format and usage. Azure and compatible servers speak OpenAI's. */
export type Dialect = 'OpenAI' | 'Anthropic' | 'Gemini'

export type ProviderType = 'OpenAI' | 'AzureOpenAI' | 'Anthropic' | 'Gemini' | 'OpenAICompatible'

export interface ProviderConfig {
  /** `namespace/name` of the LLMProvider. */
  id: string
  type: ProviderType
  /**
   * Absolute http(s) URL without query, fragment, credentials or trailing slash: what the provider's own SDK takes. For
   * Azure it ends in `/openai/v1`, or in `/openai` when there is an apiVersion.
   */
  baseURL: string
  /** Azure only: the `api-version` of the deployments API; absent means the `/openai/v1` API, which needs none. */
  apiVersion?: string
  /** Headers added to every request (OpenAI-Organization, anthropic-version when the client sent none, …), lower-case names. */
  headers: HeaderConfig[]
  /** `AsSent`: never ask for usage in streams; for servers that refuse `stream_options`. */
  streamUsage: 'Requested' | 'AsSent'
  /** Empty: requests go without a credential (a server inside the cluster). */
  credentials: CredentialConfig[]
  /** Empty: any model name passes unchanged, its price unknown. Otherwise only these. Sorted by name. */
  models: ModelConfig[]
  timeouts: TimeoutsConfig
  connections: ConnectionsConfig
  tls: TlsConfig
  egressProxy?: EgressProxyConfig
}

export interface HeaderConfig {
  name: string
  value: string
}

export interface CredentialConfig {
  name: string
  /** Path of the file with the key, relative to the mounted directory. */
  file: string
  /** Share of requests among the provider's credentials, 1–1000000. */
  weight: number
}

export interface ModelConfig {
  /** The name that clients and routes use. */
  name: string
  /** The name that the provider knows (Azure: the deployment). */
  upstreamName: string
  /** Absent: the price is unknown, which is not 0. */
  price?: PriceConfig
  /** Tokens. */
  contextWindow?: number
}

/** Integers, pico-USD (1e-12 USD) per token, so that costs add up exactly: "0.25" USD per million is 250000. */
export interface PriceConfig {
  inputPicoUsd: number
  /** Read from the provider's prompt cache. Absent in the resource: the input price. */
  cachedInputPicoUsd: number
  /** Written to the provider's prompt cache. Absent in the resource: the input price. */
  cacheWritePicoUsd: number
  outputPicoUsd: number
}

export interface TimeoutsConfig {
  /** DNS, TCP, proxy CONNECT and TLS together. */
  connectMs: number
  /** From the request sent to the first byte of the answer's head. */
  firstByteMs: number
  /** Between two reads of the answer's body. */
  idleMs: number
  /** From the start of the attempt to the last byte. */
  totalMs: number
}

export interface ConnectionsConfig {
  /** Open connections to this provider per sidecar; requests beyond it wait, within connectMs. */
  max: number
  /** An unused connection is closed after this long. */
  idleMs: number
}

export interface TlsConfig {
  /** PEM certificates trusted besides the built-in ones. */
  caBundle?: string
  /** Name for SNI and verification, when it is not the URL's host. */
  serverName?: string
  /** Client certificate: files of PEM text, relative to the mounted directory. */
  clientCertificate?: { certificateFile: string; keyFile: string }
}

export interface EgressProxyConfig {
  /** `http://host:port`; reached by CONNECT. */
  url: string
  /** File with `user:password` for Basic authentication at the proxy, relative to the mounted directory. */
  credentialsFile?: string
}

export interface RouteConfig {
  /** `namespace/name` of the LLMRoute. */
  id: string
  /** Pods of the namespace whose requests this route decides. Empty selects all. */
  workloads: SelectorConfig
  rules: RuleConfig[]
}

/** A Kubernetes label selector; every term must hold. */
export interface SelectorConfig {
  matchLabels: Record<string, string>
  matchExpressions: SelectorTermConfig[]
}

export interface SelectorTermConfig {
  key: string
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
  values: string[]
}

export interface RuleConfig {
  name: string
  /** Any of; empty matches every request. */
  matches: MatchConfig[]
  /** Those whose references resolved. Empty: the rule still matches and answers 503 with `unavailable`. */
  backends: BackendConfig[]
  /** Why there is no backend; present exactly when `backends` is empty. */
  unavailable?: string
  /** Replace the provider's where set. */
  timeouts: Partial<TimeoutsConfig>
  /** Top-level body fields filled in where the client sent none. */
  defaults: BodyFieldConfig[]
  /** Top-level body fields set whatever the client sent. */
  overrides: BodyFieldConfig[]
}

/** All of. An empty list matches everything. */
export interface MatchConfig {
  models: StringMatchConfig[]
  headers: HeaderMatchConfig[]
  operations: Operation[]
}

export interface StringMatchConfig {
  type: 'Exact' | 'Prefix' | 'Glob'
  value: string
}

export interface HeaderMatchConfig extends StringMatchConfig {
  /** Lower case. */
  name: string
}

export type Operation =
  | 'Chat'
  | 'Completions'
  | 'Responses'
  | 'Messages'
  | 'Embeddings'
  | 'Images'
  | 'Audio'
  | 'Rerank'
  | 'Models'
  | 'Other'

export interface BackendConfig {
  /** Id of one of `SidecarConfig.providers`. */
  provider: string
  /** Model name of that provider; absent: the name that the client sent. */
  model?: string
  /** 0 keeps the backend out of the choice. */
  weight: number
}

export interface BodyFieldConfig {
  name: string
  /** Any JSON value. */
  value: unknown
}
