// Documents for tests of the sidecar: only what a case is about has to be written down.
import type { BudgetConfig, LimitConfig, PriceConfig, TokenPricesConfig } from '../../contract/limit-config.ts'
import type {
  BackendConfig,
  CircuitBreakerConfig,
  MatchConfig,
  ModelConfig,
  ProviderConfig,
  RetryBudgetConfig,
  RetryConfig,
  RouteConfig,
  RuleConfig,
  SidecarConfig,
} from '../../contract/sidecar-config.ts'

/** The resources' defaults. */
export const CIRCUIT_BREAKER: CircuitBreakerConfig = {
  consecutiveFailures: 5,
  errorPercent: 50,
  minRequests: 20,
  windowMs: 30_000,
  openForMs: 15_000,
  probes: 1,
}

export const RETRY_BUDGET: RetryBudgetConfig = { percent: 20, minPerSecond: 10 }

export const RETRY: RetryConfig = {
  attempts: 3,
  on: ['ConnectFailure', 'ProviderRefused', 'RateLimited', 'ServerError', 'Timeout'],
  statuses: [],
  backoff: { initialMs: 200, maxMs: 5000 },
}

export function sidecarConfig(document: Partial<SidecarConfig>): SidecarConfig {
  return { format: 1, revision: '0000000000000000', namespace: 'shop', providers: [], routes: [], ...document }
}

/** `models` are names, `name=upstreamName` pairs, or whole models. */
export function provider(
  id: string,
  type: ProviderConfig['type'],
  models: readonly (string | ModelConfig)[] = [],
  rest: Partial<ProviderConfig> = {},
): ProviderConfig {
  return {
    id,
    type,
    baseURL: 'https://llm.example',
    headers: [],
    streamUsage: 'Requested',
    credentials: [],
    models: models.map((model) => (typeof model === 'string' ? modelConfig(model) : model)),
    timeouts: { connectMs: 5000, firstByteMs: 120000, idleMs: 60000, totalMs: 900000 },
    connections: { max: 256, idleMs: 60000 },
    circuitBreaker: CIRCUIT_BREAKER,
    retryBudget: RETRY_BUDGET,
    limits: [],
    tls: {},
    ...rest,
  }
}

/** Reasoning is charged as output, whatever the size of the input, as in a resource that says no more. */
export function priceConfig(prices: Omit<TokenPricesConfig, 'reasoningPicoUsd'>): PriceConfig {
  return { ...prices, reasoningPicoUsd: prices.outputPicoUsd, tiers: [] }
}

export function routeConfig(id: string, rules: RuleConfig[], labels: Record<string, string> = {}): RouteConfig {
  return { id, workloads: { matchLabels: labels, matchExpressions: [] }, limits: [], budgets: [], rules }
}

export function ruleConfig(name: string, rest: Partial<RuleConfig>): RuleConfig {
  return {
    name,
    matches: [],
    backends: [],
    balance: 'Weighted',
    retry: RETRY,
    panicPercent: 0,
    limits: [],
    budgets: [],
    unknownPrice: 'Reject',
    timeouts: {},
    defaults: [],
    overrides: [],
    ...rest,
  }
}

/** `id` as compile makes it; the whole limit in a minute unless told otherwise. */
export function limitConfig(
  id: string,
  what: LimitConfig['what'],
  limit: number,
  rest: Partial<LimitConfig> = {},
): LimitConfig {
  const window = what === 'Concurrency' ? {} : { windowMs: 60_000 }
  return { ...countConfig(id), what, limit, ...window, ...rest }
}

/** In a rolling hour unless told otherwise. */
export function budgetConfig(id: string, amountPicoUsd: number, rest: Partial<BudgetConfig> = {}): BudgetConfig {
  const period = { type: 'Rolling', windowMs: 3_600_000 } as const
  return { ...countConfig(id), amountPicoUsd, period, warnAtPercent: [], onExhausted: 'Reject', ...rest }
}

function countConfig(id: string) {
  const name = id.slice(id.lastIndexOf('/') + 1)
  return { id, name, scope: 'Namespace' as const, per: [], keysMax: 1000, mode: 'Enforce' as const }
}

export function match(rest: Partial<MatchConfig>): MatchConfig {
  return { models: [], headers: [], operations: [], ...rest }
}

/** Matches these names and no other. */
export function exactly(...names: string[]): MatchConfig {
  return match({ models: names.map((value) => ({ type: 'Exact', value })) })
}

/** `provider` or `provider model`. */
export function backend(text: string, weight = 1, priority = 0): BackendConfig {
  const [id = '', model] = text.split(' ')
  return { provider: id, ...(model !== undefined && { model }), weight, priority }
}

function modelConfig(text: string): ModelConfig {
  const [name = '', upstreamName = name] = text.split('=')
  return { name, upstreamName }
}
