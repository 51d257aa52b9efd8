// What `outrigger explain` tells: each case is a record that the sidecar's own access log writes, and a text file beside this one
// with what people read. `GOLDEN=write` writes the files anew; read the diff like prose.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parseAccessLine } from '../../../cli/explain/access-line.ts'
import { type ExplainRequest, explain } from '../../../cli/explain/explain.ts'
import { columns, span, WIDTH, wrapped } from '../../../cli/explain/layout.ts'
import { createAccessLog } from '../../../sidecar/telemetry/access-log.ts'
import { createRecord, type RequestRecord } from '../../../sidecar/telemetry/request-record.ts'
import { attempt, record, skipped } from '../../sidecar/telemetry/records.ts'

const NOW = Date.UTC(2026, 10, 21, 9, 5, 3, 7)
const NO_ANSWER = { usage: undefined, costPicoUsd: undefined, firstByteMs: undefined } as const
const FAILED = { ...NO_ANSWER, bytesOut: 210 } as const
const NOBODY_ASKED = { ...FAILED, provider: '', model: '', credential: '', why: undefined, attempts: 0 } as const

const LIMITED = attempt({
  ...NO_ANSWER,
  outcome: 'provider_rate_limited',
  status: 429,
  reason: 'RateLimited',
  word: 'rate_limit_exceeded',
  durationMs: 92.4,
  why: 'Weighted, weight 9 of 10',
})
const OVERLOADED = attempt({
  outcome: 'provider_stream_error',
  reason: 'ServerError',
  word: 'overloaded_error',
  circuit: 'HalfOpen',
  waitedMs: 201.25,
  durationMs: 310.5,
  firstByteMs: 9.96,
  why: 'again after a 429',
  costPicoUsd: undefined,
})
const UNREACHABLE = attempt({
  ...NO_ANSWER,
  outcome: 'provider_unreachable',
  status: 0,
  reason: 'ConnectFailure',
  word: 'ECONNREFUSED',
  durationMs: 1.234,
})
const REFUSED_KEY = attempt({
  ...NO_ANSWER,
  outcome: 'provider_credentials_exhausted',
  status: 401,
  reason: 'ProviderRefused',
  word: 'invalid_api_key',
  durationMs: 88,
})
const LONG = {
  provider: `a-team-with-a-rather-long-namespace/${'provider-'.repeat(12)}end`,
  model: 'a-model-whose-name-tells-its-whole-history-2026-11-21-preview-instruct',
  credential: 'credential-of-the-second-account-in-europe',
}

