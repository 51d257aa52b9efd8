// The CEL rules of limits, budgets and what they cost by: part of the table in rule-cases.ts.

import type { RuleCase } from './rule-cases.ts'

/** Windows of limits; budgets take these and the calendar's. */
export const WINDOWS = [
  '10s',
  '30s',
  '90s',
  '1m',
  '1m30s',
  '1h1h',
  '24h',
  '1d',
  '7d',
  '1d12h',
  '29d23h59m59s',
  '30d',
  '720h',
  '43200m',
  '2592000s',
]

export const NOT_WINDOWS = [
  '',
  '9s',
  '0s',
  '30',
  '500ms',
  '10000ms',
  '1.5h',
  '-1m',
  '1m 30s',
  '1M',
  '1w',
  '0d',
  '01d',
  '1d24h',
  '1d60m',
  '1d1d',
  '12h1d',
  '30d1s',
  '31d',
  '720h1s',
  '2592001s',
  '99999h99999h99999h',
  'forever',
]

const PERIODS = ['Hour', 'Day', 'Week', 'Month']
const NOT_PERIODS = ['Year', 'month', 'Monthly']

const AMOUNTS = ['500', '0.5', '2.50', '0.000001', '999999999.999999', '10']
const NOT_AMOUNTS = [
  '',
  '0',
  '0.00',
  '0.000000',
  '-1',
  '1e3',
  '01',
  '.5',
  '1.',
  '0.0000001',
  '1000000000',
  '$5',
  '5 USD',
]

const OPENAI = { type: 'OpenAI', openAI: {} }
const BACKEND = { provider: { name: 'openai' } }
const RULES = [{ name: 'one', backends: [BACKEND] }]
const RPM = { name: 'rpm', what: 'Requests', limit: 600, window: '1m' }
const SPENT = { name: 'spent', what: 'Cost', limit: '2.50', window: '1h' }
const OPEN = { name: 'open', what: 'Concurrency', limit: 8 }
const BUDGET = { name: 'month', amount: '500', window: 'Month' }

type Place = [kind: RuleCase['kind'], at: string, spec: (fields: object) => object]

/** Where limits and, but for the provider, budgets stand. */
const PLACES: Place[] = [
  ['LLMProvider', 'spec', (fields) => ({ ...OPENAI, ...fields })],
  ['LLMRoute', 'spec', (fields) => ({ ...fields, rules: RULES })],
  ['LLMRoute', 'spec.rules[]', (fields) => ({ rules: [{ ...RULES[0], ...fields }] })],
]

function rulesOfLimits([kind, at, spec]: Place): RuleCase[] {
  const limits = (...items: object[]) => spec({ limits: items })
  const row = (message: string, valid: object[], invalid: object[]): RuleCase => ({
    kind,
    at: `${at}.limits[]`,
    message,
    valid: valid.map((limit) => limits(limit)),
    invalid: invalid.map((limit) => limits(limit)),
  })
  return [
    row(
      'set window',
      [RPM, SPENT, OPEN],
      [
        { ...RPM, window: undefined },
        { ...OPEN, window: '1m' },
      ].map(defined),
    ),
    row(
      'write USD in quotes',
      [RPM, SPENT, { ...OPEN, limit: 1 }, { ...RPM, what: 'Tokens', limit: 1_000_000_000_000 }],
      [
        { ...RPM, limit: '600' },
        { ...SPENT, limit: 2 },
        { ...OPEN, limit: '8' },
      ],
    ),
    row(
      'make limit more than 0',
      [
        { ...SPENT, limit: '0.000001' },
        { ...SPENT, limit: '0.10' },
      ],
      ['0', '0.0', '0.00', '0.000', '0.0000', '0.00000', '0.000000'].map((limit) => ({ ...SPENT, limit })),
    ),
    row('leave burst out', [{ ...RPM, burst: 1 }, OPEN], [{ ...OPEN, burst: 8 }]),
    row(
      'make burst at most limit',
      [
        { ...RPM, burst: 600 },
        { ...SPENT, burst: '2.50' },
        { ...SPENT, burst: '0.01' },
      ],
      [
        { ...RPM, burst: 601 },
        { ...RPM, burst: '50' },
        { ...SPENT, burst: 2 },
      ],
    ),
    {
      kind,
      at: `${at}.limits[].window`,
      message: 'write a span',
      valid: WINDOWS.map((window) => limits({ ...RPM, window })),
      invalid: [...NOT_WINDOWS, ...PERIODS].map((window) => limits({ ...RPM, window })),
    },
    ...rulesOfKeys(kind, `${at}.limits[].per[]`, (per) => limits({ ...RPM, per })),
  ]
}

