// How limits and budgets stand, for the pages: `GET /limits`, which the operator divides by and people read, and in short in `/status`.
//
// In: the rows' reports. Out: JSON. Amounts are in the unit that stands beside them, money as exact decimals. Of what a row counts apart,
// the fullest are told, by keys that are cut short: a header's value is the client's. The server listens on the pod's IP, so what
// looks like a credential is masked, although the API refuses limits by headers that hold one.
import { createCalendar } from '../../contract/calendar.ts'
import type { LimitedQuantity } from '../../contract/limit-config.ts'
import type { LimitsReport } from '../../contract/limit-shares.ts'
import { redacted } from '../../process/redact.ts'
import type { CountedRow } from '../limits/limit-row.ts'
import type { RowReport } from '../limits/row-counts.ts'
import { usd } from '../telemetry/json-text.ts'

export interface RowState {
  id: string
  kind: CountedRow['kind']
  what: LimitedQuantity
  mode: CountedRow['mode']
  unit: Unit
  limit: Amount
  /** What this pod may count: the limit, or its share of it. */
  capacity: Amount
  /** Of several keys, the most. */
  used: Amount
  /** Of capacity, rounded down; null while that is 0. */
  usedPercent: number | null
  /** Of a sliding window; null for periods and for what counts open requests. */
  windowMs: number | null
  /** The most at once; null where that is the limit. */
  burst: Amount | null
  /** ISO 8601: end of a budget's period; null where nothing begins anew. */
  resetsAt: string | null
  refused: number
  /** In Shadow. */
  wouldHaveRefused: number
  /** Values that have a count of their own. */
  keys: number
  /** What was counted together, for want of room for more of them. */
  overflowed: number
  /** The fullest first; empty for a row without keys. */
  top: { key: string; used: Amount; usedPercent: number | null }[]
}

/** A decimal for US dollars. */
type Amount = number | string
type Unit = 'requests' | 'tokens' | 'USD' | 'open requests'

const UNITS: Readonly<Record<LimitedQuantity, Unit>> = {
  Requests: 'requests',
  Tokens: 'tokens',
  InputTokens: 'tokens',
  OutputTokens: 'tokens',
  Cost: 'USD',
  Concurrency: 'open requests',
}

const KEY_MAX = 64

/** `GET /limits`: what the contract says, and all rows for people. `wallMs` since the epoch. */
export function limitsPage(
  shares: LimitsReport,
  reports: readonly RowReport[],
  wallMs: number,
): LimitsReport & { rows: RowState[] } {
  return { ...shares, rows: limitStates(reports, wallMs) }
}

export type RowSummary = Pick<RowState, 'id' | 'mode' | 'unit' | 'capacity' | 'used' | 'usedPercent'>

/** For `/status`, which the operator reads of every pod at every change, and bounds. */
export function limitSummaries(reports: readonly RowReport[]): RowSummary[] {
  return reports.map(({ row, capacity, used }) => ({
    id: row.id,
    mode: row.mode,
    unit: UNITS[row.what],
    capacity: amountOf(row, capacity),
    used: amountOf(row, used),
    usedPercent: percentOf(used, capacity),
  }))
}

/** `wallMs` since the epoch. */
export function limitStates(reports: readonly RowReport[], wallMs: number): RowState[] {
  return reports.map((report) => limitState(report, wallMs))
}

function limitState({ row, capacity, used, refused, shadowRefused, ...report }: RowReport, wallMs: number): RowState {
  const { id, kind, what, mode, limit, span } = row
  return {
    ...{ id, kind, what, mode },
    unit: UNITS[what],
    limit: amountOf(row, limit),
    capacity: amountOf(row, capacity),
    used: amountOf(row, used),
    usedPercent: percentOf(used, capacity),
    windowMs: span.type === 'Window' ? span.windowMs : null,
    burst: span.type === 'Window' && span.burst !== undefined ? amountOf(row, span.burst) : null,
    resetsAt: resetsAt(row, wallMs),
    refused,
    wouldHaveRefused: shadowRefused,
    keys: report.keys,
    overflowed: report.overflowed,
    top: row.keyOf === undefined ? [] : report.top.map((use) => keyState(row, use, capacity)),
  }
}

function keyState(row: CountedRow, { key, used }: RowReport['top'][number], capacity: number): RowState['top'][number] {
  const told = String(redacted(key)).slice(0, KEY_MAX)
  return { key: told, used: amountOf(row, used), usedPercent: percentOf(used, capacity) }
}

function amountOf({ what }: CountedRow, amount: number): Amount {
  return what === 'Cost' ? usd(amount) : amount
}

function percentOf(used: number, capacity: number): number | null {
  return capacity === 0 ? null : Math.floor((used / capacity) * 100)
}

function resetsAt({ span }: CountedRow, wallMs: number): string | null {
  return span.type === 'Calendar' ? new Date(createCalendar(span)(wallMs).endMs).toISOString() : null
}
