// What people read of the answers of several sidecars.
import { expect, test } from '@jest/globals'
import type { Answer } from '../../../cli/usage/read-report.ts'
import { costText } from '../../../cli/usage/render.ts'
import { parseSince } from '../../../cli/usage/since.ts'
import { tellUsage, type UsageRequest } from '../../../cli/usage/tell.ts'
import type { UsageReport } from '../../../contract/usage-report.ts'
import { report, row } from './reports.ts'

const REQUEST: UsageRequest = { by: ['provider', 'model'], firstDay: '', output: 'table' }

const REFUSED = { provider: '', model: '', requests: 7, refused: 7 }
const CLAUDE = { provider: 'ai/anthropic', model: 'claude-haiku-4-5' }

const WEB_1 = report({
  rows: [
    row({
      requests: 3,
      attempts: 4,
      failedAttempts: 1,
      inputTokens: 100,
      cachedInputTokens: 40,
      outputTokens: 20,
      costUsd: '0.25',
    }),
    row({ ...CLAUDE, attempts: 1, failedAttempts: 1, inputTokens: 50, unpriced: 2 }),
    row(REFUSED),
  ],
})
const WEB_2 = report({
  instance: 'instance-2',
  pod: 'web-2',
  rows: [
    row({
      day: '2026-11-20',
      requests: 1200,
      attempts: 1200,
      inputTokens: 1234567,
      outputTokens: 89,
      costUsd: '9007.123456789012',
    }),
    row({ ...CLAUDE, requests: 1, attempts: 1, inputTokens: 5, outputTokens: 1, costUsd: '0.00004' }),
  ],
})
const WORKER = report({
  instance: 'instance-3',
  workload: 'worker',
  pod: 'worker-1',
  rows: [row({ requests: 1, attempts: 1 })],
})

function answers(...reports: UsageReport[]): Answer[] {
  return reports.map((one) => ({ source: `shop/${one.pod}`, report: one }))
}

function told(request: Partial<UsageRequest>, all: readonly Answer[] = answers(WEB_1, WEB_2, WORKER)): string[] {
  return tellUsage(all, { ...REQUEST, ...request }).output.split('\n')
}

test('the table has a row for each combination, sorted, and a total', () => {
  expect(told({})).toEqual([
    'PROVIDER       MODEL              REQUESTS   REFUSED   ATTEMPTS   FAILED   INPUT     CACHED   OUTPUT   COST(USD)',
    '<none>         <none>             7          7         0          0        0         0        0        -',
    'ai/anthropic   claude-haiku-4-5   1          0         2          1        55        0        1        <0.0001 + 2 unpriced',
    'ai/openai      gpt-5-mini         1204       0         1205       1        1234667   40       109      9007.3735',
    'TOTAL                             1212       7         1207       2        1234722   40       110      9007.3735 + 2 unpriced',
    '',
  ])
})

test('it is added up by whatever is asked for', () => {
  expect(told({ by: ['day', 'workload'] })).toEqual([
    'DAY          WORKLOAD   REQUESTS   REFUSED   ATTEMPTS   FAILED   INPUT     CACHED   OUTPUT   COST(USD)',
    '2026-11-20   web        1200       0         1200       0        1234567   0        89       9007.1235',
    '2026-11-21   web        11         7         6          2        155       40       21       0.2500 + 2 unpriced',
    '2026-11-21   worker     1          0         1          0        0         0        0        -',
    'TOTAL                   1212       7         1207       2        1234722   40       110      9007.3735 + 2 unpriced',
    '',
  ])
})

test('days before the first are left out, of the total, too', () => {
  expect(told({ by: ['namespace'], firstDay: '2026-11-21' }).slice(1)).toEqual([
    'shop        12         7         7          2        155     40       21       0.2500 + 2 unpriced',
    'TOTAL       12         7         7          2        155     40       21       0.2500 + 2 unpriced',
    '',
  ])
})

test('JSON has every count, and costs exactly', () => {
  const { output } = tellUsage([...answers(WEB_1, WEB_2), { source: 'shop/web-3', why: 'gone' }], {
    ...REQUEST,
    output: 'json',
  })
  const { sidecars, missing, rows, total } = JSON.parse(output)
  expect({ sidecars, missing }).toEqual({ sidecars: 2, missing: ['shop/web-3'] })
  expect(rows[2]).toEqual({
    provider: 'ai/openai',
    model: 'gpt-5-mini',
    requests: 1203,
    refused: 0,
    attempts: 1204,
    failedAttempts: 1,
    inputTokens: 1234667,
    cachedInputTokens: 40,
    cacheWriteTokens: 0,
    outputTokens: 109,
    reasoningTokens: 0,
    estimatedTokens: 0,
    unpriced: 0,
    costUsd: '9007.373456789012',
  })
  expect(rows[0].costUsd).toBeNull()
  expect(total).toMatchObject({ requests: 1211, unpriced: 2, costUsd: '9007.373496789012' })
})

