// Bounds of fields, each with the last value inside and the first one outside, as values of `spec`. File mode's admission and
// a real apiserver are held to the same table.
import { atBounds, type BoundCase, type Kind, repeat } from './bound-case.ts'
import { LIMIT_BOUND_CASES } from './limit-bound-cases.ts'

const OPENAI = { type: 'OpenAI', openAI: {} }
const BACKEND = { provider: { name: 'openai' } }

const fields = (count: number) => Object.fromEntries(repeat(count, (i) => [`f${i}`, 'x']) as [string, string][])

const provider = (extra: object) => ({ ...OPENAI, ...extra })
const credential = (extra: object) =>
  provider({ credentials: [{ name: 'one', secretRef: { name: 'one', key: 'key' }, ...extra }] })
const model = (extra: object) => provider({ models: [{ name: 'one', ...extra }] })
const bedrock = (region: string) => ({ type: 'Bedrock', bedrock: { region } })
const rule = (extra: object) => ({ rules: [{ name: 'one', backends: [BACKEND], ...extra }] })
const match = (extra: object) => rule({ matches: [extra] })
const backends = (extra: object) => rule({ backends: [{ ...BACKEND, ...extra }] })
const retry = (extra: object) => rule({ retry: extra })
const breaker = (extra: object) => provider({ circuitBreaker: extra })
const budget = (extra: object) => provider({ retryBudget: extra })
const check = (extra: object) => provider({ healthCheck: extra })
const rules = (count: number) => ({ rules: repeat(count, (i) => ({ name: `r${i}`, backends: [BACKEND] })) })

const INTEGERS: [kind: Kind, field: string, spec: (value: number) => object, min: number, max: number][] = [
  ['LLMProvider', 'spec.circuitBreaker.consecutiveFailures', (n) => breaker({ consecutiveFailures: n }), 0, 100_000],
  ['LLMProvider', 'spec.circuitBreaker.errorPercent', (n) => breaker({ errorPercent: n }), 0, 100],
  ['LLMProvider', 'spec.circuitBreaker.minRequests', (n) => breaker({ minRequests: n }), 1, 100_000],
  ['LLMProvider', 'spec.circuitBreaker.probes', (n) => breaker({ probes: n }), 1, 1000],
  ['LLMProvider', 'spec.retryBudget.percent', (n) => budget({ percent: n }), 0, 100],
  ['LLMProvider', 'spec.retryBudget.minPerSecond', (n) => budget({ minPerSecond: n }), 0, 100_000],
  ['LLMProvider', 'spec.healthCheck.unhealthyThreshold', (n) => check({ unhealthyThreshold: n }), 1, 1000],
  ['LLMProvider', 'spec.healthCheck.healthyThreshold', (n) => check({ healthyThreshold: n }), 1, 1000],
  ['LLMRoute', 'spec.rules[0].backends[0].priority', (n) => backends({ priority: n }), 0, 100],
  ['LLMRoute', 'spec.rules[0].panicThreshold', (n) => rule({ panicThreshold: n }), 0, 100],
  ['LLMRoute', 'spec.rules[0].retry.attempts', (n) => retry({ attempts: n }), 1, 10],
  ['LLMRoute', 'spec.rules[0].retry.statuses[0]', (n) => retry({ statuses: [n] }), 400, 599],
]

