// What admission refuses may still be stored: an object can be older than the rule that refuses it. The golden cases cannot
// show that, since they are admitted.
import { expect, test } from '@jest/globals'
import { parseSidecarConfig } from '../../../contract/parse.ts'
import type { LLMProviderSpec } from '../../../operator/api/llm-provider.ts'
import type { LLMRouteBudget, LLMRouteLimit, LLMRouteRule } from '../../../operator/api/llm-route.ts'
import { type Compiled, compile } from '../../../operator/compile/compile.ts'
import { CIRCUIT_BREAKER, HEALTH_CHECK, RETRY } from '../../../operator/compile/defaults.ts'
import { resolve } from '../../../operator/resolve/resolve.ts'
import { llmProvider, llmRoute, ruleTo } from '../../support/resources.ts'

function compiled(spec: Partial<LLMProviderSpec>, rules: LLMRouteRule[]): Compiled {
  const providers = [llmProvider('shop/openai', spec), llmProvider('shop/sound')]
  const snapshot = { providers, routes: [llmRoute('shop/chat', rules)], secrets: [], namespaces: [] }
  return compile(resolve(snapshot, 'shop'))
}

function problemsOf({ problems }: Compiled): string[] {
  return problems.map(({ object, field, reason }) => `${object.kind} ${field} ${reason}`)
}

function checkProvider(name: string, spec: Partial<LLMProviderSpec>, field: string): void {
  test(`${name} takes the provider out`, () => {
    const result = compiled(spec, [ruleTo('openai', 'sound')])
    expect(problemsOf(result)).toEqual([
      `LLMProvider ${field} InvalidField`,
      'LLMProvider spec ProviderUnusable',
      'LLMRoute spec.rules[0].backends[0].provider ProviderUnusable',
    ])
    expect(result.config.providers.map(({ id }) => id)).toEqual(['shop/sound'])
    expect(parseSidecarConfig(JSON.stringify(result.config))).toEqual({ config: result.config })
  })
}

const timeouts = { connect: '5s', firstByte: '120s', idle: '60s', total: '15m' }

checkProvider('a type without its member', { type: 'Gemini' }, 'spec.type')
checkProvider('a timeout of 0', { timeouts: { ...timeouts, connect: '0s' } }, 'spec.timeouts.connect')
checkProvider('a timeout that is no duration', { timeouts: { ...timeouts, total: 'never' } }, 'spec.timeouts.total')
checkProvider('an idle time that is no duration', { connections: { max: 1, idle: '' } }, 'spec.connections.idle')
checkProvider(
  'a price that is no number',
  { models: [{ name: 'm', price: { inputPerMillion: 'free', outputPerMillion: '1' } }] },
  'spec.models[0].price.inputPerMillion',
)
checkProvider(
  'a window that is no duration',
  { circuitBreaker: { ...CIRCUIT_BREAKER, window: '1d' } },
  'spec.circuitBreaker.window',
)
checkProvider(
  'a time for the circuit to stay open of 0',
  { circuitBreaker: { ...CIRCUIT_BREAKER, openFor: '0s' } },
  'spec.circuitBreaker.openFor',
)
checkProvider(
  'a health check without a path, where no models are listed,',
  { type: 'Bedrock', bedrock: { region: 'us-east-1' }, healthCheck: HEALTH_CHECK },
  'spec.healthCheck.path',
)
checkProvider(
  'a time between health checks that is no duration',
  { healthCheck: { ...HEALTH_CHECK, interval: 'often' } },
  'spec.healthCheck.interval',
)
checkProvider(
  'a health check that may take no time',
  { healthCheck: { ...HEALTH_CHECK, timeout: '0s' } },
  'spec.healthCheck.timeout',
)
checkProvider(
  'a health check that may take until the next',
  { healthCheck: { ...HEALTH_CHECK, interval: '5s', timeout: '5000ms' } },
  'spec.healthCheck.timeout',
)
checkProvider('a proxy that is not http://host:port', { egressProxy: { url: 'proxy' } }, 'spec.egressProxy.url')

function checkRule(name: string, part: Partial<LLMRouteRule>, field: string): void {
  test(`${name} makes that rule unavailable, and no other`, () => {
    const result = compiled({}, [
      { ...ruleTo('openai'), ...part },
      { ...ruleTo('openai'), name: 'next' },
    ])
    expect(problemsOf(result)).toEqual([
      `LLMRoute spec.rules[0].${field} InvalidField`,
      'LLMRoute spec.rules[0].backends RuleUnavailable',
    ])
    expect(result.config.routes[0]?.rules.map(({ backends, unavailable }) => ({ backends, unavailable }))).toEqual([
      { backends: [], unavailable: `spec.rules[0].${field}: InvalidField` },
      { backends: [{ provider: 'shop/openai', weight: 1, priority: 0 }], unavailable: undefined },
    ])
    expect(parseSidecarConfig(JSON.stringify(result.config))).toEqual({ config: result.config })
  })
}

