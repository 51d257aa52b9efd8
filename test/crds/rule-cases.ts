// Every CEL rule of crds/ with what it lets pass and what it refuses, as values of `spec`. File mode's admission and a real
// apiserver are held to the same table.

import { LIMIT_CASES } from './limit-cases.ts'
import { UNION_CASES } from './union-cases.ts'

export interface RuleCase {
  kind: 'LLMProvider' | 'LLMRoute'
  /** The rule: where it stands, and how its message begins. */
  at: string
  message: string
  /** Values of `spec`. */
  valid: object[]
  /** Values of `spec` that break this rule and no other. */
  invalid: object[]
}

const OPENAI = { type: 'OpenAI', openAI: {} }
const BACKEND = { provider: { name: 'openai' } }

function rule(fields: object): object {
  return { rules: [{ name: 'one', backends: [BACKEND], ...fields }] }
}

export const BASE_URL_FIELDS: [string, (url: string) => object][] = [
  ['spec.openAI.baseURL', (baseURL) => ({ type: 'OpenAI', openAI: { baseURL } })],
  ['spec.azureOpenAI.endpoint', (endpoint) => ({ type: 'AzureOpenAI', azureOpenAI: { endpoint } })],
  ['spec.anthropic.baseURL', (baseURL) => ({ type: 'Anthropic', anthropic: { baseURL } })],
  ['spec.gemini.baseURL', (baseURL) => ({ type: 'Gemini', gemini: { baseURL } })],
  ['spec.bedrock.baseURL', (baseURL) => ({ type: 'Bedrock', bedrock: { region: 'us-east-1', baseURL } })],
  ['spec.openAICompatible.baseURL', (baseURL) => ({ type: 'OpenAICompatible', openAICompatible: { baseURL } })],
]

const BASE_URLS = [
  'https://api.openai.com/v1',
  'https://NAME.openai.azure.com/',
  'http://vllm.models.svc.cluster.local:8000/v1',
  'http://vllm',
  'http://10.0.0.7:65535/a%20b/c~d',
  'http://[fd00:10::7]:8000/v1',
  'HTTPS://api.example.com',
]

const NOT_BASE_URLS = [
  '',
  'api.openai.com/v1',
  'ftp://api.openai.com',
  'https://',
  'https:///v1',
  'https://user:password@api.openai.com',
  'https://user@api.openai.com',
  'https://api.openai.com/v1?key=1',
  'https://api.openai.com/v1?',
  'https://api.openai.com/v1#top',
  'https://api.openai.com\\@example.com',
  'https://api.openai.com /v1',
  ' https://api.openai.com',
  'https://api.openai.com\n',
  'https://api_openai.com',
  'https://-api.openai.com',
  'https://api..openai.com',
  'https://api.openai.com:0',
  'https://api.openai.com:65536',
  'https://api.openai.com:',
  `https://\${HOST}/v1`,
  'https://ex\u00e4mple.com',
  // Other spellings of IPv4 addresses, of 127.0.0.1 among them, that URL parsers accept.
  'http://127.1',
  'http://2130706433',
  'http://0x7f.0.0.1',
  'http://0x7f000001',
  'http://0177.0.0.1',
  'http://127.0.0.1.',
  'http://256.0.0.1',
  'http://[fd00::127.0.0.1]',
  'http://[::1%25lo]',
]

const INSIDE_HOSTS = [
  'localhost',
  'LocalHost',
  'localhost.',
  'api.localhost',
  'a.b.LOCALHOST.',
  '127.0.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '0.1.2.3',
  '169.254.169.254',
  '169.254.0.1',
  '[::1]',
  '[::]',
  '[0:0:0:0:0:0:0:1]',
  '[0000::0001]',
  '[::ffff:7f00:1]',
  '[0:0:0:0:0:FFFF:a9fe:a9fe]',
  '[fe80::1]',
  '[FEBF::1]',
]

