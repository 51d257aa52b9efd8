import { expect, test } from '@jest/globals'
import type { SidecarConfig } from '../../../contract/sidecar-config.ts'
import { createRuntime, type Runtime } from '../../../sidecar/config/runtime.ts'
import { backend, exactly, provider, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'

const OPENAI = provider('ai/openai', 'OpenAI', ['gpt-5-mini=gpt-5-mini-2026-08-07'])
const CLAUDE = provider('ai/claude', 'Anthropic', ['haiku'])

function check<T>(name: string, document: Partial<SidecarConfig>, see: (runtime: Runtime) => T, expected: T): void {
  test(name, () => {
    expect(see(createRuntime(sidecarConfig(document), { app: 'shop', tier: 'web' }))).toEqual(expected)
  })
}

check(
  'keeps the rules of the routes that select this pod, in the order of the document',
  {
    providers: [OPENAI],
    routes: [
      routeConfig('shop/a', [ruleConfig('one', { backends: [backend('ai/openai')] })], { app: 'shop' }),
      routeConfig('shop/b', [ruleConfig('two', { backends: [backend('ai/openai')] })], { app: 'other' }),
      routeConfig('shop/c', [
        ruleConfig('three', { unavailable: 'ai/gone does not exist' }),
        ruleConfig('four', { backends: [backend('ai/openai')] }),
      ]),
    ],
  },
  ({ rules }) => rules.map(({ routeId, name, unavailable }) => [routeId, name, unavailable]),
  [
    ['shop/a', 'one', undefined],
    ['shop/c', 'three', 'ai/gone does not exist'],
    ['shop/c', 'four', undefined],
  ],
)

check(
  'a backend with weight 0 is never a candidate',
  {
    providers: [OPENAI, CLAUDE],
    routes: [
      routeConfig('shop/a', [ruleConfig('r', { backends: [backend('ai/openai', 0), backend('ai/claude', 3)] })]),
    ],
  },
  ({ rules }) => rules.map(({ backends }) => backends.map(({ provider, weight }) => [provider.id, weight])),
  [[['ai/claude', 3]]],
)

check(
  "a rule's timeouts replace the provider's one by one",
  {
    providers: [OPENAI],
    routes: [
      routeConfig('shop/a', [ruleConfig('r', { backends: [backend('ai/openai')], timeouts: { firstByteMs: 9 } })]),
    ],
  },
  ({ rules }) => rules[0]?.backends[0]?.timeouts,
  { connectMs: 5000, firstByteMs: 9, idleMs: 60000, totalMs: 900000 },
)

check(
  'encodes the body fields once, replaced ones behind the defaults that they replace',
  {
    providers: [OPENAI],
    routes: [
      routeConfig('shop/a', [
        ruleConfig('r', {
          backends: [backend('ai/openai')],
          defaults: [
            { name: 'temperature', value: 0.2 },
            { name: 'user', value: 'x' },
          ],
          overrides: [
            { name: 'user', value: 'é"' },
            { name: 'metadata', value: { a: [1] } },
          ],
        }),
      ]),
    ],
  },
  ({ rules, readFields }) => ({
    edits: rules[0]?.backends[0]?.edits.map(({ kind, field, value }) => [kind, field, value.toString()]),
    readFields,
  }),
  {
    edits: [
      ['default', 'temperature', '0.2'],
      ['default', 'user', '"x"'],
      ['set', 'user', '"é\\""'],
      ['set', 'metadata', '{"a":[1]}'],
    ],
    readFields: ['model', 'stream', 'stream_options', 'temperature', 'user', 'metadata'],
  },
)

check(
  'a pod without routes may use all providers; listed names keep the order of the document',
  {
    providers: [OPENAI, CLAUDE, provider('ai/second', 'OpenAI', ['gpt-5-mini']), provider('ai/open', 'Gemini')],
    routes: [routeConfig('shop/b', [ruleConfig('r', { backends: [backend('ai/openai')] })], { app: 'other' })],
  },
  ({ routes, unrouted, usable }) => ({
    routes: routes.length,
    listed: [...unrouted.listed].map(([name, all]) => [name, ...all.map(({ provider }) => provider.id)]),
    open: unrouted.open.map(({ provider }) => provider.id),
    usable: usable.map(({ id }) => id),
  }),
  {
    routes: 0,
    listed: [
      ['gpt-5-mini', 'ai/openai', 'ai/second'],
      ['haiku', 'ai/claude'],
    ],
    open: ['ai/open'],
    usable: ['ai/openai', 'ai/claude', 'ai/second', 'ai/open'],
  },
)

check(
  'a routed pod may use the providers that its rules name',
  {
    providers: [OPENAI, CLAUDE],
    routes: [
      routeConfig('shop/a', [ruleConfig('r', { matches: [exactly('x')], backends: [backend('ai/claude haiku')] })]),
    ],
  },
  ({ usable }) => usable.map(({ id }) => id),
  ['ai/claude'],
)

const BASE_URLS: [baseURL: string, expected: Runtime['providers'][number]['base']][] = [
  [
    'https://api.openai.com/v1',
    { protocol: 'https:', host: 'api.openai.com', port: 443, authority: 'api.openai.com', path: '/v1' },
  ],
  ['http://vllm.ai:8000', { protocol: 'http:', host: 'vllm.ai', port: 8000, authority: 'vllm.ai:8000', path: '' }],
  ['http://[fd00::1]:80/a/b', { protocol: 'http:', host: 'fd00::1', port: 80, authority: '[fd00::1]', path: '/a/b' }],
]

for (const [baseURL, expected] of BASE_URLS) {
  check(
    `takes the base URL ${baseURL} apart`,
    { providers: [provider('ai/p', 'OpenAICompatible', [], { baseURL })] },
    ({ providers }) => providers[0]?.base,
    expected,
  )
}

test('is frozen: nothing of a configuration changes under a request', () => {
  const runtime = createRuntime(
    sidecarConfig({
      providers: [OPENAI],
      routes: [routeConfig('shop/a', [ruleConfig('r', { backends: [backend('ai/openai')] })])],
    }),
    {},
  )
  const [rule] = runtime.rules
  const parts = [runtime, runtime.providers[0], runtime.routes[0], rule, rule?.backends[0]]
  expect(parts.map((part) => part !== undefined && Object.isFrozen(part))).toEqual([true, true, true, true, true])
})
