import { expect, test } from '@jest/globals'
import type { SidecarConfig } from '../../../contract/sidecar-config.ts'
import { type Backend, createRuntime } from '../../../sidecar/config/runtime.ts'
import { Refusal } from '../../../sidecar/errors.ts'
import { plan } from '../../../sidecar/request/plan.ts'
import { type Attempt, attemptOf, type Choice, route } from '../../../sidecar/request/route.ts'
import { decodedRequest } from '../../support/decoded-request.ts'
import { seeded } from '../../support/random.ts'
import {
  backend,
  exactly,
  match,
  priceConfig,
  provider,
  RETRY,
  routeConfig,
  ruleConfig,
  sidecarConfig,
} from '../../support/sidecar-config.ts'

type Described = Parameters<typeof decodedRequest>[0]
type Expected = { by: string; to: string; asks: string | undefined } | { refused: string; detail: string | undefined }

const PROVIDERS = [
  provider('ai/claude', 'Anthropic', ['claude-haiku-4-5']),
  provider('ai/gemini', 'Gemini', ['flash=gemini-2.5-flash']),
  provider('ai/openai', 'OpenAI', ['gpt-5-mini=gpt-5-mini-2026-08-07', 'gpt-5']),
  provider('ai/second', 'AzureOpenAI', ['gpt-5=deployed']),
]

const UNROUTED = sidecarConfig({ providers: PROVIDERS })

/** The first to be asked, while all are well. */
function first(choice: Choice, random: () => number): Attempt {
  const view = { obstacle: () => undefined, inFlight: () => 0, timeToFirstByteMs: () => 0, random }
  return attemptOf(plan(choice, view).backends[0] as Backend, choice.model)
}

/** `by`: route and rule; `to`: provider; `asks`: upstream name of the model. */
function outcome(config: SidecarConfig, request: Described, random = 0): Expected {
  try {
    const runtime = createRuntime(config, {})
    const choice = route(runtime, decodedRequest(request))
    const { provider, model } = first(choice, () => random)
    return { by: `${choice.route ?? ''} ${choice.rule ?? ''}`.trim(), to: provider.id, asks: model?.upstreamName }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { refused: error.code, detail: error.detail }
  }
}

function check(name: string, config: SidecarConfig, request: Described, expected: Expected): void {
  test(name, () => {
    expect(outcome(config, request)).toEqual(expected)
  })
}

// A pod that no route selects.