test('CSV has a head, every count, and quotes what must be', () => {
  const model = 'a "b", c'
  const all = answers(report({ rows: [row({ model, requests: 2, costUsd: '1.5' }), row({ model: 'd' })] }))
  expect(told({ by: ['model'], output: 'csv' }, all)).toEqual([
    'model,requests,refused,attempts,failedAttempts,inputTokens,cachedInputTokens,cacheWriteTokens,outputTokens,reasoningTokens,estimatedTokens,unpriced,costUsd\r',
    '"a ""b"", c",2,0,0,0,0,0,0,0,0,0,0,1.5\r',
    'd,0,0,0,0,0,0,0,0,0,0,0,\r',
    '',
  ])
})

test.each([
  [undefined, 0, '-'],
  [undefined, 3, '3 unpriced'],
  [0n, 0, '0.0000'],
  [0n, 1, '0.0000 + 1 unpriced'],
  [1n, 0, '<0.0001'],
  [49_999_999n, 0, '<0.0001'],
  [50_000_000n, 0, '0.0001'],
  [1_234_550_000_000n, 0, '1.2346'],
  [10n ** 24n, 0, '1000000000000.0000'],
])('%s pico-USD and %s requests of unknown cost read "%s"', (costPicoUsd, unpriced, expected) => {
  expect(costText({ costPicoUsd, unpriced })).toBe(expected)
})

test('who cannot be asked is named, harmless to a terminal, and the others are told all the same', () => {
  const gone: Answer = { source: 'shop/web-2', why: 'no\u001b[31m answer' }
  const { exitCode, output, messages } = tellUsage([gone, ...answers(WORKER)], REQUEST)
  expect(exitCode).toBe(0)
  expect(output).toContain('gpt-5-mini')
  expect(messages).toEqual(['shop/web-2 cannot be asked: no\\u{1b}[31m answer'])
})

test('when nobody can be asked it fails, and names no more than can be read', () => {
  const gone = Array.from({ length: 25 }, (_, i): Answer => ({ source: `shop/web-${i}`, why: 'no answer' }))
  const { exitCode, output, messages } = tellUsage(gone, REQUEST)
  expect([exitCode, output, messages.length, messages.at(-1)]).toEqual([1, '', 21, 'and 5 more cannot be asked'])
})

test('where there is no sidecar that is no failure', () => {
  expect(tellUsage([], REQUEST)).toEqual({ exitCode: 0, output: '', messages: ['there is no sidecar to ask'] })
})

test('a sidecar that is reached by two addresses counts once', () => {
  const twice: Answer[] = ['http://a', 'http://b'].map((source) => ({ source, report: WORKER }))
  const { output, messages } = tellUsage(twice, REQUEST)
  expect(output).toContain('TOTAL                    1   ')
  expect(messages).toEqual(['http://b is the same sidecar as http://a: it counts once'])
})

test('a pod cannot take the place of another by its instance', () => {
  const liar = report({ ...WORKER, pod: 'liar-1', rows: [] })
  expect(tellUsage(answers(liar, WORKER), REQUEST).output).toContain('TOTAL                    1   ')
})

test('estimates are told as such', () => {
  const all = answers(report({ rows: [row({ inputTokens: 100, outputTokens: 20, estimatedTokens: 30 })] }))
  expect(tellUsage(all, REQUEST).messages).toEqual([
    '30 of 120 tokens are of answers whose provider did not tell all: partly estimated',
  ])
})

test.each([
  ['', undefined],
  ['1d', { type: 'Days', days: 1 }],
  ['9999d', { type: 'Days', days: 9999 }],
  ['2026-11-21', { type: 'Date', day: '2026-11-21' }],
  ['2028-02-29', { type: 'Date', day: '2028-02-29' }],
])('since "%s"', (text, expected) => {
  expect(parseSince(text)).toEqual(expected)
})

test.each([
  '0d',
  '7',
  '7h',
  '-1d',
  '2026-02-29',
  '2026-13-01',
  '2026-00-01',
  '2026-11-00',
  '2026-11-31',
  '21.11.2026',
  '2026-1-1',
])('since "%s" is told what it should be', (text) => {
  expect(() => parseSince(text)).toThrow(`expected a date such as 2026-11-21, or days such as 7d, not "${text}"`)
})