const CASES: [file: string, record: RequestRecord][] = [
  ['went-well', record({ stream: true })],
  [
    'failed-over',
    record({
      stream: true,
      provider: 'ai/anthropic',
      model: 'claude-haiku-4-5',
      credential: 'main',
      attempts: 3,
      why: 'after a 200',
      firstByteMs: 2041,
      durationMs: 3500,
      skippedMore: 2,
      tries: [
        skipped({ provider: 'ai/azure', why: 'its circuit is open for another 12 s' }),
        LIMITED,
        OVERLOADED,
        attempt({ provider: 'ai/anthropic', model: 'claude-haiku-4-5', credential: 'main', why: 'after a 200' }),
      ],
    }),
  ],
  [
    'all-failed',
    record({
      ...FAILED,
      status: 502,
      failure: 'provider_unreachable',
      fault: 'provider',
      attempts: 2,
      durationMs: 212,
      tries: [
        UNREACHABLE,
        attempt({ ...UNREACHABLE, waitedMs: 180, why: 'again after provider_unreachable' }),
        skipped({ word: 'RetryBudgetSpent', circuit: 'Closed', why: 'its retry budget is spent' }),
      ],
    }),
  ],
  [
    'keys-refused',
    record({
      ...FAILED,
      status: 502,
      failure: 'provider_credentials_exhausted',
      fault: 'provider',
      attempts: 2,
      tries: [REFUSED_KEY, { ...REFUSED_KEY, credential: 'second', why: 'another credential after a 401' }],
    }),
  ],
  [
    'wrong-request',
    record({
      ...FAILED,
      status: 400,
      fault: 'caller',
      tries: [attempt({ ...NO_ANSWER, status: 400, word: 'invalid_request_error' })],
    }),
  ],
  ['passed-on', record({ ...FAILED, status: 429, fault: 'provider', tries: [{ ...LIMITED, outcome: 'Answered' }] })],
  [
    'broke-off',
    record({
      stream: true,
      failure: 'provider_idle_timeout',
      fault: 'provider',
      durationMs: 125_400,
      tries: [attempt({ outcome: 'provider_idle_timeout', reason: 'Timeout', durationMs: 125_300 })],
    }),
  ],
  [
    'nobody-asked',
    record({
      ...NOBODY_ASKED,
      status: 502,
      failure: 'provider_credentials_exhausted',
      fault: 'provider',
      durationMs: 0.4,
      tries: [
        skipped({
          word: 'CredentialsSetAside',
          circuit: 'Closed',
          why: 'its credentials were refused for another 8 s',
        }),
      ],
    }),
  ],
  [
    'refused',
    {
      ...createRecord('r-404', 'POST', 0),
      operation: 'Chat',
      dialect: 'OpenAI',
      requestedModel: 'gpt-9\u001b[31m\u202e',
      status: 404,
      failure: 'model_not_found',
      fault: 'policy',
      bytesOut: 180,
    },
  ],
  [
    'limit-reached',
    record({
      ...NOBODY_ASKED,
      durationMs: 0.2,
      status: 429,
      failure: 'limit_reached',
      fault: 'policy',
      limited: {
        limit: 'route:shop/chat/fast/rpm',
        key: `Header:x-team=search\u001b[31m${'y'.repeat(100)}`,
        allows: '600 requests in 1m, at most 50 requests at once',
      },
      shadowed: ['route:shop/chat/fast/tpm'],
    }),
  ],
  [
    'budget-exhausted',
    record({
      ...NOBODY_ASKED,
      durationMs: 0.2,
      status: 429,
      failure: 'budget_exhausted',
      fault: 'policy',
      limited: { limit: 'provider:ai/openai/month', key: '', allows: '500 USD in the month' },
    }),
  ],
  [
    'fell-back',
    record({
      provider: 'ai/small',
      tries: [
        skipped({
          word: 'BudgetFallback',
          circuit: 'Closed',
          why: 'a budget is used up, and another backend is cheaper',
        }),
        attempt({ provider: 'ai/small', why: 'the only one' }),
      ],
    }),
  ],
  [
    'went-well-within-limits',
    record({
      shadowed: ['route:shop/chat/fast/tpm', 'provider:ai/openai/tpm'],
      warnings: ['route:shop/chat/fast/month 80 %'],
      reservedTokens: 1124,
    }),
  ],
  ['client-left', record({ ...FAILED, status: 499, failure: 'client_closed', fault: 'caller', durationMs: 60_000 })],
  ['web-socket', record({ ...FAILED, operation: 'Other', method: 'GET', status: 101, durationMs: 3_725_000 })],
  [
    'long-names',
    record({
      ...LONG,
      attempts: 2,
      why: 'x'.repeat(150),
      tries: [{ ...LIMITED, ...LONG }, attempt({ ...LONG, why: 'x'.repeat(150) })],
    }),
  ],
]

function lineOf(one: RequestRecord): string {
  let line = ''
  const write = (bytes: Buffer) => {
    line = bytes.toString()
  }
  createAccessLog({ write, now: () => NOW, bufferBytes: 1 }).append(one)
  return line.trimEnd()
}

async function* stream(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines
}

function explained(lines: readonly string[], requestId?: string, output: ExplainRequest['output'] = 'text') {
  return explain(stream(lines), { requestId, output })
}

test.each(CASES)('explains: %s', async (file, one) => {
  const path = join(import.meta.dirname, `${file}.txt`)
  const { exitCode, output, message } = await explained([lineOf(one)], one.requestId)
  expect([exitCode, message]).toEqual([0, ''])
  if (process.env.GOLDEN === 'write') writeFileSync(path, output)
  else expect(output).toBe(readFileSync(path, 'utf8'))
  expect(output.split('\n').filter((line) => line.length > WIDTH || line.endsWith(' '))).toEqual([])
  expect(output).toMatch(/^[\x20-\x7e\n]+$/)
})

const APPLICATION = '{"time":"2026-11-21T09:05:00.000Z","level":"info","msg":"serving"}'
const good = record({ requestId: 'good' })
const bad = record({ requestId: 'bad', status: 429, fault: 'provider' })
const again = record({ requestId: 'again', attempts: 2, tries: [LIMITED, attempt()] })
const lineWithId = (requestId: string) => lineOf(record({ requestId }))
const LOG = ['', 'npm start', APPLICATION, '{"msg":"access"', ...[bad, again, good].map(lineOf), '\u0000\u0001', '{}']