export const BOUND_CASES: readonly BoundCase[] = [
  ...INTEGERS.flatMap((row) => atBounds(...row)),
  ...LIMIT_BOUND_CASES,
  ['LLMProvider', 'spec.type', OPENAI, { type: 'Mistral', openAI: {} }, 'FieldValueNotSupported'],
  ['LLMProvider', 'spec.bedrock.region', bedrock('us-gov-west-1'), bedrock('US-EAST-1'), 'FieldValueInvalid'],
  ['LLMProvider', 'spec.bedrock.region', bedrock('ap-southeast-12'), bedrock('us-east-1.evil'), 'FieldValueInvalid'],
  ['LLMProvider', 'spec.credentials', credentials(16), credentials(17), 'FieldValueTooMany'],
  [
    'LLMProvider',
    'spec.credentials[0].weight',
    credential({ weight: 1 }),
    credential({ weight: 0 }),
    'FieldValueInvalid',
  ],
  [
    'LLMProvider',
    'spec.credentials[0].weight',
    credential({ weight: 1000000 }),
    credential({ weight: 1000001 }),
    'FieldValueInvalid',
  ],
  [
    'LLMProvider',
    'spec.credentials[0].weight',
    credential({ weight: 2.0 }),
    credential({ weight: 1.5 }),
    'FieldValueTypeInvalid',
  ],
  [
    'LLMProvider',
    'spec.credentials[0].name',
    credential({ name: 'a-1' }),
    credential({ name: 'a.1' }),
    'FieldValueInvalid',
  ],
  [
    'LLMProvider',
    'spec.credentials[0].name',
    credential({ name: 'a'.repeat(63) }),
    credential({ name: 'a'.repeat(64) }),
    'FieldValueTooLong',
  ],
  [
    'LLMProvider',
    'spec.credentials[0].secretRef.key',
    credential({ secretRef: { name: 'one', key: 'api_key.v-1' } }),
    credential({ secretRef: { name: 'one', key: 'api/key' } }),
    'FieldValueInvalid',
  ],
  ['LLMProvider', 'spec.models', models(512), models(513), 'FieldValueTooMany'],
  [
    'LLMProvider',
    'spec.models[0].name',
    model({ name: 'Qwen/Qwen3:32b@v1_2.0-x' }),
    model({ name: 'two words' }),
    'FieldValueInvalid',
  ],
  [
    'LLMProvider',
    'spec.models[0].name',
    model({ name: 'x'.repeat(256) }),
    model({ name: 'x'.repeat(257) }),
    'FieldValueTooLong',
  ],
  ['LLMProvider', 'spec.models[0].name', model({ name: 'x' }), model({ name: '' }), 'FieldValueInvalid'],
  [
    'LLMProvider',
    'spec.models[0].upstreamName',
    model({ upstreamName: 'x' }),
    model({ upstreamName: 'ö' }),
    'FieldValueInvalid',
  ],
  [
    'LLMProvider',
    'spec.models[0].contextWindow',
    model({ contextWindow: 1 }),
    model({ contextWindow: 0 }),
    'FieldValueInvalid',
  ],
  [
    'LLMProvider',
    'spec.connections.max',
    provider({ connections: { max: 10000 } }),
    provider({ connections: { max: 10001 } }),
    'FieldValueInvalid',
  ],
  [
    'LLMProvider',
    'spec.connections.max',
    provider({ connections: { max: 1 } }),
    provider({ connections: { max: 0 } }),
    'FieldValueInvalid',
  ],
  [
    'LLMProvider',
    'spec.anthropic.version',
    { type: 'Anthropic', anthropic: { version: '2023-06-01' } },
    { type: 'Anthropic', anthropic: { version: '2023-6-1' } },
    'FieldValueInvalid',
  ],
  [
    'LLMProvider',
    'spec.openAI.organization',
    { type: 'OpenAI', openAI: { organization: 'org-1' } },
    { type: 'OpenAI', openAI: { organization: 'org\r\nx-evil: 1' } },
    'FieldValueInvalid',
  ],
  [
    'LLMProvider',
    'spec.healthCheck.path',
    check({ path: '/v1/models?limit=1' }),
    check({ path: 'models' }),
    'FieldValueInvalid',
  ],
  ['LLMProvider', 'spec.healthCheck.path', check({ path: '/' }), check({ path: '/models#top' }), 'FieldValueInvalid'],
  ['LLMProvider', 'spec.healthCheck.path', check({ path: '/%20' }), check({ path: '/a b' }), 'FieldValueInvalid'],
  [
    'LLMProvider',
    'spec.healthCheck.path',
    check({ path: '/'.padEnd(512, 'x') }),
    check({ path: '/'.padEnd(513, 'x') }),
    'FieldValueTooLong',
  ],
  ['LLMRoute', 'spec.rules', rules(64), rules(65), 'FieldValueTooMany'],
  ['LLMRoute', 'spec.rules', rules(1), rules(0), 'FieldValueInvalid'],
  ['LLMRoute', 'spec.rules[0].name', rule({ name: 'a' }), rule({ name: 'A' }), 'FieldValueInvalid'],
  [
    'LLMRoute',
    'spec.rules[0].backends',
    rule({ backends: repeat(16, () => BACKEND) }),
    rule({ backends: repeat(17, () => BACKEND) }),
    'FieldValueTooMany',
  ],
  [
    'LLMRoute',
    'spec.rules[0].backends[1].weight',
    rule({ backends: [BACKEND, { ...BACKEND, weight: 0 }] }),
    rule({ backends: [BACKEND, { ...BACKEND, weight: -1 }] }),
    'FieldValueInvalid',
  ],
  [
    'LLMRoute',
    'spec.rules[0].backends[0].provider.namespace',
    rule({ backends: [{ provider: { name: 'openai', namespace: 'ai' } }] }),
    rule({ backends: [{ provider: { name: 'openai', namespace: 'a.i' } }] }),
    'FieldValueInvalid',
  ],
  [
    'LLMRoute',
    'spec.rules[0].matches',
    rule({ matches: repeat(16, () => ({})) }),
    rule({ matches: repeat(17, () => ({})) }),
    'FieldValueTooMany',
  ],
  [
    'LLMRoute',
    'spec.rules[0].matches[0].models',
    match({ models: repeat(64, () => ({ value: 'x' })) }),
    match({ models: repeat(65, () => ({ value: 'x' })) }),
    'FieldValueTooMany',
  ],
  [
    'LLMRoute',
    'spec.rules[0].matches[0].headers[0].name',
    match({ headers: [{ name: 'X-Team', value: 'a b' }] }),
    match({ headers: [{ name: 'x team', value: 'a b' }] }),
    'FieldValueInvalid',
  ],
  [
    'LLMRoute',
    'spec.rules[0].matches[0].headers[1]',
    match({
      headers: [
        { name: 'a', value: 'x' },
        { name: 'b', value: 'x' },
      ],
    }),
    match({
      headers: [
        { name: 'a', value: 'x' },
        { name: 'a', value: 'y' },
      ],
    }),
    'FieldValueDuplicate',
  ],
  [
    'LLMRoute',
    'spec.rules[0].matches[0].operations[1]',
    match({ operations: ['Chat', 'Embeddings'] }),
    match({ operations: ['Chat', 'Chat'] }),
    'FieldValueDuplicate',
  ],
  [
    'LLMRoute',
    'spec.rules[0].defaults',
    rule({ defaults: fields(32) }),
    rule({ defaults: fields(33) }),
    'FieldValueTooMany',
  ],
  [
    'LLMRoute',
    'spec.rules[0].overrides.nested[0]',
    rule({ overrides: { nested: [null, { a: [1.5, 'x', false] }] } }),
    rule({ overrides: { nested: [Number.NaN] } }),
    'FieldValueTypeInvalid',
  ],
  [
    'LLMRoute',
    'spec.rules[0].balance',
    rule({ balance: 'Cheapest' }),
    rule({ balance: 'Random' }),
    'FieldValueNotSupported',
  ],
  [
    'LLMRoute',
    'spec.rules[0].retry.on[0]',
    retry({ on: ['ProviderRefused'] }),
    retry({ on: ['Always'] }),
    'FieldValueNotSupported',
  ],
  [
    'LLMRoute',
    'spec.rules[0].retry.on[1]',
    retry({ on: ['Timeout', 'ServerError'] }),
    retry({ on: ['Timeout', 'Timeout'] }),
    'FieldValueDuplicate',
  ],
  [
    'LLMRoute',
    'spec.rules[0].retry.statuses[1]',
    retry({ statuses: [409, 425] }),
    retry({ statuses: [409, 409] }),
    'FieldValueDuplicate',
  ],
  [
    'LLMRoute',
    'spec.rules[0].retry.statuses',
    retry({ statuses: repeat(32, (i) => 400 + i) }),
    retry({ statuses: repeat(33, (i) => 400 + i) }),
    'FieldValueTooMany',
  ],
  [
    'LLMRoute',
    'spec.workloads.matchLabels.team',
    { workloads: { matchLabels: { team: 'search_1' } }, ...rules(1) },
    { workloads: { matchLabels: { team: 'search team' } }, ...rules(1) },
    'FieldValueInvalid',
  ],
]

function credentials(count: number): object {
  return provider({ credentials: repeat(count, (i) => ({ name: `c${i}`, secretRef: { name: 'one', key: 'key' } })) })
}

function models(count: number): object {
  return provider({ models: repeat(count, (i) => ({ name: `m${i}` })) })
}
