import { expect, test } from '@jest/globals'
import {
  type LimitShares,
  type LimitsReport,
  parseLimitShares,
  parseLimitsReport,
} from '../../contract/limit-shares.ts'

const SHARES: LimitShares = {
  instance: 'a',
  version: 3,
  shares: { 'route:shop/chat//rpm': 10, 'provider:ai/openai/usd': 5e20 },
}
const REPORT: LimitsReport = {
  instance: 'a',
  sharesVersion: null,
  limits: [{ id: 'route:shop/chat//rpm', share: 10, used: 4, wanted: 12 }],
}

test.each<LimitShares>([
  SHARES,
  { ...SHARES, before: { 'route:shop/chat//rpm': 20 } },
  { ...SHARES, passed: { 'route:shop/chat//month': { percent: 80, untilMs: 1_796_079_600_000 } } },
  { ...SHARES, passed: { 'route:shop/chat//day': { percent: 95 } } },
])('reads shares: %j', (shares) => {
  expect(parseLimitShares(JSON.stringify(shares))).toEqual({ shares })
})

test('what a newer operator says besides is left out', () => {
  expect(parseLimitShares(JSON.stringify({ ...SHARES, more: 1 }))).toEqual({ shares: SHARES })
})

test.each<[name: string, mark: unknown]>([
  ['beyond 99 %', { percent: 100 }],
  ['without its percentage', { untilMs: 1 }],
  ['until nobody knows when', { percent: 80, untilMs: 'June' }],
  ['that is no object', 80],
])('a mark that cannot be read is left out alone: one %s', (_name, mark) => {
  const passed = { month: { percent: 80, untilMs: 5 } }
  expect(parseLimitShares(JSON.stringify({ ...SHARES, passed: { ...passed, day: mark } }))).toEqual({
    shares: { ...SHARES, passed },
  })
})

test('of a mark what is known is read, and no marks at all where they are no object', () => {
  const passed = { month: { percent: 80 } }
  const more = { ...SHARES, passed: { month: { percent: 80, since: 'June' } } }
  expect(parseLimitShares(JSON.stringify(more))).toEqual({ shares: { ...SHARES, passed } })
  expect(parseLimitShares(JSON.stringify({ ...SHARES, passed: 'June' }))).toEqual({ shares: SHARES })
})

test.each(['', ' \n'])('an annotation that is not there, or empty, grants nothing: %j', (text) => {
  expect(parseLimitShares(text)).toEqual({ shares: undefined })
})

test.each<[change: object, problem: string]>([
  [{ instance: '' }, 'instance: expected 1 to 64 characters'],
  [{ version: 0 }, 'version: expected an integer ≥ 1'],
  [{ version: '3' }, 'version: expected an integer ≥ 1'],
  [{ shares: { rpm: -1 } }, 'shares["rpm"]: expected an integer ≥ 0'],
  [{ shares: { rpm: 0.5 } }, 'shares["rpm"]: expected an integer ≥ 0'],
  [{ before: { rpm: null } }, 'before["rpm"]: expected an integer ≥ 0'],
])('names the field that is wrong: %j', (change, problem) => {
  expect(parseLimitShares(JSON.stringify({ ...SHARES, ...change }))).toEqual({ problems: [problem] })
})

test.each(['{', '[]', '3', 'null'])('says that %j is no shares', (text) => {
  expect(parseLimitShares(text)).toEqual({ problems: [expect.stringMatching(/^(not JSON|expected an object)/)] })
})

test.each<LimitsReport>([
  REPORT,
  { ...REPORT, sharesVersion: 3, limits: [] },
  { ...REPORT, store: 'Up' },
  { ...REPORT, store: 'Away' },
  { ...REPORT, ended: true },
])('reads what a sidecar says: %j', (report) => {
  expect(parseLimitsReport(JSON.stringify(report))).toEqual({ report })
})

test('what a sidecar says besides is left out, and estimates are rounded up', () => {
  const [limit] = REPORT.limits
  const more = {
    ...REPORT,
    limits: [{ ...limit, wanted: 12.1, more: 1 }],
    rows: [{ id: 'a' }],
    store: 'Slow',
    ended: 'No',
  }
  expect(parseLimitsReport(JSON.stringify(more))).toEqual({ report: { ...REPORT, limits: [{ ...limit, wanted: 13 }] } })
})

test.each<[change: object, problem: string]>([
  [{ sharesVersion: -1 }, 'sharesVersion: expected an integer ≥ 1'],
  [{ instance: 'x'.repeat(65) }, 'instance: expected 1 to 64 characters'],
  [{ limits: [{ id: 'a', share: 1, used: -1, wanted: 1 }] }, 'limits[0].used: expected a number ≥ 0'],
  [{ limits: [{ id: 'a', share: 1, used: '1', wanted: 1 }] }, 'limits[0].used: expected a number ≥ 0'],
  [{ limits: [{ id: '', share: 1, used: 1, wanted: 1 }] }, 'limits[0].id: expected 1 to 1024 characters'],
  [{ limits: {} }, 'limits: expected a list'],
])('believes no sidecar that says %j', (change, problem) => {
  expect(parseLimitsReport(JSON.stringify({ ...REPORT, ...change }))).toEqual({ problems: [problem] })
})
