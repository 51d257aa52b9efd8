import { expect, test } from '@jest/globals'
import type { MatchConfig, RuleConfig, SidecarConfig } from '../../../contract/sidecar-config.ts'
import { createRuntime } from '../../../sidecar/config/runtime.ts'
import { Refusal } from '../../../sidecar/errors.ts'
import { modelsList } from '../../../sidecar/request/models-list.ts'
import { decodedRequest } from '../../support/decoded-request.ts'
import {
  backend,
  exactly,
  match,
  provider,
  routeConfig,
  ruleConfig,
  sidecarConfig,
} from '../../support/sidecar-config.ts'

type Described = Parameters<typeof decodedRequest>[0]

const PROVIDERS = [
  provider('ai/claude', 'Anthropic', ['haiku', { name: 'opus', upstreamName: 'opus-5', contextWindow: 200000 }]),
  provider('ai/gemini', 'Gemini', [{ name: 'flash', upstreamName: 'gemini-2.5-flash', contextWindow: 1048576 }, 'pro']),
  provider('ai/openai', 'OpenAI', ['gpt-5', 'gpt-5-mini']),
  provider('ai/azure', 'AzureOpenAI', ['gpt-5', 'o9']),
  provider('ai/open', 'OpenAICompatible'),
]
const UNROUTED = sidecarConfig({ providers: PROVIDERS })

function routed(...rules: RuleConfig[]): SidecarConfig {
  return sidecarConfig({ providers: PROVIDERS, routes: [routeConfig('shop/chat', rules)] })
}

