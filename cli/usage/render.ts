// Totals for people, programs and spreadsheets. The table is as kubectl prints one: capitals, left, three spaces; it has what people ask
// first, and the two others have everything.
import { USAGE_COUNTS, type UsageCounts } from '../../contract/usage-report.ts'
import type { Total, Totals } from './totals.ts'

export type UsageFormat = 'table' | 'json' | 'csv'

/** What one answer is made of, beside the numbers. */
export interface Sources {
  /** Sidecars that were added up. */
  sidecars: number
  /** Those that could not be asked. */
  missing: readonly string[]
}

const GAP = 3
/** As kubectl has it. */
const COLUMN_MIN = 6
const NOTHING = '<none>'
const PICO_DIGITS = 12

const TABLE_COUNTS: readonly [title: string, count: keyof UsageCounts][] = [
  ['REQUESTS', 'requests'],
  ['REFUSED', 'refused'],
  ['ATTEMPTS', 'attempts'],
  ['FAILED', 'failedAttempts'],
  ['INPUT', 'inputTokens'],
  ['CACHED', 'cachedInputTokens'],
  ['OUTPUT', 'outputTokens'],
]

/** Ends with a line feed. */
export function renderTotals(totals: Totals, sources: Sources, format: UsageFormat): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(jsonOf(totals, sources), undefined, 2)}\n`
    case 'csv':
      return csvOf(totals)
    case 'table':
      return tableOf(totals)
  }
}

function tableOf({ by, rows, total }: Totals): string {
  const head = [...by.map((name) => name.toUpperCase()), ...TABLE_COUNTS.map(([title]) => title), 'COST(USD)']
  const sum = by.map((_, i) => (i === 0 ? 'TOTAL' : ''))
  return aligned([
    head,
    ...rows.map((row) => [...row.names.map((name) => name || NOTHING), ...countCells(row)]),
    [...sum, ...countCells(total)],
  ])
}

function countCells(total: Total): string[] {
  return [...TABLE_COUNTS.map(([, count]) => String(total[count])), costText(total)]
}

function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, i) =>
    Math.max(COLUMN_MIN, ...lines.map((cells) => (cells[i] ?? '').length + GAP)),
  )
  return lines
    .map(
      (cells) =>
        `${cells
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('')
          .trimEnd()}\n`,
    )
    .join('')
}

/** `12.3456`, `12.3456 + 3 unpriced`, `3 unpriced`. */
export function costText({ costPicoUsd, unpriced }: Pick<Total, 'costPicoUsd' | 'unpriced'>): string {
  const unknown = unpriced === 0 ? '' : `${unpriced} unpriced`
  if (costPicoUsd === undefined) return unknown || '-'
  return unknown === '' ? rounded(costPicoUsd) : `${rounded(costPicoUsd)} + ${unknown}`
}

/** Four decimals, half up; what is something is not shown as nothing. */
function rounded(picoUsd: bigint): string {
  const units = (picoUsd + 50_000_000n) / 100_000_000n
  if (units === 0n && picoUsd > 0n) return '<0.0001'
  return decimal(units, 4)
}

function decimal(units: bigint, places: number): string {
  const digits = String(units).padStart(places + 1, '0')
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`
}

/** Exact, without trailing zeros; null where none is known. */
function exactUsd(picoUsd: bigint | undefined): string | null {
  return picoUsd === undefined ? null : decimal(picoUsd, PICO_DIGITS).replace(/\.?0+$/, '')
}

function jsonOf({ by, rows, total }: Totals, { sidecars, missing }: Sources): object {
  return {
    sidecars,
    missing,
    rows: rows.map((row) => ({ ...Object.fromEntries(by.map((name, i) => [name, row.names[i]])), ...numbersOf(row) })),
    total: numbersOf(total),
  }
}

function numbersOf(total: Total): object {
  const counts = Object.fromEntries(USAGE_COUNTS.map((name) => [name, total[name]]))
  return { ...counts, costUsd: exactUsd(total.costPicoUsd) }
}

/** RFC 4180, without a row for the total, which would be added up with the others. */
function csvOf({ by, rows }: Totals): string {
  const lines = [
    [...by, ...USAGE_COUNTS, 'costUsd'],
    ...rows.map((row) => [
      ...row.names,
      ...USAGE_COUNTS.map((name) => String(row[name])),
      exactUsd(row.costPicoUsd) ?? '',
    ]),
  ]
  return lines.map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('')
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
