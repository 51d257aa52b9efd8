// Bounds of limits, budgets and prices: part of the table in bound-cases.ts.
import { atBounds, type BoundCase, repeat } from './bound-case.ts'

const BACKEND = { provider: { name: 'openai' } }

const provider = (extra: object) => ({ type: 'OpenAI', openAI: {}, ...extra })
const rule = (extra: object) => ({ rules: [{ name: 'one', backends: [BACKEND], ...extra }] })
const limit = (extra: object) => ({
  limits: [{ name: 'one', what: 'Requests', limit: 600, window: '1m', ...extra }],
})
const cost = (extra: object) => limit({ what: 'Cost', limit: '2.50', ...extra })
const limitOfRoute = (extra: object) => ({ ...limit(extra), ...rule({}) })
const spending = (extra: object) => rule({ budgets: [{ name: 'one', amount: '500', window: 'Day', ...extra }] })
const price = (extra: object) =>
  provider({ models: [{ name: 'one', price: { inputPerMillion: '1', outputPerMillion: '1', ...extra } }] })
const tier = (aboveInputTokens: number) => ({ aboveInputTokens, inputPerMillion: '1', outputPerMillion: '1' })

export const LIMIT_BOUND_CASES: readonly BoundCase[] = [
  ...atBounds('LLMProvider', 'spec.limits[0].limit', (n) => provider(limit({ limit: n })), 1, 1_000_000_000_000),
  ...atBounds('LLMProvider', 'spec.limits[0].maxKeys', (n) => provider(limit({ maxKeys: n })), 1, 10_000),
  ...atBounds('LLMRoute', 'spec.limits[0].maxKeys', (n) => limitOfRoute({ maxKeys: n }), 1, 10_000),
  ...atBounds('LLMRoute', 'spec.rules[0].limits[0].limit', (n) => rule(limit({ limit: n })), 1, 1_000_000_000_000),
  ...atBounds('LLMRoute', 'spec.rules[0].budgets[0].maxKeys', (n) => spending({ maxKeys: n }), 1, 10_000),
  ...atBounds('LLMRoute', 'spec.rules[0].budgets[0].warnAtPercent[0]', (n) => spending({ warnAtPercent: [n] }), 1, 99),
  ...atBounds(
    'LLMProvider',
    'spec.models[0].price.tiers[0].aboveInputTokens',
    (n) => price({ tiers: [tier(n)] }),
    1,
    1_000_000_000,
  ),
  ['LLMProvider', 'spec.limits', provider(limits(16)), provider(limits(17)), 'FieldValueTooMany'],
  ['LLMRoute', 'spec.rules[0].limits', rule(limits(16)), rule(limits(17)), 'FieldValueTooMany'],
  ['LLMRoute', 'spec.rules[0].budgets', rule(budgets(16)), rule(budgets(17)), 'FieldValueTooMany'],
  [
    'LLMRoute',
    'spec.limits[1]',
    { limits: [limit({}).limits[0], limit({ name: 'two' }).limits[0]], ...rule({}) },
    { limits: [limit({}).limits[0], limit({ limit: 1 }).limits[0]], ...rule({}) },
    'FieldValueDuplicate',
  ],
  [
    'LLMRoute',
    'spec.rules[0].limits[0].name',
    rule(limit({ name: 'tokens-1h' })),
    rule(limit({ name: 'tokens/1h' })),
    'FieldValueInvalid',
  ],
  [
    'LLMRoute',
    'spec.rules[0].limits[0].what',
    rule(limit({ what: 'OutputTokens' })),
    rule(limit({ what: 'Bytes' })),
    'FieldValueNotSupported',
  ],
  [
    'LLMRoute',
    'spec.rules[0].limits[0].limit',
    rule(cost({ limit: '2.123456' })),
    rule(cost({ limit: '2.1234567' })),
    'FieldValueInvalid',
  ],
  [
    'LLMRoute',
    'spec.rules[0].limits[0].limit',
    rule(limit({ limit: 2.0 })),
    rule(limit({ limit: 2.5 })),
    'FieldValueTypeInvalid',
  ],
  [
    'LLMRoute',
    'spec.rules[0].limits[0].burst',
    rule(limit({ burst: 1 })),
    rule(limit({ burst: 0 })),
    'FieldValueInvalid',
  ],
  [
    'LLMRoute',
    'spec.rules[0].limits[0].per',
    rule(limit({ per: headers(8) })),
    rule(limit({ per: headers(9) })),
    'FieldValueTooMany',
  ],
  [
    'LLMRoute',
    'spec.rules[0].limits[0].per[1]',
    rule(limit({ per: ['Pod', 'Model'] })),
    rule(limit({ per: ['Pod', 'Pod'] })),
    'FieldValueDuplicate',
  ],
  [
    'LLMRoute',
    'spec.rules[0].limits[0].mode',
    rule(limit({ mode: 'Shadow' })),
    rule(limit({ mode: 'Off' })),
    'FieldValueNotSupported',
  ],
  [
    'LLMRoute',
    'spec.rules[0].budgets[0].timeZone',
    spending({ timeZone: 'Etc/GMT+1' }),
    spending({ timeZone: '+01:00' }),
    'FieldValueInvalid',
  ],
  [
    'LLMRoute',
    'spec.rules[0].budgets[0].onExhausted',
    spending({ onExhausted: 'Fallback' }),
    spending({ onExhausted: 'Ignore' }),
    'FieldValueNotSupported',
  ],
  [
    'LLMRoute',
    'spec.rules[0].unknownPrice',
    rule({ unknownPrice: 'AllowUnpriced' }),
    rule({ unknownPrice: 'Allow' }),
    'FieldValueNotSupported',
  ],
  [
    'LLMProvider',
    'spec.models[0].price.tiers',
    price({ tiers: repeat(8, (i) => tier(i + 1)) }),
    price({ tiers: repeat(9, (i) => tier(i + 1)) }),
    'FieldValueTooMany',
  ],
  [
    'LLMProvider',
    'spec.models[0].price.tiers[1]',
    price({ tiers: [tier(200_000), tier(100_000)] }),
    price({ tiers: [tier(200_000), tier(200_000)] }),
    'FieldValueDuplicate',
  ],
]

function limits(count: number): object {
  return { limits: repeat(count, (i) => ({ name: `l${i}`, what: 'Concurrency', limit: 8 })) }
}

function budgets(count: number): object {
  return { budgets: repeat(count, (i) => ({ name: `b${i}`, amount: '1', window: 'Hour' })) }
}

function headers(count: number): unknown[] {
  return repeat(count, (i) => `Header:x-${i}`)
}
