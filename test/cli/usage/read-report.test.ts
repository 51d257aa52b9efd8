import { expect, test } from '@jest/globals'
import { parseUsageReport } from '../../../cli/usage/read-report.ts'
import { report, row } from './reports.ts'

test('a report is read as it was sent', () => {
  const sent = report({
    rows: [row({ requests: 1, costUsd: '12.000000000001' }), row({ day: '2026-11-20', costUsd: null })],
  })
  expect(parseUsageReport(JSON.parse(JSON.stringify(sent)))).toEqual(sent)
})

test('a count that an older sidecar does not know is 0, and what a newer one says besides is left out', () => {
  const { estimatedTokens: _, ...older } = row({ requests: 1 })
  expect(parseUsageReport({ ...report(), newer: 1, rows: [{ ...older, newer: 1 }] })).toEqual(
    report({ rows: [row({ requests: 1 })] }),
  )
})

test('no text steers a terminal', () => {
  const evil = 'web\u001b[31m\u202e'
  const read = parseUsageReport(report({ workload: evil, rows: [row({ model: evil })] }))
  expect([read?.workload, read?.rows[0]?.model]).toEqual(['web\\u{1b}[31m\\u{202e}', 'web\\u{1b}[31m\\u{202e}'])
})

const WRONG: [name: string, value: unknown][] = [
  ['nothing', null],
  ['a text', 'report'],
  ['another page', { status: 'ok' }],
  ['no rows', { ...report(), rows: undefined }],
  ['a row that is none', { ...report(), rows: [null] }],
  ['a count that is no number', report({ rows: [{ ...row(), requests: '1' as never }] })],
  ['a count below 0', report({ rows: [row({ requests: -1 })] })],
  ['a count that is not whole', report({ rows: [row({ inputTokens: 0.5 })] })],
  ['a count beyond what adds up', report({ rows: [row({ inputTokens: 2 ** 53 })] })],
  ['a cost that is a number', report({ rows: [{ ...row(), costUsd: 1 as never }] })],
  ['a cost with more places than there are', report({ rows: [row({ costUsd: '0.0000000000001' })] })],
  ['a cost below 0', report({ rows: [row({ costUsd: '-1' })] })],
  ['a cost that is missing', report({ rows: [{ ...row(), costUsd: undefined as never }] })],
  ['a day that is none', report({ rows: [row({ day: 'today' })] })],
]

test.each(WRONG)('this is no report: %s', (_name, value) => {
  expect(parseUsageReport(value)).toBeUndefined()
})
