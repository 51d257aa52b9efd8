// Rows for tests: a limit or a budget with everything said that a test leaves out, in windows whose buckets are whole seconds.
import type { BudgetConfig, LimitConfig } from '../../../contract/limit-config.ts'
import type { Demand } from '../../../sidecar/limits/demand.ts'
import { type CountedRow, createBudgetRow, createLimitRow, type RowOwner } from '../../../sidecar/limits/limit-row.ts'
import type { KeyValues } from '../../../sidecar/limits/row-key.ts'

export const RULE: RowOwner = { type: 'Rule', id: 'shop/chat/fast' }

/** Its buckets are a second long. */
export const WINDOW_MS = 128_000

export function limitRow(config: Partial<LimitConfig> = {}, owner: RowOwner = RULE): CountedRow {
  const { name = 'rpm', what = 'Requests' } = config
  const span = what === 'Concurrency' ? {} : { windowMs: WINDOW_MS }
  return createLimitRow({ ...common(name), what, limit: 10, ...span, ...config }, owner)
}

export function budgetRow(config: Partial<BudgetConfig> = {}, owner: RowOwner = RULE): CountedRow {
  const { name = 'month' } = config
  const period = { type: 'Calendar', unit: 'Month', timeZone: 'UTC' } as const
  const budget = { amountPicoUsd: 1000, period, warnAtPercent: [], onExhausted: 'Reject' } as const
  return createBudgetRow({ ...common(name), ...budget, warnAtPercent: [], ...config }, owner)
}

/** Headers as `name: value`. */
export function valuesOf(headers: string[] = [], provider = '', model = ''): KeyValues {
  const rawHeaders = headers.flatMap((line) => line.split(': '))
  return { provider, model, head: { method: 'POST', target: '/v1/chat/completions', rawHeaders } }
}

export function demandOf(inputTokens: number, outputTokens = 0, costPicoUsd = 0): Demand {
  return { inputTokens, outputTokens, costPicoUsd }
}

function common(name: string) {
  const id = `route:${RULE.id}/${name}`
  return { id, name, scope: 'Pod' as const, per: [], keysMax: 1000, mode: 'Enforce' as const }
}
