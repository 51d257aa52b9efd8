// Reports of limits and budgets, for the tests of what is told of them.
import type { BudgetConfig, LimitConfig } from '../../../contract/limit-config.ts'
import { type CountedRow, createBudgetRow, createLimitRow, type RowOwner } from '../../../sidecar/limits/limit-row.ts'
import type { RowReport } from '../../../sidecar/limits/row-counts.ts'

export const RULE: RowOwner = { type: 'Rule', id: 'shop/chat/fast' }
export const ROUTE: RowOwner = { type: 'Route', id: 'shop/chat' }
export const PROVIDER: RowOwner = { type: 'Provider', id: 'ai/openai' }

export function limitRow(owner: RowOwner, change: Partial<LimitConfig> = {}): CountedRow {
  const config: LimitConfig = {
    id: `${owner.type.toLowerCase()}:${owner.id}/${change.name ?? 'rpm'}`,
    name: 'rpm',
    what: 'Requests',
    limit: 600,
    windowMs: 60_000,
    scope: 'Pod',
    per: [],
    keysMax: 1000,
    mode: 'Enforce',
  }
  return createLimitRow({ ...config, ...change }, owner)
}

export function budgetRow(owner: RowOwner, change: Partial<BudgetConfig> = {}): CountedRow {
  const config: BudgetConfig = {
    id: `${owner.type.toLowerCase()}:${owner.id}/${change.name ?? 'month'}`,
    name: 'month',
    amountPicoUsd: 500e12,
    period: { type: 'Calendar', unit: 'Month', timeZone: 'UTC' },
    warnAtPercent: [80],
    onExhausted: 'Reject',
    scope: 'Namespace',
    per: [],
    keysMax: 1000,
    mode: 'Enforce',
  }
  return createBudgetRow({ ...config, ...change }, owner)
}

export function rowReport(row: CountedRow, change: Partial<RowReport> = {}): RowReport {
  return {
    row,
    capacity: row.limit,
    used: 0,
    wanted: 0,
    last: 'Admitted',
    refused: 0,
    shadowRefused: 0,
    keys: 0,
    overflowed: 0,
    top: [],
    ...change,
  }
}
