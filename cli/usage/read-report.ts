// What a sidecar answered on /usage, or why it could not be asked. What answers at a pod's address is the pod owner's: nothing is
// believed to have the right form, and no text reaches a terminal or a table with control characters in it.
import {
  NO_USAGE,
  USAGE_COUNTS,
  type UsageCounts,
  type UsageReport,
  type UsageRow,
} from '../../contract/usage-report.ts'
import { visible } from '../explain/access-line.ts'

export type Answer =
  /** `source`: the URL or the pod that was asked, for people. */
  { source: string; report: UsageReport } | { source: string; why: string }

type Members = Readonly<Record<string, unknown>>

const DAY = /^\d{4}-\d{2}-\d{2}$/
const USD = /^\d{1,15}(\.\d{1,12})?$/

/** Undefined: this is no report. A count that an older sidecar does not know is 0. */
export function parseUsageReport(value: unknown): UsageReport | undefined {
  const report = membersOf(value)
  const [since, instance, namespace] = [text(report.since), text(report.instance), text(report.namespace)]
  const [workload, pod] = [text(report.workload), text(report.pod)]
  if (since === undefined || instance === undefined || namespace === undefined) return undefined
  if (workload === undefined || pod === undefined || !Array.isArray(report.rows)) return undefined
  const rows = report.rows.map(parseRow)
  return isWhole(rows) ? { since, instance, namespace, workload, pod, rows } : undefined
}

function parseRow(value: unknown): UsageRow | undefined {
  const row = membersOf(value)
  const [day, route, rule] = [text(row.day), text(row.route), text(row.rule)]
  const [provider, model, counts, costUsd] = [
    text(row.provider),
    text(row.model),
    parseCounts(row),
    parseCost(row.costUsd),
  ]
  if (day === undefined || !DAY.test(day) || route === undefined || rule === undefined) return undefined
  if (provider === undefined || model === undefined || counts === undefined || costUsd === undefined) return undefined
  return { day, route, rule, provider, model, ...counts, costUsd }
}

function parseCounts(row: Members): UsageCounts | undefined {
  const counts = { ...NO_USAGE }
  for (const name of USAGE_COUNTS) {
    const value = row[name] ?? 0
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) return undefined
    counts[name] = value
  }
  return counts
}

function parseCost(value: unknown): string | null | undefined {
  return value === null || (typeof value === 'string' && USD.test(value)) ? value : undefined
}

function isWhole(rows: (UsageRow | undefined)[]): rows is UsageRow[] {
  return !rows.includes(undefined)
}

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {}
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? visible(value) : undefined
}