function answer(config: SidecarConfig, request: Described): unknown {
  const described = decodedRequest({ method: 'GET', operation: 'Models', ...request })
  try {
    const { status, body } = modelsList(createRuntime(config, {}), described)
    return { status, body: JSON.parse(body) as unknown }
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

function check(name: string, config: SidecarConfig, request: Described, expected: unknown): void {
  test(name, () => {
    expect(answer(config, request)).toEqual(expected)
  })
}

function checkNames(name: string, config: SidecarConfig, request: Described, expected: string[]): void {
  test(name, () => {
    const { body } = answer(config, request) as { body: { data: { id: string; owned_by: string }[] } }
    expect(body.data.map(({ id, owned_by }) => `${id} ${owned_by}`)).toEqual(expected)
  })
}

const OPUS = {
  type: 'model',
  id: 'opus',
  display_name: 'opus',
  created_at: '1970-01-01T00:00:00Z',
  lifecycle: 'active',
  line: null,
  capabilities: null,
  max_input_tokens: 200000,
  max_tokens: null,
  deprecated_at: null,
  retires_at: null,
}
const HAIKU = { ...OPUS, id: 'haiku', display_name: 'haiku', max_input_tokens: null }
const METHODS = ['generateContent', 'streamGenerateContent', 'countTokens', 'embedContent']
const FLASH = {
  name: 'models/flash',
  displayName: 'flash',
  supportedGenerationMethods: METHODS,
  inputTokenLimit: 1048576,
}

check(
  "OpenAI's list: what its clients can call, each name once",
  UNROUTED,
  {},
  {
    status: 200,
    body: {
      object: 'list',
      data: [
        { id: 'gpt-5', object: 'model', created: 0, owned_by: 'ai/openai' },
        { id: 'gpt-5-mini', object: 'model', created: 0, owned_by: 'ai/openai' },
        { id: 'o9', object: 'model', created: 0, owned_by: 'ai/azure' },
      ],
    },
  },
)
check(
  "Anthropic's list",
  UNROUTED,
  { dialect: 'Anthropic' },
  {
    status: 200,
    body: { data: [HAIKU, OPUS], has_more: false, first_id: 'haiku', last_id: 'opus' },
  },
)
check(
  "Gemini's list",
  UNROUTED,
  { dialect: 'Gemini' },
  {
    status: 200,
    body: {
      models: [FLASH, { name: 'models/pro', displayName: 'pro', supportedGenerationMethods: METHODS }],
    },
  },
)
check(
  'one model of OpenAI',
  UNROUTED,
  { model: 'o9' },
  {
    status: 200,
    body: { id: 'o9', object: 'model', created: 0, owned_by: 'ai/azure' },
  },
)
check('one model of Anthropic', UNROUTED, { dialect: 'Anthropic', model: 'opus' }, { status: 200, body: OPUS })
check('one model of Gemini', UNROUTED, { dialect: 'Gemini', model: 'flash' }, { status: 200, body: FLASH })
check(
  'a name that only an open provider may know',
  UNROUTED,
  { model: 'llama' },
  {
    status: 200,
    body: { id: 'llama', object: 'model', created: 0, owned_by: 'ai/open' },
  },
)
check('an unknown model', UNROUTED, { dialect: 'Anthropic', model: 'gpt-4' }, 'model_not_found')
check('a model that is served, but not to this dialect', UNROUTED, { model: 'opus' }, 'model_not_found')
check(
  'nothing to call: empty lists, not errors',
  sidecarConfig({}),
  {},
  {
    status: 200,
    body: { object: 'list', data: [] },
  },
)
check(
  '… and without ids in Anthropic’s',
  sidecarConfig({}),
  { dialect: 'Anthropic' },
  {
    status: 200,
    body: { data: [], has_more: false, first_id: null, last_id: null },
  },
)

// Pages of Anthropic's list.

const LETTERS = sidecarConfig({ providers: [provider('ai/p', 'Anthropic', ['a', 'b', 'c', 'd', 'e'])] })

function checkPage(query: string, ids: string, hasMore: boolean): void {
  test(`the page ?${query}`, () => {
    const { body } = answer(LETTERS, { dialect: 'Anthropic', query }) as {
      body: { data: { id: string }[]; has_more: boolean }
    }
    expect([body.data.map(({ id }) => id).join(''), body.has_more]).toEqual([ids, hasMore])
  })
}

checkPage('limit=2', 'ab', true)
checkPage('limit=2&after_id=b', 'cd', true)
checkPage('limit=2&after_id=d', 'e', false)
checkPage('after_id=e', '', false)
checkPage('limit=2&before_id=e', 'cd', true)
checkPage('limit=2&before_id=c', 'ab', false)
checkPage('limit=0', 'abcde', false)
checkPage('limit=-1', 'a', true)
checkPage('limit=x&after_id=unknown', 'abcde', false)

// With routes.

const prefix = (value: string): MatchConfig => match({ models: [{ type: 'Prefix', value }] })

checkNames(
  'routed: Exact names of rules, and no name of a provider that no rule lets through',
  routed(ruleConfig('r', { matches: [exactly('fast', 'slow')], backends: [backend('ai/openai gpt-5')] })),
  {},
  ['fast ai/openai', 'slow ai/openai'],
)
checkNames(
  'routed: of a Prefix the names of the backends that match',
  routed(ruleConfig('r', { matches: [prefix('gpt-')], backends: [backend('ai/azure'), backend('ai/openai')] })),
  {},
  ['gpt-5 ai/azure', 'gpt-5-mini ai/openai'],
)
checkNames(
  'routed: of a rule for everything all names of its backends',
  routed(ruleConfig('r', { backends: [backend('ai/azure o9'), backend('ai/claude')] })),
  {},
  ['o9 ai/azure', 'haiku ai/azure', 'opus ai/azure'],
)
checkNames(
  'routed: an Exact name that the backend does not have is not listed',
  routed(ruleConfig('r', { matches: [exactly('fast', 'gpt-5')], backends: [backend('ai/openai')] })),
  {},
  ['gpt-5 ai/openai'],
)
checkNames(
  'routed: a name that an earlier, broken rule takes is not listed',
  routed(
    ruleConfig('broken', { matches: [exactly('gpt-5')], unavailable: 'LLMProvider ai/gone does not exist.' }),
    ruleConfig('rest', { backends: [backend('ai/openai')] }),
  ),
  {},
  ['gpt-5-mini ai/openai'],
)
checkNames(
  'routed: a rule for another operation does not take the name away',
  routed(
    ruleConfig('embed', { matches: [match({ operations: ['Embeddings'] })], backends: [backend('ai/claude')] }),
    ruleConfig('rest', { matches: [exactly('gpt-5')], backends: [backend('ai/openai')] }),
  ),
  {},
  ['gpt-5 ai/openai'],
)

const TEAMS = routed(
  ruleConfig('team', {
    matches: [{ ...exactly('fast'), headers: [{ name: 'x-team', type: 'Exact', value: 'ads' }] }],
    backends: [backend('ai/openai gpt-5')],
  }),
  ruleConfig('rest', { matches: [exactly('slow')], backends: [backend('ai/openai gpt-5')] }),
)
checkNames('routed: headers of the request decide what is listed', TEAMS, { headers: ['X-Team', 'ads'] }, [
  'fast ai/openai',
  'slow ai/openai',
])
checkNames('routed: … and what is not', TEAMS, {}, ['slow ai/openai'])
