// The only way into a sidecar for a configuration: text → a frozen SidecarConfig, or every problem that it has.
//
// Strict on purpose. The operator and the sidecar may be of different versions for the minutes of an upgrade, and a field
// that is skipped is a policy that is not enforced: so an unknown field refuses the document, and the last good one stays.
// The shapes mirror `sidecar-config.ts` field by field; what a shape cannot say (names that must exist, lists that must not
// be empty together) is checked afterwards, on documents whose shape is right. The operator parses what it compiled too,
// before it is written. Never throws, never fills in a default, never repairs.

import { inconsistencies } from './consistency.ts'
import { isBudget, isLimit, isPrice, isUnknownPrice } from './limit-shape.ts'
import {
  anything,
  type Check,
  integer,
  isObject,
  listOf,
  literal,
  mapOf,
  objectOf,
  oneOf,
  optional,
  text,
} from './shape.ts'
import {
  type BackendConfig,
  type BackoffConfig,
  type BodyFieldConfig,
  type CircuitBreakerConfig,
  CONFIG_FORMAT,
  type ConnectionsConfig,
  type CredentialConfig,
  type EgressProxyConfig,
  type HeaderConfig,
  type HeaderMatchConfig,
  type HealthCheckConfig,
  type MatchConfig,
  type ModelConfig,
  type ProviderConfig,
  type RetryBudgetConfig,
  type RetryConfig,
  type RouteConfig,
  type RuleConfig,
  type SelectorConfig,
  type SelectorTermConfig,
  type SidecarConfig,
  type StringMatchConfig,
  type TimeoutsConfig,
  type TlsConfig,
} from './sidecar-config.ts'

export type ParsedSidecarConfig = { config: SidecarConfig } | { problems: string[] }

/**
 * `text` is the whole document. Problems read `providers[0].timeouts.connectMs: expected an integer ≥ 1`, in the order of
 * the document's fields, and there is at least one.
 */
export function parseSidecarConfig(text: string): ParsedSidecarConfig {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    return { problems: [`document: not JSON: ${error instanceof Error ? error.message : String(error)}`] }
  }
  if (!isObject(document)) return { problems: ['document: expected an object'] }
  const format = document.format
  // Alone: the fields of a format that this version does not know would only bury the reason.
  if (typeof format === 'number' && format !== CONFIG_FORMAT) return { problems: [formatProblem(format)] }
  const problems: string[] = []
  if (!isSidecarConfig(document, '', problems)) return { problems }
  problems.push(...inconsistencies(document))
  return problems.length === 0 ? { config: frozen(document) } : { problems }
}

function formatProblem(format: number): string {
  const newer = format > CONFIG_FORMAT ? 'the sidecar' : 'the operator'
  return `format: this sidecar reads format ${CONFIG_FORMAT}, the document has format ${format}; update ${newer}`
}

const WEIGHT_MAX = 1_000_000
const COUNT_MAX = 100_000
const PRIORITY_MAX = 100
const ATTEMPTS_MAX = 10

// Timers hold 2^31-1 ms, and fire at once beyond it; a day is what the resources allow.
const DURATION_MAX_MS = 24 * 3600 * 1000

