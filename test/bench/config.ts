// The configuration that is measured: a route, so that rules are matched, and a price, so that cost is worked out.

import type { LimitConfig } from '../../contract/limit-config.ts'
import { credentialFile } from '../../contract/names.ts'
import { CONFIG_FORMAT, type SidecarConfig } from '../../contract/sidecar-config.ts'
import { CIRCUIT_BREAKER, limitConfig, RETRY, RETRY_BUDGET } from '../support/sidecar-config.ts'

const RULE = 'route:default/chat/gpt'

/** Limits that are counted and never reached. */
export const ROOM_FOR_ALL: readonly LimitConfig[] = [
  limitConfig(`${RULE}/rpm`, 'Requests', 1e12),
  limitConfig(`${RULE}/tpm`, 'Tokens', 1e15),
]

/** `limits` are those of the rule that is measured. */
export function benchConfig(baseURL: string, limits: readonly LimitConfig[]): SidecarConfig {
  const price = {
    inputPicoUsd: 250_000,
    cachedInputPicoUsd: 25_000,
    cacheWritePicoUsd: 250_000,
    outputPicoUsd: 2_000_000,
    reasoningPicoUsd: 2_000_000,
    tiers: [],
  }
  return {
    format: CONFIG_FORMAT,
    revision: '0123456789abcdef',
    namespace: 'default',
    providers: [
      {
        id: 'default/openai',
        type: 'OpenAI',
        baseURL,
        headers: [],
        streamUsage: 'Requested',
        credentials: [{ name: 'primary', file: credentialFile('default', 'openai', 'primary'), weight: 1 }],
        models: [{ name: 'gpt-5-mini', upstreamName: 'gpt-5-mini', price }],
        timeouts: { connectMs: 5000, firstByteMs: 120_000, idleMs: 60_000, totalMs: 900_000 },
        connections: { max: 256, idleMs: 60_000 },
        circuitBreaker: CIRCUIT_BREAKER,
        retryBudget: RETRY_BUDGET,
        limits: [],
        tls: {},
      },
    ],
    routes: [
      {
        id: 'default/chat',
        workloads: { matchLabels: {}, matchExpressions: [] },
        limits: [],
        budgets: [],
        rules: [
          {
            name: 'embeddings',
            matches: [{ models: [{ type: 'Prefix', value: 'text-embedding-' }], headers: [], operations: [] }],
            backends: [{ provider: 'default/openai', weight: 1, priority: 0 }],
            balance: 'Weighted',
            retry: RETRY,
            panicPercent: 0,
            limits: [],
            budgets: [],
            unknownPrice: 'Reject',
            timeouts: {},
            defaults: [],
            overrides: [],
          },
          {
            name: 'gpt',
            matches: [{ models: [{ type: 'Glob', value: 'gpt-*' }], headers: [], operations: [] }],
            backends: [{ provider: 'default/openai', weight: 1, priority: 0 }],
            balance: 'Weighted',
            retry: RETRY,
            panicPercent: 0,
            limits: [...limits],
            budgets: [],
            unknownPrice: 'Reject',
            timeouts: {},
            defaults: [],
            overrides: [],
          },
        ],
      },
    ],
  }
}
