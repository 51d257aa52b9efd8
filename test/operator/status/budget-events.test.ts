import { expect, test } from '@jest/globals'
import type { LLMRouteBudget, LLMRouteStatusBudget } from '../../../operator/api/llm-route.ts'
import { eventsOf } from '../../../operator/status/events.ts'
import { llmRoute, ruleTo } from '../../support/resources.ts'

const MONTH: LLMRouteBudget = {
  ...{ name: 'month', amount: '500', window: 'Month', maxKeys: 1000, mode: 'Enforce' },
  ...{ warnAtPercent: [50, 80], onExhausted: 'Reject' },
}
const [NOVEMBER, DECEMBER] = ['2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z']

function entry(percent: number, resetsAt?: string): LLMRouteStatusBudget {
  const spent = String(percent * 5)
  return { name: 'month', rule: 'all', amount: '500', spent, percent, ...(resetsAt !== undefined && { resetsAt }) }
}

interface Case {
  budget?: Partial<LLMRouteBudget>
  before: LLMRouteStatusBudget | undefined
  after: LLMRouteStatusBudget
}

function eventsFor({ budget, before, after }: Case) {
  const route = llmRoute('shop/chat', [{ ...ruleTo('openai'), budgets: [{ ...MONTH, ...budget }] }], { uid: 'u-1' })
  return eventsOf(before && { budgets: [before] }, { budgets: [after] }, route)
}

function check(name: string, given: Case, expected: string[]): void {
  test(name, () => {
    expect(eventsFor(given).map(({ type, reason, message }) => `${type} ${reason}: ${message}`)).toEqual(expected)
  })
}

const AT_82 = `Warning BudgetWarning: Budget month of rule all: 410 of 500 USD are spent (82 %), past 80 %; it begins anew at ${NOVEMBER}`
const SPENT = 'Warning BudgetExhausted: Budget month of rule all: 505 of 500 USD are spent (101 %)'

check('a budget passes a percentage', { before: entry(79, NOVEMBER), after: entry(82, NOVEMBER) }, [AT_82])
check('it passes several at once', { before: entry(0, NOVEMBER), after: entry(82, NOVEMBER) }, [AT_82])
check('it is far along when it is seen first', { before: undefined, after: entry(82, NOVEMBER) }, [AT_82])
check('it stays beyond', { before: entry(80, NOVEMBER), after: entry(94, NOVEMBER) }, [])
check('less is spent than was reserved', { before: entry(82, NOVEMBER), after: entry(79, NOVEMBER) }, [])
check('a new month begins', { before: entry(82, NOVEMBER), after: entry(3, DECEMBER) }, [])
check('the same is passed in a new month', { before: entry(82, NOVEMBER), after: entry(82, DECEMBER) }, [
  AT_82.replace(NOVEMBER, DECEMBER),
])
check('it is used up', { before: entry(82, NOVEMBER), after: entry(101, NOVEMBER) }, [
  `${SPENT}: requests are answered with 429 until there is room again; it begins anew at ${NOVEMBER}`,
])
check(
  'it is used up, and goes on with cheap backends',
  { budget: { onExhausted: 'Fallback' }, before: entry(82), after: entry(101) },
  [`${SPENT}: only the cheapest backends of a rule are asked`],
)
check('it is used up in Shadow', { budget: { mode: 'Shadow' }, before: entry(82), after: entry(101) }, [
  `${SPENT}: in Shadow nothing is refused`,
])
check('it warns at nothing', { budget: { warnAtPercent: [] }, before: entry(10), after: entry(99) }, [])

test('what is told once has one identity for each period and percentage, and none beside', () => {
  const percentages: [number, string][] = [
    [51, NOVEMBER],
    [82, NOVEMBER],
    [101, NOVEMBER],
    [82, DECEMBER],
  ]
  const identities = percentages.map(([percent, resetsAt]) => {
    const [event] = eventsFor({ before: undefined, after: entry(percent, resetsAt) })
    return event?.identity
  })
  expect(identities).toEqual([
    `u-1/all/month/50/${NOVEMBER}`,
    `u-1/all/month/80/${NOVEMBER}`,
    `u-1/all/month/100/${NOVEMBER}`,
    `u-1/all/month/80/${DECEMBER}`,
  ])
})
