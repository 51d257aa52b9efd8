// What is scraped of limits and budgets.
import { expect, test } from '@jest/globals'
import { Limits } from '../../../sidecar/limits/limits.ts'
import { createLocalSource } from '../../../sidecar/limits/local-source.ts'
import { Shares } from '../../../sidecar/limits/shares.ts'
import { createLimitReports } from '../../../sidecar/telemetry/limit-families.ts'
import { metricsWith, samples, scrape } from './records.ts'
import { budgetRow, limitRow, PROVIDER, ROUTE, RULE, rowReport } from './row-reports.ts'

const RPM = 'route=shop/chat,rule=fast,provider=,limit=rpm,what=Requests'

test('a limit is told by route, rule, provider, name and what it counts, in the unit of that', async () => {
  const metrics = metricsWith({
    limits: () => [
      rowReport(limitRow(RULE), { capacity: 200, used: 150, refused: 7, keys: 0 }),
      rowReport(limitRow(ROUTE, { name: 'tpd', what: 'Tokens', mode: 'Shadow' }), { used: 3, shadowRefused: 5 }),
      rowReport(limitRow(PROVIDER, { name: 'usd', what: 'Cost', limit: 25e12, per: [{ type: 'Model' }] }), {
        used: 2.5e11,
        keys: 12,
        overflowed: 4,
      }),
      rowReport(budgetRow(RULE), { used: 1e12 }),
    ],
  })
  const tokens = 'route=shop/chat,rule=,provider=,limit=tpd,what=Tokens'
  const cost = 'route=,rule=,provider=ai/openai,limit=usd,what=Cost'
  expect(await samples(metrics, 'outrigger_limit_capacity')).toEqual([
    `{${RPM}} 200`,
    `{${tokens}} 600`,
    `{${cost}} 25`,
  ])
  expect(await samples(metrics, 'outrigger_limit_used')).toEqual([`{${RPM}} 150`, `{${tokens}} 3`, `{${cost}} 0.25`])
  expect(await samples(metrics, 'outrigger_limit_refused_total')).toEqual([
    `{${RPM},mode=Enforce} 7`,
    `{${tokens},mode=Shadow} 5`,
    `{${cost},mode=Enforce} 0`,
  ])
  expect(await samples(metrics, 'outrigger_limit_keys')).toEqual([`{${RPM}} 0`, `{${tokens}} 0`, `{${cost}} 12`])
  expect(await samples(metrics, 'outrigger_limit_keys_overflowed_total')).toEqual([
    `{${RPM}} 0`,
    `{${tokens}} 0`,
    `{${cost}} 4`,
  ])
})

test('a budget is told in US dollars, and whether it is used up', async () => {
  const metrics = metricsWith({
    limits: () => [
      rowReport(budgetRow(RULE), { used: 499.5e12 }),
      rowReport(budgetRow(ROUTE, { name: 'day', mode: 'Shadow' }), { capacity: 2e12, used: 2e12, shadowRefused: 3 }),
      rowReport(limitRow(RULE), { refused: 7 }),
    ],
  })
  const [month, day] = [
    'route=shop/chat,rule=fast,provider=,budget=month',
    'route=shop/chat,rule=,provider=,budget=day',
  ]
  expect(await samples(metrics, 'outrigger_budget_amount_usd')).toEqual([`{${month}} 500`, `{${day}} 2`])
  expect(await samples(metrics, 'outrigger_budget_spent_usd')).toEqual([`{${month}} 499.5`, `{${day}} 2`])
  expect(await samples(metrics, 'outrigger_budget_exhausted')).toEqual([`{${month}} 0`, `{${day}} 1`])
  expect(await samples(metrics, 'outrigger_budget_refused_total')).toEqual([
    `{${month},mode=Enforce} 0`,
    `{${day},mode=Shadow} 3`,
  ])
})

test('a row that was just adopted stands at 0, and no value of a key becomes a label', async () => {
  const limits = new Limits(createLocalSource({ wallClock: () => 0 }), new Shares('Whole', 'instance', 0, () => 0))
  const row = limitRow(RULE, { per: [{ type: 'Header', name: 'x-user' }], limit: 1 })
  limits.adopt([row], 0)
  const metrics = metricsWith({ limits: () => limits.reports(1) })
  expect(await samples(metrics, 'outrigger_limit_refused_total')).toEqual([`{${RPM},mode=Enforce} 0`])
  const head = { method: 'POST', target: '/v1/chat/completions', rawHeaders: ['x-user', 'eve'] }
  for (const _ of [1, 2, 3]) {
    void limits.take([row], { provider: '', model: '', head }, { inputTokens: 0, outputTokens: 0, costPicoUsd: 0 }, 1)
  }
  expect(await samples(metrics, 'outrigger_limit_refused_total')).toEqual([`{${RPM},mode=Enforce} 2`])
  expect(await samples(metrics, 'outrigger_limit_used')).toEqual([`{${RPM}} 1`])
  const labels = [...(await scrape(metrics)).values()].flatMap(({ samples: all }) =>
    all.flatMap((one) => Object.values(one.labels)),
  )
  expect(labels).not.toContain('eve')
})

test('one count serves a whole scrape, and the next scrape gets another', () => {
  const clock = { nowMs: 1000 }
  const counted: number[] = []
  const limits = {
    reports(nowMs: number) {
      counted.push(nowMs)
      return [rowReport(limitRow(RULE))]
    },
  }
  const reports = createLimitReports(limits, () => clock.nowMs)
  const first = reports()
  clock.nowMs = 1499
  expect(reports()).toBe(first)
  clock.nowMs = 1500
  expect(reports()).not.toBe(first)
  expect(counted).toEqual([1000, 1500])
})
