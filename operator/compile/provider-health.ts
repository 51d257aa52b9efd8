// How a sidecar judges whether a provider is well, and how hard it may press one that is not.

import type { CircuitBreakerConfig, HealthCheckConfig, RetryBudgetConfig } from '../../contract/sidecar-config.ts'
import type { LLMProviderCircuitBreaker, LLMProviderHealthCheck, LLMProviderRetryBudget } from '../api/llm-provider.ts'
import type { Flaw } from '../api/problem.ts'
import { CIRCUIT_BREAKER, HEALTH_CHECK, RETRY_BUDGET } from './defaults.ts'
import { compileDuration } from './duration.ts'

export function compileCircuitBreaker(
  given: LLMProviderCircuitBreaker | undefined,
  flaws: Flaw[],
): CircuitBreakerConfig {
  const { window, openFor, ...rest } = { ...CIRCUIT_BREAKER, ...given }
  return {
    consecutiveFailures: rest.consecutiveFailures,
    errorPercent: rest.errorPercent,
    minRequests: rest.minRequests,
    windowMs: compileDuration(window, 'spec.circuitBreaker.window', flaws),
    openForMs: compileDuration(openFor, 'spec.circuitBreaker.openFor', flaws),
    probes: rest.probes,
  }
}

export function compileRetryBudget(given: LLMProviderRetryBudget | undefined): RetryBudgetConfig {
  const { percent, minPerSecond } = { ...RETRY_BUDGET, ...given }
  return { percent, minPerSecond }
}

/** `modelsPath`: where a provider of this type lists its models, which every key may read and which costs nothing; if it does. */
export function compileHealthCheck(
  given: LLMProviderHealthCheck | undefined,
  modelsPath: string | undefined,
  flaws: Flaw[],
): { healthCheck?: HealthCheckConfig } {
  if (given === undefined) return {}
  const { path = modelsPath, interval, timeout, unhealthyThreshold, healthyThreshold } = { ...HEALTH_CHECK, ...given }
  const intervalMs = compileDuration(interval, 'spec.healthCheck.interval', flaws)
  const timeoutMs = compileDuration(timeout, 'spec.healthCheck.timeout', flaws)
  if (intervalMs > 0 && timeoutMs >= intervalMs) {
    const message = `timeout is ${timeout} and interval ${interval}; make timeout shorter than interval`
    flaws.push({ field: 'spec.healthCheck.timeout', reason: 'InvalidField', message })
  }
  if (path === undefined) {
    const message =
      'the runtime endpoint of this type lists no models; say by path what a check can get without spending tokens'
    flaws.push({ field: 'spec.healthCheck.path', reason: 'InvalidField', message })
    return {}
  }
  return { healthCheck: { path, intervalMs, timeoutMs, unhealthyThreshold, healthyThreshold } }
}
