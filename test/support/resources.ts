// Admitted resources for tests of the operator: only what a case is about has to be written down.
import type { LLMProvider, LLMProviderSpec } from '../../operator/api/llm-provider.ts'
import type { LLMRoute, LLMRouteRule } from '../../operator/api/llm-route.ts'
import type { ObjectMeta } from '../../operator/api/object-meta.ts'
import {
  BALANCE,
  CIRCUIT_BREAKER,
  PANIC_THRESHOLD,
  RETRY,
  RETRY_BUDGET,
  UNKNOWN_PRICE,
} from '../../operator/compile/defaults.ts'

/** `id` is `namespace/name`. An OpenAI provider without credentials and models, open to its own namespace. */
export function llmProvider(id: string, spec: Partial<LLMProviderSpec> = {}): LLMProvider {
  return {
    apiVersion: 'outrigger.dev/v1alpha1',
    kind: 'LLMProvider',
    metadata: objectMeta(id),
    spec: {
      type: 'OpenAI',
      openAI: { baseURL: 'https://api.openai.com/v1' },
      credentials: [],
      models: [],
      access: { namespaces: { from: 'Same' } },
      timeouts: { connect: '5s', firstByte: '120s', idle: '60s', total: '15m' },
      connections: { max: 256, idle: '60s' },
      circuitBreaker: CIRCUIT_BREAKER,
      retryBudget: RETRY_BUDGET,
      ...spec,
    },
  }
}

/** `id` is `namespace/name`. */
export function llmRoute(id: string, rules: LLMRouteRule[] = [], metadata: Partial<ObjectMeta> = {}): LLMRoute {
  return {
    apiVersion: 'outrigger.dev/v1alpha1',
    kind: 'LLMRoute',
    metadata: { ...objectMeta(id), ...metadata },
    spec: { rules },
  }
}

/** A rule for every request, with one backend of weight 1 for each `name` or `namespace/name`. */
export function ruleTo(...providers: string[]): LLMRouteRule {
  return {
    name: 'all',
    backends: providers.map((provider) => {
      const [name = '', namespace] = provider.split('/').reverse()
      return { provider: { name, ...(namespace !== undefined && { namespace }) }, weight: 1, priority: 0 }
    }),
    balance: BALANCE,
    panicThreshold: PANIC_THRESHOLD,
    retry: RETRY,
    unknownPrice: UNKNOWN_PRICE,
  }
}

function objectMeta(id: string): ObjectMeta {
  const [namespace = '', name = ''] = id.split('/')
  return { namespace, name }
}
