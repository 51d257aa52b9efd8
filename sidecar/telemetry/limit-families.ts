// The metrics of limits and budgets: names, meaning, and what they read of the rows' reports when they are scraped.
//
// Labels come from the document only: route, rule and provider as everywhere, the name of the limit, and what it counts. What it counts
// apart (`per`) is no label, since header values are the client's: a row that keeps several counts shows its fullest one. A row that
// was just adopted is there with zeros. Money is in US dollars, everything else in pieces.
import type { Registry } from 'prom-client'
import type { CountedRow, RowOwner } from '../limits/limit-row.ts'
import type { RowReport } from '../limits/row-counts.ts'
import { registerSampled, type Sample } from './exposition.ts'

interface Family {
  name: string
  help: string
  type: 'counter' | 'gauge'
  samples(report: RowReport): Sample[]
}

const PICO = 1e12

export function registerLimits(registry: Registry, reports: () => readonly RowReport[]): void {
  for (const [kind, families] of Object.entries(FAMILIES)) {
    for (const { samples, ...head } of families) {
      const collect = (): Sample[] =>
        reports()
          .filter(({ row }) => row.kind === kind)
          .flatMap(samples)
      registerSampled(registry, { ...head, collect })
    }
  }
}

/** Counting a row with many keys takes a while, so one count serves all families of a scrape. `now` is monotonic, milliseconds. */
export function createLimitReports(
  limits: { reports(nowMs: number): readonly RowReport[] },
  now: () => number,
): () => readonly RowReport[] {
  let known: readonly RowReport[] = []
  let knownAtMs = Number.NEGATIVE_INFINITY
  return () => {
    const nowMs = now()
    if (nowMs - knownAtMs < FRESH_MS) return known
    knownAtMs = nowMs
    known = limits.reports(nowMs)
    return known
  }
}

const FRESH_MS = 500

const LIMITS: readonly Family[] = [
  {
    name: 'outrigger_limit_capacity',
    help: 'What this pod may count: the limit, or its share of one that pods have in common.',
    type: 'gauge',
    samples: ({ row, capacity }) => [{ labels: limitLabels(row), value: amountOf(row, capacity) }],
  },
  {
    name: 'outrigger_limit_used',
    help: 'What is counted now, reservations included; of a limit with several keys, the fullest.',
    type: 'gauge',
    samples: ({ row, used }) => [{ labels: limitLabels(row), value: amountOf(row, used) }],
  },
  {
    name: 'outrigger_limit_refused_total',
    help: 'What a limit refused (mode Enforce), or would have (mode Shadow): a request, or an attempt at one backend.',
    type: 'counter',
    samples: (report) => refusals(report, limitLabels(report.row)),
  },
  {
    name: 'outrigger_limit_keys',
    help: 'Values of its keys for which a limit keeps a count of its own at the moment; 0 for one without keys.',
    type: 'gauge',
    samples: ({ row, keys }) => [{ labels: limitLabels(row), value: keys }],
  },
  {
    name: 'outrigger_limit_keys_overflowed_total',
    help: 'Requests that were counted in the one count that all values of the keys beyond maxKeys share.',
    type: 'counter',
    samples: ({ row, overflowed }) => [{ labels: limitLabels(row), value: overflowed }],
  },
]

const BUDGETS: readonly Family[] = [
  {
    name: 'outrigger_budget_amount_usd',
    help: 'What this pod may spend in the period: the budget, or its share of one that pods have in common.',
    type: 'gauge',
    samples: ({ row, capacity }) => [{ labels: budgetLabels(row), value: capacity / PICO }],
  },
  {
    name: 'outrigger_budget_spent_usd',
    help: 'Spent in the period under way, reservations included; of a budget with several keys, the one that spent most.',
    type: 'gauge',
    samples: ({ row, used }) => [{ labels: budgetLabels(row), value: used / PICO }],
  },
  {
    name: 'outrigger_budget_exhausted',
    help: '1 while a budget, or one of its keys, is used up, or refuses what does not fit into the rest.',
    type: 'gauge',
    samples: ({ row, used, capacity, last }) => [
      { labels: budgetLabels(row), value: used >= capacity || last === 'Refused' ? 1 : 0 },
    ],
  },
  {
    name: 'outrigger_budget_refused_total',
    help: 'What a budget refused (mode Enforce), or would have (mode Shadow): a request, or an attempt at one backend.',
    type: 'counter',
    samples: (report) => refusals(report, budgetLabels(report.row)),
  },
]

const FAMILIES: Readonly<Record<CountedRow['kind'], readonly Family[]>> = { Limit: LIMITS, Budget: BUDGETS }

/** One series per row: a row is in one mode, and a series of the other that never moves would say nothing. */
function refusals({ row, refused, shadowRefused }: RowReport, labels: Record<string, string>): Sample[] {
  return [{ labels: { ...labels, mode: row.mode }, value: row.mode === 'Enforce' ? refused : shadowRefused }]
}

function limitLabels(row: CountedRow): Record<string, string> {
  return { ...ownerLabels(row.owner), limit: row.name, what: row.what }
}

function budgetLabels(row: CountedRow): Record<string, string> {
  return { ...ownerLabels(row.owner), budget: row.name }
}

/** A rule's id is that of its route, a slash, and its name, which has none. */
function ownerLabels({ type, id }: RowOwner): Record<string, string> {
  switch (type) {
    case 'Provider':
      return { route: '', rule: '', provider: id }
    case 'Route':
      return { route: id, rule: '', provider: '' }
    case 'Rule': {
      const end = id.lastIndexOf('/')
      return { route: id.slice(0, end), rule: id.slice(end + 1), provider: '' }
    }
  }
}

function amountOf({ what }: CountedRow, amount: number): number {
  return what === 'Cost' ? amount / PICO : amount
}
