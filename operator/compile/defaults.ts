// The CRDs' defaults of the fields that came after the first release. An API server fills them in whenever it reads an object,
// also one stored before the field was there; but one that still has the older CRDs knows nothing of them, and an operator
// that is newer than its CRDs must serve all the same. Held equal to crds/ by a test.

import type { LLMProviderCircuitBreaker, LLMProviderHealthCheck, LLMProviderRetryBudget } from '../api/llm-provider.ts'
import type { LLMRouteRule, LLMRouteRuleRetry } from '../api/llm-route.ts'

export const CIRCUIT_BREAKER: LLMProviderCircuitBreaker = {
  consecutiveFailures: 5,
  errorPercent: 50,
  minRequests: 20,
  window: '30s',
  openFor: '15s',
  probes: 1,
}

export const RETRY_BUDGET: LLMProviderRetryBudget = { percent: 20, minPerSecond: 10 }

export const HEALTH_CHECK: LLMProviderHealthCheck = {
  interval: '30s',
  timeout: '5s',
  unhealthyThreshold: 3,
  healthyThreshold: 1,
}

export const RETRY: LLMRouteRuleRetry = {
  attempts: 3,
  on: ['ConnectFailure', 'Timeout', 'RateLimited', 'ServerError', 'ProviderRefused'],
  statuses: [],
  backoff: { initial: '200ms', max: '5s' },
}

export const BALANCE: LLMRouteRule['balance'] = 'Weighted'

export const PANIC_THRESHOLD = 0

export const PRIORITY = 0

export const UNKNOWN_PRICE: LLMRouteRule['unknownPrice'] = 'Reject'