const OUTSIDE_HOSTS = [
  'localhost.example.com',
  'notlocalhost',
  '127.example.com',
  '128.0.0.1',
  '10.127.0.1',
  '169.253.0.1',
  '[::2]',
  '[1::]',
  '[::10]',
  '[fec0::1]',
  '[fd00::1]',
]

const proxy = (url: string) => ({ ...OPENAI, egressProxy: { url } })

const URLS: RuleCase[] = [
  ...BASE_URL_FIELDS.flatMap(([at, spec]): RuleCase[] => [
    {
      kind: 'LLMProvider',
      at,
      message: 'write an absolute http or https URL',
      valid: BASE_URLS.map(spec),
      invalid: NOT_BASE_URLS.map(spec),
    },
    {
      kind: 'LLMProvider',
      at,
      message: 'name a host outside the pod',
      valid: OUTSIDE_HOSTS.map((host) => spec(`http://${host}/v1`)),
      invalid: INSIDE_HOSTS.flatMap((host) => [spec(`http://${host}`), spec(`https://${host}:8000/v1`)]),
    },
  ]),
  {
    kind: 'LLMProvider',
    at: 'spec.egressProxy.url',
    message: 'write http://host:port',
    valid: ['http://proxy.corp.example:3128', 'http://10.0.0.1:80/', 'http://[fd00::1]:3128'].map(proxy),
    invalid: [
      'http://proxy.corp.example',
      'https://proxy.corp.example:3128',
      'http://user:password@proxy.corp.example:3128',
      'http://proxy.corp.example:3128/path',
      'http://proxy.corp.example:3128?query',
      'http://proxy.corp.example:70000',
      'proxy.corp.example:3128',
    ].map(proxy),
  },
  {
    kind: 'LLMProvider',
    at: 'spec.egressProxy.url',
    message: 'name a host outside the pod',
    valid: OUTSIDE_HOSTS.map((host) => proxy(`http://${host}:3128`)),
    invalid: INSIDE_HOSTS.map((host) => proxy(`http://${host}:3128`)),
  },
]

const LONGEST = '24h'
const SHORTEST = '1ms'
const VALID_DURATIONS = [SHORTEST, '500ms', '30s', '1m30s', LONGEST, '23h59m59s999ms', '86400s', '1h0s']
const ZERO_DURATIONS = ['0s', '0h0m']
const LONG_DURATIONS = ['24h1ms', '86401s', '99999h99999h']
const UNREADABLE_DURATIONS = ['', '30', '1.5s', '-1s', '1d', '1m 30s', '1us']

const DURATION_FIELDS: [RuleCase['kind'], string, (duration: string) => object][] = [
  ...['connect', 'firstByte', 'idle', 'total'].flatMap((name): typeof DURATION_FIELDS => [
    ['LLMProvider', `spec.timeouts.${name}`, (duration) => ({ ...OPENAI, timeouts: { [name]: duration } })],
    ['LLMRoute', `spec.rules[].timeouts.${name}`, (duration) => rule({ timeouts: { [name]: duration } })],
  ]),
  ['LLMProvider', 'spec.connections.idle', (idle) => ({ ...OPENAI, connections: { idle } })],
  ...['window', 'openFor'].map((name): (typeof DURATION_FIELDS)[number] => [
    'LLMProvider',
    `spec.circuitBreaker.${name}`,
    (duration) => ({ ...OPENAI, circuitBreaker: { [name]: duration } }),
  ]),
]

const DURATIONS = DURATION_FIELDS.map(
  ([kind, at, spec]): RuleCase => ({
    kind,
    at,
    message: 'write a duration',
    valid: VALID_DURATIONS.map(spec),
    invalid: [...ZERO_DURATIONS, ...LONG_DURATIONS, ...UNREADABLE_DURATIONS].map(spec),
  }),
)

const checked = (interval: string, timeout: string) => ({ ...OPENAI, healthCheck: { interval, timeout } })
const backedOff = (initial: string, max: string) => rule({ retry: { backoff: { initial, max } } })