check(
  'unrouted: the first provider that lists the name',
  UNROUTED,
  { model: 'gpt-5' },
  {
    by: '',
    to: 'ai/openai',
    asks: 'gpt-5',
  },
)
check(
  "unrouted: the next provider that lists the name, when the first does not speak the client's dialect",
  sidecarConfig({ providers: [provider('ai/router', 'Anthropic', ['gpt-5']), ...PROVIDERS] }),
  { model: 'gpt-5' },
  { by: '', to: 'ai/openai', asks: 'gpt-5' },
)
check(
  'unrouted: a name that nobody lists goes unchanged to the first open provider of the dialect',
  sidecarConfig({
    providers: [...PROVIDERS, provider('ai/x', 'Gemini'), provider('ai/y', 'OpenAI'), provider('ai/z', 'OpenAI')],
  }),
  { model: 'o9' },
  { by: '', to: 'ai/y', asks: 'o9' },
)
check(
  'unrouted: a name that is listed never goes to an open provider',
  sidecarConfig({ providers: [provider('ai/a', 'OpenAI'), ...PROVIDERS] }),
  { model: 'claude-haiku-4-5' },
  {
    refused: 'dialect_mismatch',
    detail: '"claude-haiku-4-5" is served by an Anthropic provider: call POST /v1/messages.',
  },
)
check(
  'unrouted: says which API of Gemini to call',
  UNROUTED,
  { model: 'flash', dialect: 'Anthropic', operation: 'Messages' },
  {
    refused: 'dialect_mismatch',
    detail: '"flash" is served by a Gemini provider: call POST /v1beta/models/flash:generateContent.',
  },
)
check(
  'unrouted: names no conversation API to who wants embeddings',
  UNROUTED,
  { model: 'gpt-5', dialect: 'Gemini', operation: 'Embeddings' },
  { refused: 'dialect_mismatch', detail: '"gpt-5" is served by an OpenAI provider: use an API of OpenAI.' },
)
check(
  'unrouted: a name that nobody lists is refused with those that work',
  UNROUTED,
  { model: 'gpt-4' },
  {
    refused: 'model_not_found',
    detail: 'No provider lists "gpt-4". Models that can be called here: gpt-5-mini, gpt-5.',
  },
)
check(
  'unrouted: lists five names at most, and shortens what the client sent',
  sidecarConfig({ providers: [provider('ai/p', 'OpenAI', ['a', 'b', 'c', 'd', 'e', 'f', 'g'])] }),
  { model: 'x'.repeat(200) },
  {
    refused: 'model_not_found',
    detail: `No provider lists "${'x'.repeat(120)}…". Models that can be called here: a, b, c, d, e and 2 more.`,
  },
)
check(
  'unrouted: no provider of the dialect',
  sidecarConfig({}),
  { model: 'gpt-5' },
  {
    refused: 'model_not_found',
    detail: 'This pod may use no provider that speaks OpenAI.',
  },
)
check(
  'unrouted: names that every object inherits are no models',
  UNROUTED,
  { model: 'constructor' },
  {
    refused: 'model_not_found',
    detail: 'No provider lists "constructor". Models that can be called here: gpt-5-mini, gpt-5.',
  },
)

// A pod with routes.

function routed(...rules: Parameters<typeof ruleConfig>[]): SidecarConfig {
  return sidecarConfig({
    providers: PROVIDERS,
    routes: [
      routeConfig(
        'shop/chat',
        rules.map((rule) => ruleConfig(...rule)),
      ),
    ],
  })
}

const FAST = routed(['fast', { matches: [exactly('fast')], backends: [backend('ai/openai gpt-5-mini')] }])

check(
  "routed: the backend's model replaces the name",
  FAST,
  { model: 'fast' },
  {
    by: 'shop/chat fast',
    to: 'ai/openai',
    asks: 'gpt-5-mini-2026-08-07',
  },
)
check(
  'routed: only rules count, not the names of providers',
  FAST,
  { model: 'gpt-5' },
  {
    refused: 'model_not_found',
    detail: 'No rule of the route shop/chat matches "gpt-5".',
  },
)
check(
  'routed: rules of several routes are tried in order, the first that matches wins',
  sidecarConfig({
    providers: PROVIDERS,
    routes: [
      routeConfig('shop/a', [ruleConfig('one', { matches: [exactly('x')], backends: [backend('ai/openai gpt-5')] })]),
      routeConfig('shop/b', [ruleConfig('two', { backends: [backend('ai/second gpt-5')] })]),
    ],
  }),
  { model: 'x' },
  { by: 'shop/a one', to: 'ai/openai', asks: 'gpt-5' },
)
check(
  'routed: a rule without backends refuses, and never falls through to the next',
  routed(
    ['broken', { matches: [exactly('gpt-5')], unavailable: 'LLMProvider ai/gone does not exist.' }],
    ['all', { backends: [backend('ai/openai')] }],
  ),
  { model: 'gpt-5' },
  { refused: 'rule_unavailable', detail: 'Rule "broken" of shop/chat: LLMProvider ai/gone does not exist.' },
)
check(
  'routed: a rule whose backend lacks the model refuses, and never falls through to the next',
  routed(['first', { backends: [backend('ai/claude')] }], ['second', { backends: [backend('ai/openai')] }]),
  { model: 'gpt-5' },
  { refused: 'model_not_found', detail: 'No backend of its rule has the model "gpt-5".' },
)
check(
  'routed: a backend without a model gets the name that the client sent',
  routed(['all', { backends: [backend('ai/openai')] }]),
  { model: 'gpt-5-mini' },
  { by: 'shop/chat all', to: 'ai/openai', asks: 'gpt-5-mini-2026-08-07' },
)
check(
  "routed: backends that speak another dialect than the client's are left out",
  routed(['any', { backends: [backend('ai/claude claude-haiku-4-5', 999), backend('ai/second gpt-5')] }]),
  { model: 'any' },
  { by: 'shop/chat any', to: 'ai/second', asks: 'deployed' },
)
check(
  'routed: says which API to call when no backend speaks the dialect',
  routed(['any', { backends: [backend('ai/claude claude-haiku-4-5'), backend('ai/gemini flash')] }]),
  { model: 'fast' },
  { refused: 'dialect_mismatch', detail: '"fast" is served by an Anthropic provider: call POST /v1/messages.' },
)