function rulesOfBudgets([kind, at, spec]: Place): RuleCase[] {
  const budget = (fields: object) => spec({ budgets: [{ ...BUDGET, ...fields }] })
  return [
    {
      kind,
      at: `${at}.budgets[]`,
      message: 'leave timeZone out',
      valid: PERIODS.map((window) => budget({ window, timeZone: 'America/Argentina/Buenos_Aires' })),
      invalid: [budget({ window: '7d', timeZone: 'UTC' }), budget({ window: '24h', timeZone: 'Europe/Berlin' })],
    },
    {
      kind,
      at: `${at}.budgets[].amount`,
      message: 'write USD as a decimal number',
      valid: AMOUNTS.map((amount) => budget({ amount })),
      invalid: NOT_AMOUNTS.map((amount) => budget({ amount })),
    },
    {
      kind,
      at: `${at}.budgets[].window`,
      message: 'write Hour, Day, Week, Month',
      valid: [...PERIODS, ...WINDOWS].map((window) => budget({ window })),
      invalid: [...NOT_PERIODS, ...NOT_WINDOWS].map((window) => budget({ window })),
    },
    ...rulesOfKeys(kind, `${at}.budgets[].per[]`, (per) => budget({ per })),
    {
      kind,
      at,
      message: 'give each budget a name',
      valid: [spec({ limits: [RPM], budgets: [BUDGET] }), spec({ limits: [RPM] }), spec({ budgets: [BUDGET] })],
      invalid: [spec({ limits: [OPEN, RPM], budgets: [BUDGET, { ...BUDGET, name: 'rpm' }] })],
    },
  ]
}

function rulesOfKeys(kind: RuleCase['kind'], at: string, spec: (per: string[]) => object): RuleCase[] {
  return [
    {
      kind,
      at,
      message: 'write Pod, Workload, Namespace',
      valid: [
        spec([]),
        spec(['Pod', 'Workload', 'Namespace', 'Provider', 'Model', 'Header:X-User', "Header:a!#$%&'*+.^_`|~-9"]),
        spec([`Header:${'x'.repeat(128)}`]),
      ],
      invalid: ['', 'pod', 'User', 'Header', 'Header:', 'Header:x user', 'header:x-user', 'Header:ä'].map((key) =>
        spec([key]),
      ),
    },
    {
      kind,
      at,
      message: 'name a header that holds no secret',
      valid: [spec(['Header:x-authorization', 'Header:x-api-key-id'])],
      invalid: ['Authorization', 'proxy-authorization', 'Cookie', 'api-key', 'X-API-Key', 'x-goog-api-key'].map(
        (name) => spec([`Header:${name}`]),
      ),
    },
  ]
}

/** Without the fields that are undefined, which JSON does not have. */
function defined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

const priced = (price: object) => ({
  ...OPENAI,
  models: [{ name: 'one', price: { inputPerMillion: '1', outputPerMillion: '1', ...price } }],
})

const UNIT_PRICES = ['perImage', 'perSecond'].map(
  (name): RuleCase => ({
    kind: 'LLMProvider',
    at: `spec.models[].price.${name}`,
    message: 'write USD as a decimal number in quotes, below 1000 and',
    valid: ['0', '0.04', '0.0001', '999.999999999999', '0.000000000001'].map((value) => priced({ [name]: value })),
    invalid: ['', '1000', '0.0000000000001', '-1', '.5', '1.', '01', '1e-4', '$1'].map((value) =>
      priced({ [name]: value }),
    ),
  }),
)

export const LIMIT_CASES: readonly RuleCase[] = [
  ...PLACES.flatMap(rulesOfLimits),
  ...PLACES.slice(1).flatMap(rulesOfBudgets),
  ...UNIT_PRICES,
]
