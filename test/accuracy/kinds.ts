// What is limited in a run, each under a rule of its own, and the document that says so.

import type { SidecarConfig } from '../../contract/sidecar-config.ts'
import { tokensOf, type Usage } from '../../mock/completion.ts'
import {
  backend,
  exactly,
  limitConfig,
  priceConfig,
  provider,
  RETRY,
  routeConfig,
  ruleConfig,
  sidecarConfig,
} from '../support/sidecar-config.ts'

export const KINDS = ['Requests', 'Tokens', 'Cost', 'Concurrency'] as const
export type Kind = (typeof KINDS)[number]

/** The shortest that a limit may have. */
export const WINDOW_MS = 10_000

/** 31 tokens, as the mock counts. */
export const PROMPT =
  'How does an outrigger keep a canoe from turning over when the waves come from the side, and what is it made of?'
const INPUT_PICO_USD = 250_000
const OUTPUT_PICO_USD = 2_000_000
/** Of the prompt, and of the answers that the load asks for: about as many tokens are used by a request. */
const USUAL = { inputTokens: tokensOf(PROMPT), outputTokens: 21 }

export type Limits = Readonly<Record<Kind, number>>

/** Limits under which about `requests` are admitted in a window, and `open` may be open. */
export function limitsFor(requests: number, open: number): Limits {
  return {
    Requests: requests,
    Tokens: requests * amountOf('Tokens', USUAL),
    Cost: requests * amountOf('Cost', USUAL),
    Concurrency: open,
  }
}

/** What an answer counts as. */
export function amountOf(
  kind: Kind,
  { inputTokens, outputTokens }: Pick<Usage, 'inputTokens' | 'outputTokens'>,
): number {
  switch (kind) {
    case 'Tokens':
      return inputTokens + outputTokens
    case 'Cost':
      return inputTokens * INPUT_PICO_USD + outputTokens * OUTPUT_PICO_USD
    default:
      return 1
  }
}

export function limitId(kind: Kind): string {
  return `route:shop/all/${kind}/limit`
}

/** `urls`: of the provider that is asked first, and of the one that is asked when that fails. */
export function documentFor(limits: Limits, urls: readonly [first: string, second: string]): SidecarConfig {
  const price = priceConfig({
    ...{ inputPicoUsd: INPUT_PICO_USD, cachedInputPicoUsd: INPUT_PICO_USD, cacheWritePicoUsd: INPUT_PICO_USD },
    outputPicoUsd: OUTPUT_PICO_USD,
  })
  const providers = urls.map((url, at) =>
    provider(
      `shop/provider-${at}`,
      'OpenAI',
      KINDS.map((kind) => ({ name: kind, upstreamName: kind, price })),
      {
        baseURL: `${url}/v1`,
        credentials: [{ name: 'primary', file: 'key', weight: 1 }],
        connections: { max: 1024, idleMs: 60_000 },
        // One in five fails for as long as it lasts: neither is to be avoided for that, and each failure is to be tried again.
        circuitBreaker: { ...provider('', 'OpenAI').circuitBreaker, consecutiveFailures: 0, errorPercent: 0 },
        retryBudget: { percent: 100, minPerSecond: 1000 },
      },
    ),
  )
  const rules = KINDS.map((kind) =>
    ruleConfig(kind, {
      matches: [exactly(kind)],
      backends: providers.map(({ id }, at) => backend(`${id} ${kind}`, 1, at)),
      limits: [limitConfig(limitId(kind), kind, limits[kind], kind === 'Concurrency' ? {} : { windowMs: WINDOW_MS })],
      retry: { ...RETRY, backoff: { initialMs: 1, maxMs: 5 } },
    }),
  )
  return sidecarConfig({ providers, routes: [routeConfig('shop/all', rules)] })
}
