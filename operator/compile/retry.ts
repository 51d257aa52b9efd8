import type { RetryConfig } from '../../contract/sidecar-config.ts'
import type { LLMRouteRuleRetry } from '../api/llm-route.ts'
import type { Flaw } from '../api/problem.ts'
import { inOrder } from '../resolve/order.ts'
import { RETRY } from './defaults.ts'
import { compileDuration } from './duration.ts'

/** `field` is the path of `retry`. What cannot be read is added to `flaws`, which keeps the result from being used. */
export function compileRetry(given: LLMRouteRuleRetry | undefined, field: string, flaws: Flaw[]): RetryConfig {
  const { attempts, on, statuses, backoff } = { ...RETRY, ...given }
  const { initial, max } = { ...RETRY.backoff, ...backoff }
  const initialMs = compileDuration(initial, `${field}.backoff.initial`, flaws)
  const maxMs = compileDuration(max, `${field}.backoff.max`, flaws)
  if (maxMs > 0 && initialMs > maxMs) {
    const message = `initial is ${initial} and max ${max}; make initial at most max`
    flaws.push({ field: `${field}.backoff.initial`, reason: 'InvalidField', message })
  }
  return {
    attempts,
    on: on.toSorted(inOrder),
    statuses: statuses.toSorted((a, b) => a - b),
    backoff: { initialMs, maxMs },
  }
}