// Requests that name no model.

const LIST_FILES: Described = { method: 'GET', operation: 'Other', endpoint: '/files' }

check(
  'without a model: the one provider of the dialect',
  sidecarConfig({ providers: PROVIDERS.slice(0, 3) }),
  LIST_FILES,
  {
    by: '',
    to: 'ai/openai',
    asks: undefined,
  },
)
check('without a model: several providers of the dialect', UNROUTED, LIST_FILES, {
  refused: 'ambiguous_provider',
  detail:
    'The OpenAI providers ai/openai, ai/second could. An LLMRoute rule with operations: [Other], no models and one backend chooses.',
})
check('without a model: no provider of the dialect', sidecarConfig({ providers: PROVIDERS.slice(0, 1) }), LIST_FILES, {
  refused: 'model_not_found',
  detail: 'This pod may use no provider that speaks OpenAI.',
})
check(
  'without a model: rules that name models are passed over, the first other one that matches decides',
  routed(
    ['fast', { matches: [exactly('fast')], backends: [backend('ai/openai gpt-5')] }],
    ['embed', { matches: [match({ operations: ['Embeddings'] })], backends: [backend('ai/openai')] }],
    ['files', { matches: [match({ operations: ['Other'] })], backends: [backend('ai/second', 1)] }],
    ['rest', { backends: [backend('ai/openai')] }],
  ),
  LIST_FILES,
  { by: 'shop/chat files', to: 'ai/second', asks: undefined },
)
check(
  'without a model: headers still decide',
  routed(
    [
      'team',
      {
        matches: [match({ headers: [{ name: 'x-team', type: 'Exact', value: 'ads' }] })],
        backends: [backend('ai/second')],
      },
    ],
    ['rest', { backends: [backend('ai/openai')] }],
  ),
  { ...LIST_FILES, headers: ['X-Team', 'ads'] },
  { by: 'shop/chat team', to: 'ai/second', asks: undefined },
)
check(
  'without a model: a model that the backend fixes is not asked for',
  routed(['rest', { backends: [backend('ai/openai gpt-5')] }]),
  LIST_FILES,
  { by: 'shop/chat rest', to: 'ai/openai', asks: undefined },
)
check(
  'without a model: a rule without backends refuses',
  routed(['rest', { unavailable: 'LLMProvider ai/gone does not exist.' }]),
  LIST_FILES,
  { refused: 'rule_unavailable', detail: 'Rule "rest" of shop/chat: LLMProvider ai/gone does not exist.' },
)
check(
  'without a model: a rule whose backends speak another dialect refuses',
  routed(['rest', { backends: [backend('ai/claude'), backend('ai/gemini')] }]),
  LIST_FILES,
  { refused: 'dialect_mismatch', detail: 'The backends of rule "rest" of shop/chat speak Anthropic, Gemini.' },
)
check(
  'without a model: a routed pod without such a rule uses the one provider that its rules name',
  routed(['fast', { matches: [exactly('fast')], backends: [backend('ai/second gpt-5')] }]),
  LIST_FILES,
  { by: '', to: 'ai/second', asks: undefined },
)
check(
  'without a model: a routed pod never reaches a provider that no rule of it names',
  routed(['claude', { matches: [exactly('fast')], backends: [backend('ai/claude')] }]),
  LIST_FILES,
  { refused: 'model_not_found', detail: 'This pod may use no provider that speaks OpenAI.' },
)