// Durations that another rule compares: these cases leave out what would break that one, too.
const COMPARED_DURATIONS: RuleCase[] = [
  {
    kind: 'LLMProvider',
    at: 'spec.healthCheck.interval',
    message: 'write a duration',
    valid: VALID_DURATIONS.filter((interval) => interval !== SHORTEST).map((interval) => checked(interval, SHORTEST)),
    invalid: [...LONG_DURATIONS, ...UNREADABLE_DURATIONS].map((interval) => checked(interval, SHORTEST)),
  },
  {
    kind: 'LLMProvider',
    at: 'spec.healthCheck.timeout',
    message: 'write a duration',
    valid: ['1ms', '500ms', '1m30s', '23h59m59s999ms'].map((timeout) => checked(LONGEST, timeout)),
    invalid: [...ZERO_DURATIONS, ...UNREADABLE_DURATIONS].map((timeout) => checked(LONGEST, timeout)),
  },
  {
    kind: 'LLMRoute',
    at: 'spec.rules[].retry.backoff.initial',
    message: 'write a duration',
    valid: VALID_DURATIONS.map((initial) => backedOff(initial, LONGEST)),
    invalid: [...ZERO_DURATIONS, ...UNREADABLE_DURATIONS].map((initial) => backedOff(initial, LONGEST)),
  },
  {
    kind: 'LLMRoute',
    at: 'spec.rules[].retry.backoff.max',
    message: 'write a duration',
    valid: VALID_DURATIONS.map((max) => backedOff(SHORTEST, max)),
    invalid: [...LONG_DURATIONS, ...UNREADABLE_DURATIONS].map((max) => backedOff(SHORTEST, max)),
  },
]

const RESILIENCE: RuleCase[] = [
  {
    kind: 'LLMProvider',
    at: 'spec.healthCheck',
    message: 'make timeout shorter than interval',
    valid: [{ ...OPENAI, healthCheck: {} }, checked('10s', '9999ms'), checked('1m30s', '89s')],
    invalid: [checked('5s', '5s'), checked('1m', '61s'), { ...OPENAI, healthCheck: { interval: '4s' } }],
  },
  {
    kind: 'LLMRoute',
    at: 'spec.rules[].retry.backoff',
    message: 'make initial at most max',
    valid: [rule({ retry: {} }), rule({ retry: { backoff: {} } }), backedOff('5s', '5000ms'), backedOff('59s', '1m')],
    invalid: [backedOff('2s', '1s'), backedOff('1m', '59s'), rule({ retry: { backoff: { max: '100ms' } } })],
  },
  {
    kind: 'LLMRoute',
    at: 'spec.rules[].retry',
    message: 'write "on" in quotes',
    valid: [rule({ retry: { on: ['Timeout'] } }), rule({ retry: { on: [], statuses: [409] } })],
    invalid: [rule({ retry: { true: ['Timeout'] } }), rule({ retry: { true: [] } })],
  },
]

const PRICE_NAMES = [
  'inputPerMillion',
  'cachedInputPerMillion',
  'cacheWritePerMillion',
  'outputPerMillion',
  'reasoningPerMillion',
]

const PRICES = PRICE_NAMES.flatMap((name): RuleCase[] => {
  const priceOf = (price: string) => ({ inputPerMillion: '1', outputPerMillion: '1', [name]: price })
  const priced = (price: object) => ({ ...OPENAI, models: [{ name: 'one', price }] })
  const row = (at: string, spec: (price: string) => object): RuleCase => ({
    kind: 'LLMProvider',
    at,
    message: 'write USD as a decimal number',
    valid: ['0', '0.25', '2.00', '999999.999999', '0.000001'].map(spec),
    invalid: ['', '1000000', '0.1234567', '-1', '.5', '1.', '01', '1e3', '$1', '0,25', '+1', 'NaN'].map(spec),
  })
  const tiered = (price: string) =>
    priced({ ...priceOf('1'), tiers: [{ aboveInputTokens: 200_000, ...priceOf(price) }] })
  return [
    row(`spec.models[].price.${name}`, (price) => priced(priceOf(price))),
    row(`spec.models[].price.tiers[].${name}`, tiered),
  ]
})

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n'

