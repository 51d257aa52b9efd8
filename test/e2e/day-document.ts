// What the day's sidecar is configured with: two mock providers behind three dialects, every model at a price of its own.
import type { PriceConfig, TokenPricesConfig } from '../../contract/limit-config.ts'
import type { ModelConfig, ProviderConfig } from '../../contract/sidecar-config.ts'
import type { Source } from '../support/sidecar.ts'
import {
  backend,
  budgetConfig,
  exactly,
  limitConfig,
  provider,
  routeConfig,
  ruleConfig,
  sidecarConfig,
} from '../support/sidecar-config.ts'
import { PROVIDER_KEY } from './two-ways.ts'

export const DIALECTS = ['openai', 'anthropic', 'gemini'] as const
export type Dialect = (typeof DIALECTS)[number]

/** The second stands by for the first. */
export const MOCKS = ['first', 'second'] as const
export type MockName = (typeof MOCKS)[number]

/**
 * `thinker` is asked to reason. The `frail` fail at the first provider before content. `guarded` has a limit of requests. `silent` is
 * asked for streams only, and tells no usage in them; nobody knows what `unpriced` costs.
 */
export const MODELS = [
  'small',
  'large',
  'thinker',
  'frail-500',
  'frail-error',
  'frail-cut',
  'guarded',
  'unpriced',
  'silent',
] as const
export type ModelName = (typeof MODELS)[number]

/** A model at a provider, by the names of both sides. */
export interface Target {
  readonly provider: string
  readonly model: ModelName
  readonly mock: MockName
  readonly dialect: Dialect
  /** What the mock is asked for. */
  readonly upstreamName: string
  readonly price: PriceConfig | undefined
}

/** How the first mock fails, as a part of the model's name: those of `mock/behaviours.ts`. */
const FAULTS: { readonly [model in ModelName]?: string } = {
  'frail-500': 'mock-status-500',
  'frail-error': 'mock-error-in-stream-after-1',
  'frail-cut': 'mock-cut-after-bytes-100',
}

export const TARGETS: readonly Target[] = DIALECTS.flatMap((dialect) =>
  MOCKS.flatMap((mock) => MODELS.flatMap((model) => targetOf(dialect, mock, model))),
).map((target, at) => ({ ...target, price: target.model === 'unpriced' ? undefined : priceAt(at) }))

export const DAY_LIMIT = 'route:shop/day/all/tokens'
export const DAY_BUDGET = 'route:shop/day/all/day'
/** Of which the limit and the budget are. */
export const COUNTED_RULE = 'all'

/** `guarded`: requests that its limit admits. */
export function dayDocument(urls: Readonly<Record<MockName, string>>, guarded: number): Source {
  const providers = [...new Set(TARGETS.map((target) => target.provider))].map((id) => providerConfig(id, urls))
  const backends = providers.map(({ id }) => backend(id, 1, id.endsWith('second') ? 1 : 0))
  const rules = [
    ruleConfig('guarded', {
      matches: [exactly('guarded')],
      backends,
      limits: [limitConfig('route:shop/day/guarded/requests', 'Requests', guarded, { windowMs: MONTH_MS })],
    }),
    ruleConfig('unmetered', { matches: [exactly('unpriced', 'silent')], backends }),
    ruleConfig(COUNTED_RULE, {
      backends,
      limits: [limitConfig(DAY_LIMIT, 'Tokens', 1e12, { windowMs: MONTH_MS })],
      budgets: [budgetConfig(DAY_BUDGET, 9e15, { period: { type: 'Calendar', unit: 'Day', timeZone: 'UTC' } })],
    }),
  ]
  return {
    keys: { key: PROVIDER_KEY },
    config: sidecarConfig({ providers, routes: [routeConfig('shop/day', rules)] }),
  }
}

const MONTH_MS = 30 * 24 * 3_600_000
const NEVER_OPEN = { consecutiveFailures: 0, errorPercent: 0, minRequests: 1, windowMs: 1000, openForMs: 1, probes: 1 }
const TYPES = { openai: 'OpenAI', anthropic: 'Anthropic', gemini: 'Gemini' } as const

function targetOf(dialect: Dialect, mock: MockName, model: ModelName): Omit<Target, 'price'>[] {
  if (model === 'silent' && dialect !== 'openai') return []
  const provider = `shop/${dialect}-${model === 'silent' ? 'silent-' : ''}${mock}`
  const fault = mock === 'first' ? FAULTS[model] : undefined
  return [{ provider, model, mock, dialect, upstreamName: `${dialect}-${model}${fault ? `-${fault}` : ''}` }]
}

function providerConfig(id: string, urls: Readonly<Record<MockName, string>>): ProviderConfig {
  const own = TARGETS.filter((target) => target.provider === id)
  const { dialect, mock } = own[0] as Target
  const models = own.map(({ model, upstreamName, price }): ModelConfig => {
    return { name: model, upstreamName, ...(price && { price }) }
  })
  return provider(id, TYPES[dialect], models, {
    baseURL: dialect === 'openai' ? `${urls[mock]}/v1` : urls[mock],
    credentials: [{ name: 'primary', file: 'key', weight: 1 }],
    streamUsage: id.includes('silent') ? 'AsSent' : 'Requested',
    circuitBreaker: NEVER_OPEN,
  })
}

/** Of no two models alike, and of no two kinds of tokens: one that is counted in a wrong place shows in the sum. */
function priceAt(at: number): PriceConfig {
  const tiers = [
    { aboveInputTokens: 60, ...tokenPrices(2 * at + 3) },
    { aboveInputTokens: 200, ...tokenPrices(3 * at + 5) },
  ]
  return { ...tokenPrices(at + 1), tiers }
}

/** Pico-USD per token: a hundred times those of today, or no sum would pass a dollar. */
function tokenPrices(times: number): TokenPricesConfig {
  return {
    inputPicoUsd: 25_000_300 * times,
    cachedInputPicoUsd: 2_501_300 * times,
    cacheWritePicoUsd: 31_250_900 * times,
    outputPicoUsd: 200_000_300 * times,
    reasoningPicoUsd: 250_000_900 * times,
  }
}