const backoff = (initial: string, max: string) => ({ retry: { ...RETRY, backoff: { initial, max } } })

checkRule('a timeout of a rule that is no duration', { timeouts: { connect: '1s', idle: 'never' } }, 'timeouts.idle')
checkRule('a first wait that is no duration', backoff('soon', '1s'), 'retry.backoff.initial')
checkRule('a longest wait of 0', backoff('1s', '0s'), 'retry.backoff.max')
checkRule('a first wait above the longest', backoff('2s', '1999ms'), 'retry.backoff.initial')

const count = { name: 'x', maxKeys: 1000, mode: 'Enforce' } as const
const limit = (fields: Partial<LLMRouteLimit>) => ({
  limits: [{ ...count, what: 'Requests' as const, limit: 600, window: '1m', ...fields }],
})
const withoutWindow = (fields: Pick<LLMRouteLimit, 'what'>) => ({ limits: [{ ...count, limit: 600, ...fields }] })
const spending = (fields: Partial<LLMRouteBudget>) => ({
  budgets: [{ ...count, amount: '500', window: 'Day', warnAtPercent: [], onExhausted: 'Reject' as const, ...fields }],
})

checkRule('a limit in quotes', limit({ limit: '600' }), 'limits[0].limit')
checkRule('a limit of 0', limit({ limit: 0 }), 'limits[0].limit')
checkRule('a limit that is no whole number', limit({ limit: 0.5 }), 'limits[0].limit')
checkRule('a limit beyond all bounds', limit({ limit: 1e12 + 1 }), 'limits[0].limit')
checkRule('a limit in USD without quotes', limit({ what: 'Cost', limit: 5 }), 'limits[0].limit')
checkRule('a limit in USD of 0', limit({ what: 'Cost', limit: '0.00' }), 'limits[0].limit')
checkRule('a burst above its limit', limit({ burst: 601 }), 'limits[0].burst')
checkRule(
  'a burst of open requests',
  { limits: [{ ...count, what: 'Concurrency', limit: 8, burst: 8 }] },
  'limits[0].burst',
)
checkRule('a window that is no span', limit({ window: '5s' }), 'limits[0].window')
checkRule('a window for open requests', limit({ what: 'Concurrency' }), 'limits[0].window')
checkRule('a limit of requests without window', withoutWindow({ what: 'Requests' }), 'limits[0].window')
checkRule('a key that is none', limit({ per: ['Pod', 'User'] }), 'limits[0].per[1]')
checkRule('a header whose name is none', limit({ per: ['Header:x user'] }), 'limits[0].per[0]')
checkRule('an amount that is no money', spending({ amount: 'much' }), 'budgets[0].amount')
checkRule('a period that is none', spending({ window: 'Year' }), 'budgets[0].window')
checkRule('a time zone for a window that slides', spending({ window: '7d', timeZone: 'UTC' }), 'budgets[0].timeZone')
checkRule('a time zone that nobody knows', spending({ timeZone: 'Nowhere' }), 'budgets[0].timeZone')
checkProvider('a quota that is no number', limit({ limit: '600' }), 'spec.limits[0].limit')
checkProvider(
  'a price of a tier that is no number',
  {
    models: [
      {
        name: 'm',
        price: {
          inputPerMillion: '1',
          outputPerMillion: '1',
          tiers: [{ aboveInputTokens: 1, inputPerMillion: '1', outputPerMillion: 'free' }],
        },
      },
    ],
  },
  'spec.models[0].price.tiers[0].outputPerMillion',
)

test('what of the whole route cannot be read makes every rule of it unavailable, and no other route', () => {
  const routes = [llmRoute('shop/chat', [ruleTo('openai')]), llmRoute('shop/other', [ruleTo('openai')])]
  const [chat] = routes
  Object.assign(chat?.spec ?? {}, limit({ limit: 0 }))
  const snapshot = { providers: [llmProvider('shop/openai')], routes, secrets: [], namespaces: [] }
  const result = compile(resolve(snapshot, 'shop'))
  expect(problemsOf(result)).toEqual([
    'LLMRoute spec.limits[0].limit InvalidField',
    'LLMRoute spec.rules[0].backends RuleUnavailable',
  ])
  expect(result.config.routes.map(({ limits, rules }) => ({ limits, unavailable: rules[0]?.unavailable }))).toEqual([
    { limits: [], unavailable: 'spec.limits[0].limit: InvalidField' },
    { limits: [], unavailable: undefined },
  ])
  expect(parseSidecarConfig(JSON.stringify(result.config))).toEqual({ config: result.config })
})