const EXPRESSION_FIELDS: [RuleCase['kind'], string, (expression: object) => object][] = [
  [
    'LLMProvider',
    'spec.access.namespaces.selector.matchExpressions[]',
    (expression) => ({
      ...OPENAI,
      access: { namespaces: { from: 'Selector', selector: { matchExpressions: [expression] } } },
    }),
  ],
  [
    'LLMRoute',
    'spec.workloads.matchExpressions[]',
    (expression) => ({ workloads: { matchExpressions: [expression] }, ...rule({}) }),
  ],
]

const SELECTORS: RuleCase[] = [
  {
    kind: 'LLMProvider',
    at: 'spec.access.namespaces',
    message: 'set selector when',
    valid: [
      { ...OPENAI, access: { namespaces: { from: 'Selector', selector: {} } } },
      { ...OPENAI, access: { namespaces: { from: 'All' } } },
      { ...OPENAI, access: {} },
    ],
    invalid: [
      { ...OPENAI, access: { namespaces: { from: 'Selector' } } },
      { ...OPENAI, access: { namespaces: { selector: { matchLabels: { ai: 'allowed' } } } } },
    ],
  },
  ...EXPRESSION_FIELDS.map(
    ([kind, at, spec]): RuleCase => ({
      kind,
      at,
      message: 'list values when',
      valid: [
        { key: 'team', operator: 'In', values: ['search'] },
        { key: 'team', operator: 'NotIn', values: ['search', ''] },
        { key: 'team', operator: 'Exists' },
        { key: 'team', operator: 'DoesNotExist', values: [] },
      ].map(spec),
      invalid: [
        { key: 'team', operator: 'In' },
        { key: 'team', operator: 'NotIn', values: [] },
        { key: 'team', operator: 'Exists', values: ['search'] },
        { key: 'team', operator: 'DoesNotExist', values: ['search'] },
      ].map(spec),
    }),
  ),
]

const BODY_FIELDS = ['defaults', 'overrides'].flatMap((field): RuleCase[] =>
  [
    { name: 'model', value: 'gpt-5-mini', near: 'models' },
    { name: 'stream', value: true, near: 'streaming' },
    { name: 'stream_options', value: { include_usage: true }, near: 'stream_option' },
  ].map(({ name, value, near }) => ({
    kind: 'LLMRoute',
    at: `spec.rules[].${field}`,
    message: `leave ${name} out`,
    valid: [rule({ [field]: {} }), rule({ [field]: { [near]: value, temperature: 0.2 } })],
    invalid: [rule({ [field]: { [name]: value } })],
  })),
)

export const RULE_CASES: readonly RuleCase[] = [
  ...UNION_CASES,
  ...URLS,
  ...DURATIONS,
  ...COMPARED_DURATIONS,
  ...RESILIENCE,
  ...PRICES,
  ...SELECTORS,
  ...BODY_FIELDS,
  ...LIMIT_CASES,
  {
    kind: 'LLMProvider',
    at: 'spec.tls.caBundle',
    message: 'paste PEM certificates',
    valid: [{ ...OPENAI, tls: { caBundle: CERTIFICATE } }],
    invalid: [
      { ...OPENAI, tls: { caBundle: 'MII=' } },
      { ...OPENAI, tls: { caBundle: `${CERTIFICATE}-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n` } },
    ],
  },
  {
    kind: 'LLMRoute',
    at: 'spec.rules[].backends',
    message: 'give at least one backend',
    valid: [rule({ backends: [{ ...BACKEND, weight: 0 }, BACKEND] })],
    invalid: [rule({ backends: [{ ...BACKEND, weight: 0 }] })],
  },
]
