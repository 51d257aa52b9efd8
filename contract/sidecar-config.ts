// The document that the operator promises the sidecar: one per namespace, adopted whole or not at all.
//
// It holds what was resolved: no reference is left to follow, no default to fill in, no unit to parse. It carries no
// Kubernetes type and no secret value: a credential is a file path relative to the mounted directory. Every list has a
// stable order, so equal input gives equal bytes. `contract/parse.ts` is the only way in for a sidecar.

import type { BudgetConfig, LimitConfig, PriceConfig, UnknownPrice } from './limit-config.ts'

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
export type Dialect = 'OpenAI' | 'Anthropic' | 'Gemini' | 'Bedrock'

export type ProviderType = 'OpenAI' | 'AzureOpenAI' | 'Anthropic' | 'Gemini' | 'Bedrock' | 'OpenAICompatible'

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
  circuitBreaker: CircuitBreakerConfig
  retryBudget: RetryBudgetConfig
  /** The provider's own quota, shared by all who use it. In the resource's order. */
  limits: LimitConfig[]
  /** Absent: only real requests tell how the provider is. */
  healthCheck?: HealthCheckConfig
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

export interface TimeoutsConfig {
  /** DNS, TCP, proxy CONNECT and TLS together. */
  connectMs: number
  /** From the request sent to the first byte of the answer's head. */
  firstByteMs: number
  /** Between two reads of the answer's body. */
  idleMs: number
  /** From the start of the request's first attempt to the last byte of the answer, over all attempts. */
  totalMs: number
}

export interface ConnectionsConfig {
  /** Open connections to this provider per sidecar; requests beyond it wait, within connectMs. */
  max: number
  /** An unused connection is closed after this long. */
  idleMs: number
}

/** When a provider is left alone for a while. One circuit per provider and operation in each sidecar. */
export interface CircuitBreakerConfig {
  /** Opens after so many failures in a row, up to 100000; 0: never for that reason. */
  consecutiveFailures: number
  /** Opens when at least this share of the window's requests failed, 1–100; 0: never for that reason. */
  errorPercent: number
  /** Requests that the window must hold before `errorPercent` counts. */
  minRequests: number
  /** Length of the sliding window. */
  windowMs: number
  /** How long it stays open before probes may go; doubles with each probe that fails, up to ten times this. */
  openForMs: number
  /** Requests that may be under way at a time while it is half-open; so many successes close it. */
  probes: number
}

/** Bounds attempts at a provider by requests that it has failed already, so that an outage is not multiplied. */
export interface RetryBudgetConfig {
  /** Retries as a share of the requests of the last 10 s, 0–100. */
  percent: number
  /** Retries per second that are allowed whatever the share; 0: none. */
  minPerSecond: number
}

/** An active check with GET, which costs no tokens; with the provider's headers, a credential and Azure's api-version. */
export interface HealthCheckConfig {
  /** Begins with a slash and may have a query; appended to the base URL. Where the models are listed unless the resource names another. */
  path: string
  /** Between two checks, with 10 % jitter. */
  intervalMs: number
  /** From the start of the check to the end of its answer; less than `intervalMs`. */
  timeoutMs: number
  /** Checks in a row that must fail before the provider counts as unhealthy. */
  unhealthyThreshold: number
  /** Checks in a row that must succeed before it counts as healthy again. */
  healthyThreshold: number
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
  /** Over all its rules together. In the resource's order. */
  limits: LimitConfig[]
  budgets: BudgetConfig[]
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
  /** Decides among available backends of the same priority. */
  balance: Balance
  retry: RetryConfig
  /**
   * Health is disregarded when fewer than this percentage of the rule's backends are available, 0–100. At 0 only when none is: a
   * request is never refused because every provider looks ill.
   */
  panicPercent: number
  /** In the resource's order. */
  limits: LimitConfig[]
  budgets: BudgetConfig[]
  unknownPrice: UnknownPrice
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
  /** 0–100. Backends of a higher number are used while none of a lower one is available, and when those have failed. */
  priority: number
}

/**
 * `Weighted` draws by weight, `LeastInFlight` takes the one with the fewest open requests for its weight, `Fastest` the better of two
 * draws by time to first byte, `Cheapest` the lowest declared price; an unknown price comes last.
 */
export type Balance = 'Weighted' | 'LeastInFlight' | 'Fastest' | 'Cheapest'

export interface RetryConfig {
  /** Attempts for one request at all providers together, the first included: 1 never retries. 1–10. */
  attempts: number
  /** Sorted, each once. */
  on: RetryReason[]
  /** Statuses of a provider's answer that are worth another attempt, too: 400–599, sorted, each once. */
  statuses: number[]
  backoff: BackoffConfig
}

/**
 * What can be wrong with an attempt. `ProviderRefused` is a 401, 402 or 403 of our credential, which is no matter of the
 * caller's. A 4xx that the caller caused is none of these.
 */
export type RetryReason = 'ConnectFailure' | 'Timeout' | 'RateLimited' | 'ServerError' | 'ProviderRefused'

/** Before a provider is asked again: a random part of `initialMs` · 2ⁿ, up to `maxMs`. Another provider is asked at once. */
export interface BackoffConfig {
  initialMs: number
  /** Also the longest Retry-After that is waited for. */
  maxMs: number
}

export interface BodyFieldConfig {
  name: string
  /** Any JSON value. */
  value: unknown
}