test('without a model the first backend serves, never a draw: what one call stores, the next must find', () => {
  const config = routed(['rest', { backends: [backend('ai/openai', 1), backend('ai/second', 1000)] }])
  const chosen = [0, 0.5, 0.999].map((random) => outcome(config, LIST_FILES, random))
  expect(chosen).toEqual(chosen.map(() => ({ by: 'shop/chat rest', to: 'ai/openai', asks: undefined })))
})

// The draw.

function shares(weights: Record<string, number>, draws: number): Record<string, number> {
  const names = Object.keys(weights)
  const config = sidecarConfig({
    providers: names.map((name) => provider(name, 'OpenAI')),
    routes: [routeConfig('r', [ruleConfig('r', { backends: names.map((name) => backend(name, weights[name])) })])],
  })
  const runtime = createRuntime(config, {})
  const random = seeded(42)
  const counts: Record<string, number> = {}
  for (let i = 0; i < draws; i++) {
    const { id } = first(route(runtime, decodedRequest({ model: 'm' })), random).provider
    counts[id] = (counts[id] ?? 0) + 1
  }
  return counts
}

test('draws in proportion to the weights, and never a weight of 0', () => {
  const counts = shares({ a: 9, b: 0, c: 1 }, 20_000)
  expect(Object.keys(counts).sort()).toEqual(['a', 'c'])
  expect((counts.a ?? 0) / 20_000).toBeCloseTo(0.9, 2)
})

test('the largest weights are drawn fairly', () => {
  const counts = shares({ a: 1_000_000, b: 1_000_000, c: 1_000_000 }, 30_000)
  for (const share of Object.values(counts)) expect(share / 30_000).toBeCloseTo(1 / 3, 1.5)
})

test('the smallest and the largest random number still choose a backend', () => {
  const config = routed(['r', { backends: [backend('ai/openai gpt-5', 3), backend('ai/second gpt-5', 7)] }])
  const chosen = [0, 0.29, 0.31, 1 - 2 ** -53].map((random) => outcome(config, { model: 'm' }, random))
  expect(chosen.map((outcome) => ('to' in outcome ? outcome.to : outcome))).toEqual([
    'ai/openai',
    'ai/openai',
    'ai/second',
    'ai/second',
  ])
})

test('a name from the client is told apart from a configured one: it may not label a metric, and has no price', () => {
  const priced = priceConfig({ inputPicoUsd: 1, cachedInputPicoUsd: 1, cacheWritePicoUsd: 1, outputPicoUsd: 2 })
  const config = sidecarConfig({
    providers: [
      provider('ai/listed', 'OpenAI', [{ name: 'known', upstreamName: 'k', price: priced, contextWindow: 8 }]),
      provider('ai/open', 'OpenAI'),
    ],
  })
  const runtime = createRuntime(config, {})
  const models = ['known', 'unknown'].map((model) => first(route(runtime, decodedRequest({ model })), () => 0).model)
  expect(models).toEqual([
    { name: 'known', upstreamName: 'k', price: priced, contextWindow: 8, source: 'Config' },
    { name: 'unknown', upstreamName: 'unknown', source: 'Client' },
  ])
})

test('what no route decides is retried as a route is that says nothing', () => {
  expect(route(createRuntime(UNROUTED, {}), decodedRequest({ model: 'gpt-5' })).retry).toEqual(RETRY)
})