const anyText = text('a string', () => true)
const nonEmpty = text('a non-empty string', (value) => value !== '')
const objectId = text('namespace/name', (value) => /^[a-z0-9-]+\/[a-z0-9.-]+$/.test(value))
const durationMs = integer(1, DURATION_MAX_MS)
const baseURL = text('an http(s) URL without credentials, query, fragment or trailing slash', isBaseURL)
const proxyURL = text('http://host:port', (value) => /^http:\/\/[^\s/?#@\\]+:\d+$/.test(value) && URL.canParse(value))
// A key of a Secret, as Kubernetes has them: nothing else can lie in the mounted directory, and nothing outside it is named.
const fileName = text('a file name of letters, digits, -, _ and .', (value) =>
  /^(?!\.)[-._a-zA-Z0-9]{1,253}$/.test(value),
)
// A value with a line break would smuggle a header of its own into every request.
const headerName = text('a lower-case header name', (value) => /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(value))
const headerValue = text('a header value of visible ASCII', (value) => /^[\t -~]*$/.test(value))

const isHeader = objectOf<HeaderConfig>({ name: headerName, value: headerValue })

const isCredential = objectOf<CredentialConfig>({ name: nonEmpty, file: fileName, weight: integer(1, WEIGHT_MAX) })

/** It goes into headers and paths. */
const isModelName = text('visible ASCII', (value) => /^[!-~]+$/.test(value))

const isModel = objectOf<ModelConfig>({
  name: isModelName,
  upstreamName: isModelName,
  price: optional(isPrice),
  contextWindow: optional(integer(1)),
})

const isTimeouts = objectOf<TimeoutsConfig>({
  connectMs: durationMs,
  firstByteMs: durationMs,
  idleMs: durationMs,
  totalMs: durationMs,
})

const isTimeoutsOverride = objectOf<Partial<TimeoutsConfig>>({
  connectMs: optional(durationMs),
  firstByteMs: optional(durationMs),
  idleMs: optional(durationMs),
  totalMs: optional(durationMs),
})

/** Of a whole. */
const percent = integer(0, 100)

const isConnections = objectOf<ConnectionsConfig>({ max: integer(1), idleMs: durationMs })

const isCircuitBreaker = objectOf<CircuitBreakerConfig>({
  consecutiveFailures: integer(0, COUNT_MAX),
  errorPercent: percent,
  minRequests: integer(1, COUNT_MAX),
  windowMs: durationMs,
  openForMs: durationMs,
  probes: integer(1, COUNT_MAX),
})

const isRetryBudget = objectOf<RetryBudgetConfig>({ percent, minPerSecond: integer(0, COUNT_MAX) })

const isHealthCheck = objectOf<HealthCheckConfig>({
  path: text('a path of visible ASCII that begins with / and has no #', (value) => /^\/[!"$-~]*$/.test(value)),
  intervalMs: durationMs,
  timeoutMs: durationMs,
  unhealthyThreshold: integer(1, COUNT_MAX),
  healthyThreshold: integer(1, COUNT_MAX),
})

const isTls = objectOf<TlsConfig>({
  caBundle: optional(nonEmpty),
  serverName: optional(nonEmpty),
  clientCertificate: optional(objectOf({ certificateFile: fileName, keyFile: fileName })),
})

const isEgressProxy = objectOf<EgressProxyConfig>({ url: proxyURL, credentialsFile: optional(fileName) })

const isProvider = objectOf<ProviderConfig>({
  id: objectId,
  type: oneOf('OpenAI', 'AzureOpenAI', 'Anthropic', 'Gemini', 'Bedrock', 'OpenAICompatible'),
  baseURL,
  apiVersion: optional(nonEmpty),
  headers: listOf(isHeader),
  streamUsage: oneOf('Requested', 'AsSent'),
  credentials: listOf(isCredential),
  models: listOf(isModel),
  timeouts: isTimeouts,
  connections: isConnections,
  circuitBreaker: isCircuitBreaker,
  retryBudget: isRetryBudget,
  limits: listOf(isLimit),
  healthCheck: optional(isHealthCheck),
  tls: isTls,
  egressProxy: optional(isEgressProxy),
})

const isSelectorTerm = objectOf<SelectorTermConfig>({
  key: nonEmpty,
  operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'),
  values: listOf(anyText),
})

const isSelector = objectOf<SelectorConfig>({ matchLabels: mapOf(anyText), matchExpressions: listOf(isSelectorTerm) })

const matchType = oneOf('Exact', 'Prefix', 'Glob')

const isMatch = objectOf<MatchConfig>({
  models: listOf(objectOf<StringMatchConfig>({ type: matchType, value: anyText })),
  headers: listOf(objectOf<HeaderMatchConfig>({ type: matchType, value: anyText, name: headerName })),
  operations: listOf(
    oneOf('Chat', 'Completions', 'Responses', 'Messages', 'Embeddings', 'Images', 'Audio', 'Rerank', 'Models', 'Other'),
  ),
})

const isBackend = objectOf<BackendConfig>({
  provider: objectId,
  model: optional(isModelName),
  weight: integer(0, WEIGHT_MAX),
  priority: integer(0, PRIORITY_MAX),
})

const isRetry = objectOf<RetryConfig>({
  attempts: integer(1, ATTEMPTS_MAX),
  on: listOf(oneOf('ConnectFailure', 'Timeout', 'RateLimited', 'ServerError', 'ProviderRefused')),
  statuses: listOf(integer(400, 599)),
  backoff: objectOf<BackoffConfig>({ initialMs: durationMs, maxMs: durationMs }),
})

const isBodyField = objectOf<BodyFieldConfig>({ name: anyText, value: anything })

const isRule = objectOf<RuleConfig>({
  name: nonEmpty,
  matches: listOf(isMatch),
  backends: listOf(isBackend),
  unavailable: optional(nonEmpty),
  balance: oneOf('Weighted', 'LeastInFlight', 'Fastest', 'Cheapest'),
  retry: isRetry,
  panicPercent: percent,
  limits: listOf(isLimit),
  budgets: listOf(isBudget),
  unknownPrice: isUnknownPrice,
  timeouts: isTimeoutsOverride,
  defaults: listOf(isBodyField),
  overrides: listOf(isBodyField),
})

const isRoute = objectOf<RouteConfig>({
  id: objectId,
  workloads: isSelector,
  limits: listOf(isLimit),
  budgets: listOf(isBudget),
  rules: listOf(isRule),
})

const isSidecarConfig: Check<SidecarConfig> = objectOf<SidecarConfig>({
  format: literal(CONFIG_FORMAT),
  revision: text('16 lower-case hex digits', (value) => /^[0-9a-f]{16}$/.test(value)),
  namespace: nonEmpty,
  providers: listOf(isProvider),
  routes: listOf(isRoute),
})

function isBaseURL(value: string): boolean {
  if (!/^https?:\/\/[^\s?#\\]*[^\s?#\\/]$/.test(value)) return false
  const url = URL.parse(value)
  return url !== null && url.username === '' && url.password === ''
}

// With a list of what is left to do instead of recursion: a body field may nest deeper than the stack.
function frozen<T extends object>(root: T): T {
  const left: unknown[] = [root]
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (typeof value !== 'object' || value === null) continue
    Object.freeze(value)
    for (const member of Object.values(value)) left.push(member)
  }
  return root
}