test.each([
  ['the last request that failed or needed more than one attempt', undefined, LOG, 'again'],
  ['one that failed, where it is the last', undefined, [lineOf(again), lineOf(bad)], 'bad'],
  ['the one with the id', 'good', LOG, 'good'],
  ['the one whose id begins so', 'agai', LOG, 'again'],
  ['the one whose whole id it is, though others begin so', 'again', ['again-2', 'again'].map(lineWithId), 'again'],
  ['a line with something in front', 'good', [`[pod/shop-1/outrigger] ${lineOf(good)}`], 'good'],
])('finds %s among other lines', async (_name, id, lines, expected) => {
  const { exitCode, output } = await explained(lines, id, 'json')
  expect([exitCode, (JSON.parse(output) as { requestId: string }).requestId]).toEqual([0, expected])
})

test('with an id it reads no further than it must, so that a log can be followed', async () => {
  async function* endless(): AsyncGenerator<string> {
    for (;;) yield lineOf(good)
  }
  expect((await explain(endless(), { requestId: 'good', output: 'text' })).exitCode).toBe(0)
})

const AT = '2026-11-21T09:05:03.007Z'
const NOT_FOUND: [name: string, lines: string[], id: string | undefined, exitCode: number, message: string | RegExp][] =
  [
    ['no such request', LOG, 'nope', 1, `request nope is not among the 3 requests that were read (${AT})`],
    [
      'no such request, of one',
      [lineOf(good)],
      'nope',
      1,
      `request nope is not among the one request that was read (${AT})`,
    ],
    [
      'too little of an id',
      [lineOf(good)],
      'goo',
      1,
      `request goo is not among the one request that was read (${AT}); of a longer id, give at least 4 characters`,
    ],
    [
      'an id that several begin with',
      ['good-1', 'good-2', 'good-2', 'bad'].map(lineWithId),
      'good',
      1,
      `2 ids among the 4 requests that were read (${AT}) begin with good: give more of its characters`,
    ],
    ['no access log', [APPLICATION, 'hello'], 'good', 1, /^there is no line of an access log in what was read; /],
    ['nothing at all', [], undefined, 1, /^there is no line of an access log in what was read; /],
    [
      'nothing remarkable',
      [lineOf(good), lineOf(good)],
      undefined,
      0,
      `none of the 2 requests that were read (${AT}) failed or needed more than one attempt`,
    ],
  ]

test.each(NOT_FOUND)('says so: %s', async (_name, lines, id, exitCode, message) => {
  const result = await explained(lines, id)
  expect(result).toEqual({
    exitCode,
    output: '',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  })
})

test('as JSON it is the line itself, harmless to a terminal', async () => {
  const one = record({ requestedModel: '\u001b]0;x\u0007\u009b31m' })
  const { output } = await explained([lineOf(one)], one.requestId, 'json')
  expect(JSON.parse(output)).toEqual(JSON.parse(lineOf(one)))
  expect(output).toMatch(/^\{\n {2}"time": "2026-11-21T09:05:03.007Z",\n/)
  expect(output).toMatch(/^[\x20-\x7e\n]+$/)
})

test('a line of an older or newer sidecar is explained as far as it goes', async () => {
  const old =
    '{"msg":"access","requestId":"r","attempts":1,"provider":"ai/p","status":503,"failure":"new_failure","tries":[7]}'
  const { output } = await explained([old], 'r')
  expect(output).toContain('caller    503 new_failure\n')
  expect(parseAccessLine(old)?.tries).toHaveLength(1)
})

test.each([
  ['a b', 10, ['a b']],
  ['aaa bbb ccc', 7, ['aaa bbb', 'ccc']],
  ['aaaaaaaaaa b', 4, ['aaaa', 'aaaa', 'aa b']],
  ['', 4, ['']],
])('wraps "%s" at %d', (text, width, expected) => {
  expect(wrapped(text, width)).toEqual(expected)
})

test.each([
  [0, '0 ms'],
  [1.26, '1.3 ms'],
  [10.2, '10 ms'],
  [999.4, '999 ms'],
  [999.6, '1.00 s'],
  [59_994, '59.99 s'],
  [59_996, '1 m 0 s'],
  [3_725_400, '62 m 5 s'],
])('%d milliseconds are told as %s', (ms, expected) => {
  expect(span(ms)).toBe(expected)
})

test('columns go on in the next line rather than beyond the width, the widest first', () => {
  const table = [
    { title: 'A', align: 'left', width: 'Flexible' },
    { title: 'B', align: 'left', width: 'Flexible' },
    { title: 'N', align: 'right', width: 'Fixed' },
  ] as const
  expect(columns(table, [['aaaaaaaaaaaaaaa', 'bbb', '1']], 16)).toEqual({
    head: 'A         B    N',
    blocks: ['aaaaaaaa  bbb  1\naaaaaaa'],
  })
})
