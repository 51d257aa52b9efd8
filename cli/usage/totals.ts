// Reports of several sidecars, added up by what somebody wants to see them by.
//
// In: reports and dimensions. Out: a row for each combination of values that occurs, sorted by them, and the sum of all. Costs are summed as
// integers, so a cent that one pod tells is in the total. What was counted before the first day is left out.
import {
  NO_USAGE,
  USAGE_COUNTS,
  type UsageCounts,
  type UsageReport,
  type UsageRow,
} from '../../contract/usage-report.ts'

export const DIMENSIONS = ['namespace', 'workload', 'pod', 'route', 'rule', 'provider', 'model', 'day'] as const
export type Dimension = (typeof DIMENSIONS)[number]

export interface Total extends UsageCounts {
  /** A value for each dimension, in their order; '' where nothing was decided. */
  names: readonly string[]
  /** 1e-12 USD; undefined while no cost is known. */
  costPicoUsd: bigint | undefined
}

export interface Totals {
  by: readonly Dimension[]
  rows: Total[]
  total: Total
}

export interface TotalsRequest {
  by: readonly Dimension[]
  /** `YYYY-MM-DD`, UTC; '' for all. */
  firstDay: string
}

const PICO_DIGITS = 12

export function totalsOf(reports: readonly UsageReport[], { by, firstDay }: TotalsRequest): Totals {
  const byKey = new Map<string, Total>()
  const total = createTotal([])
  for (const report of reports) {
    for (const row of report.rows) {
      if (row.day < firstDay) continue
      const names = by.map((dimension) => nameOf(dimension, report, row))
      const key = JSON.stringify(names)
      const of = byKey.get(key) ?? createTotal(names)
      byKey.set(key, of)
      addRow(of, row)
      addRow(total, row)
    }
  }
  return { by, rows: [...byKey.values()].sort((a, b) => compare(a.names, b.names)), total }
}

function nameOf(dimension: Dimension, report: UsageReport, row: UsageRow): string {
  switch (dimension) {
    case 'namespace':
    case 'workload':
    case 'pod':
      return report[dimension]
    default:
      return row[dimension]
  }
}

function createTotal(names: readonly string[]): Total {
  return { ...NO_USAGE, names, costPicoUsd: undefined }
}

function addRow(total: Total, row: UsageRow): void {
  for (const name of USAGE_COUNTS) total[name] += row[name]
  if (row.costUsd !== null) total.costPicoUsd = (total.costPicoUsd ?? 0n) + picoUsd(row.costUsd)
}

/** Of a decimal with at most twelve places. */
function picoUsd(usd: string): bigint {
  const [whole = '', part = ''] = usd.split('.')
  return BigInt(whole + part.padEnd(PICO_DIGITS, '0'))
}

/** The first name that differs decides; by code units, so that the order is the same everywhere. */
function compare(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((name, i) => name !== b[i])
  if (at === -1) return 0
  return (a[at] ?? '') < (b[at] ?? '') ? -1 : 1
}
