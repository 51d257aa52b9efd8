// What sidecars say that they use → what a status says is used.
import { describe, expect, test } from '@jest/globals'
import type { LLMRouteBudget, LLMRouteLimit } from '../../../operator/api/llm-route.ts'
import { fullestUse, percentOf, type RowUse, type ToldUse, useOfCounts } from '../../../operator/status/limit-use.ts'
import { usdText } from '../../../operator/status/usd-text.ts'
import { providerLimitEntries, routeBudgetEntries, routeLimitEntries } from '../../../operator/status/use-entries.ts'
import { llmProvider, llmRoute, ruleTo } from '../../support/resources.ts'

const USD = 1_000_000_000_000

describe('what is used of a limit', () => {
  /** `rpm web 40`: a pod of the count `rpm web` has used 40 itself; `= 40`: all pods have. */
  function check(
    name: string,
    told: string[],
    departed: Record<string, number>,
    expected: Record<string, number>,
  ): void {
    test(name, () => {
      const uses = told.map((words): ToldUse => {
        const [id = '', place = '', ...rest] = words.split(' ')
        return { id, count: `${id} ${place}`, used: Number(rest.at(-1)), tells: rest[0] === '=' ? 'Whole' : 'Part' }
      })
      const counts = useOfCounts(uses, new Map(Object.entries(departed)), (count) => count.split(' ')[0] ?? '')
      expect(Object.fromEntries(fullestUse(counts.values()))).toEqual(expected)
    })
  }

  check('is nothing where nobody says anything', [], {}, {})
  check('is what all pods of one count have used together', ['rpm shop 40', 'rpm shop 25'], {}, { rpm: 65 })
  check('is that of the fullest workload', ['rpm web 40', 'rpm job 25', 'rpm job 30'], {}, { rpm: 55 })
  check('is that of the fullest pod where each has its own', ['rpm a = 40', 'rpm b = 55'], {}, { rpm: 55 })
  check('counts what pods that are gone may have used', ['rpm shop 40'], { 'rpm shop': 100 }, { rpm: 140 })
  check('counts it also where no pod is left', [], { 'rpm shop': 100 }, { rpm: 100 })
  check('does not mix a workload with one that is gone', ['rpm web 40'], { 'rpm job': 30 }, { rpm: 40 })
  check('is told whole by each where a store counts', ['rpm shop = 40', 'rpm shop = 38'], {}, { rpm: 40 })
  check('holds what is gone already where a store counts', ['rpm shop = 40'], { 'rpm shop': 100 }, { rpm: 40 })
  check('adds up those with a store and those without yet', ['rpm shop = 40', 'rpm shop 5'], {}, { rpm: 45 })
  check('is kept apart for each limit', ['rpm shop 1', 'tpm shop 9'], {}, { rpm: 1, tpm: 9 })
})

test.each([
  [0, 600, 0],
  [29, 100, 29],
  [599, 600, 99],
  [600, 600, 100],
  [901, 600, 150],
])('%d of %d are %d percent', (used, limit, percent) => {
  expect(percentOf({ used, limit })).toBe(percent)
})

test.each([
  [0, '0'],
  [2.5 * USD, '2.5'],
  [412.52 * USD, '412.52'],
  [0.000_001_9 * USD, '0.000001'],
  [9_999_999_990 * USD, '9999999990'],
])('%d pico-USD are written as %s', (pico, expected) => {
  expect(usdText(pico)).toBe(expected)
})

const ROW = { maxKeys: 1000, mode: 'Enforce' } as const
const RPM: LLMRouteLimit = { ...ROW, name: 'rpm', what: 'Requests', limit: 600, window: '1m' }
const OPEN: LLMRouteLimit = { ...ROW, name: 'open', what: 'Concurrency', limit: 64 }
const COST: LLMRouteLimit = { ...ROW, name: 'cost', what: 'Cost', limit: '2.50', window: '1h' }
const MONTH: LLMRouteBudget = {
  ...{ ...ROW, name: 'month', amount: '500', window: 'Month' },
  ...{ warnAtPercent: [80, 95], onExhausted: 'Reject' },
}

describe('a status shows', () => {
  test('limits of the route and of its rules, as they are written, in their order', () => {
    const route = llmRoute('shop/chat', [{ ...ruleTo('openai'), name: 'fast', limits: [RPM, COST] }])
    route.spec.limits = [OPEN]
    const uses = new Map<string, RowUse>([
      ['route:shop/chat/fast/cost', { used: 1.25 * USD, limit: 2.5 * USD }],
      ['route:shop/chat/fast/rpm', { used: 450, limit: 600 }],
      ['route:shop/chat//open', { used: 64, limit: 64 }],
    ])
    expect(routeLimitEntries(route, uses)).toEqual([
      { name: 'open', what: 'Concurrency', limit: '64', used: '64', percent: 100 },
      { name: 'rpm', rule: 'fast', what: 'Requests', limit: '600', used: '450', percent: 75, window: '1m' },
      { name: 'cost', rule: 'fast', what: 'Cost', limit: '2.50', used: '1.25', percent: 50, window: '1h' },
    ])
  })

  test('budgets, and when they begin anew', () => {
    const route = llmRoute('shop/chat', [{ ...ruleTo('openai'), budgets: [{ ...MONTH, name: 'day', window: '24h' }] }])
    route.spec.budgets = [MONTH]
    const uses = new Map<string, RowUse>([
      ['route:shop/chat//month', { used: 412.52 * USD, limit: 500 * USD, resetsAtMs: Date.parse('2026-12-01') }],
      ['route:shop/chat/all/day', { used: 501 * USD, limit: 500 * USD }],
    ])
    expect(routeBudgetEntries(route, uses)).toEqual([
      { name: 'month', amount: '500', spent: '412.52', percent: 82, resetsAt: '2026-12-01T00:00:00Z' },
      { name: 'day', rule: 'all', amount: '500', spent: '501', percent: 100 },
    ])
  })

  test("a provider's own limits", () => {
    const provider = llmProvider('ai/openai', { limits: [RPM] })
    expect(providerLimitEntries(provider, new Map([['provider:ai/openai/rpm', { used: 6, limit: 600 }]]))).toEqual([
      { name: 'rpm', what: 'Requests', limit: '600', used: '6', percent: 1, window: '1m' },
    ])
  })

  test('nothing of a limit whose use nobody tells', () => {
    const route = llmRoute('shop/chat', [{ ...ruleTo('openai'), limits: [RPM] }])
    expect(routeLimitEntries(route, new Map())).toEqual([])
  })

  test('of many limits the 32 that are used most, in their order', () => {
    const rules = Array.from({ length: 40 }, (_, n) => ({ ...ruleTo('openai'), name: `r${n}`, limits: [RPM] }))
    const uses = new Map(rules.map(({ name }, n) => [`route:shop/chat/${name}/rpm`, { used: 100 - n, limit: 600 }]))
    uses.set('route:shop/chat/r39/rpm', { used: 600, limit: 600 })
    const shown = routeLimitEntries(llmRoute('shop/chat', rules), uses).map(({ rule }) => rule)
    expect(shown).toEqual([...rules.slice(0, 31).map(({ name }) => name), 'r39'])
  })
})
