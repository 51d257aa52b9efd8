// Limits and budgets as their object's status shows them. In: the object, with its rows as their owner wrote them, and what is used.
// Out: entries in the order of the object's fields; of more than there is room for, those that are used most. Rows of which no use is
// known (they cannot be read) have none.
import { providerOwner, routeOwner } from '../../contract/limit-identity.ts'
import type { LLMProvider } from '../api/llm-provider.ts'
import type {
  LLMRoute,
  LLMRouteBudget,
  LLMRouteLimit,
  LLMRouteStatusBudget,
  LLMRouteStatusLimit,
} from '../api/llm-route.ts'
import { type LimitUses, percentOf, type RowUse } from './limit-use.ts'
import { usdText } from './usd-text.ts'

/** Of the CRDs. */
const ENTRIES_MAX = 32

interface Placed<Row> {
  readonly row: Row
  readonly rule: string | undefined
  readonly use: RowUse
}

export function providerLimitEntries({ metadata, spec }: LLMProvider, uses: LimitUses): LLMRouteStatusLimit[] {
  const { ids } = providerOwner(`${metadata.namespace}/${metadata.name}`)
  return busiest(placed(spec.limits, { ids, uses })).map(limitEntry)
}

export function routeLimitEntries(route: LLMRoute, uses: LimitUses): LLMRouteStatusLimit[] {
  return busiest(placedInRoute(route, uses, ({ limits }) => limits)).map(limitEntry)
}

export function routeBudgetEntries(route: LLMRoute, uses: LimitUses): LLMRouteStatusBudget[] {
  return busiest(placedInRoute(route, uses, ({ budgets }) => budgets)).map(budgetEntry)
}

interface Rows {
  limits?: readonly LLMRouteLimit[]
  budgets?: readonly LLMRouteBudget[]
}

function placedInRoute<Row extends { name: string }>(
  { metadata, spec }: LLMRoute,
  uses: LimitUses,
  rowsOf: (owner: Rows) => readonly Row[] | undefined,
): Placed<Row>[] {
  const id = `${metadata.namespace}/${metadata.name}`
  return [
    ...placed(rowsOf(spec), { ids: routeOwner(id).ids, uses }),
    ...spec.rules.flatMap((rule) =>
      placed(rowsOf(rule), { ids: routeOwner(id, rule.name).ids, uses, rule: rule.name }),
    ),
  ]
}

function placed<Row extends { name: string }>(
  rows: readonly Row[] = [],
  { ids, uses, rule }: { ids: string; uses: LimitUses; rule?: string },
): Placed<Row>[] {
  return rows.flatMap((row) => {
    const use = uses.get(ids + row.name)
    return use === undefined ? [] : [{ row, rule, use }]
  })
}

function busiest<Row>(all: readonly Placed<Row>[]): readonly Placed<Row>[] {
  if (all.length <= ENTRIES_MAX) return all
  const part = ({ use }: Placed<Row>): number => use.used / use.limit
  // Sorting keeps the order of equals.
  const kept = new Set([...all].sort((a, b) => part(b) - part(a)).slice(0, ENTRIES_MAX))
  return all.filter((each) => kept.has(each))
}

function limitEntry({ row, rule, use }: Placed<LLMRouteLimit>): LLMRouteStatusLimit {
  const { name, what, limit, window } = row
  return {
    ...{ name, ...(rule !== undefined && { rule }), what, limit: String(limit) },
    used: what === 'Cost' ? usdText(use.used) : String(use.used),
    percent: percentOf(use),
    ...(window !== undefined && { window }),
  }
}

function budgetEntry({ row, rule, use }: Placed<LLMRouteBudget>): LLMRouteStatusBudget {
  const { name, amount } = row
  return {
    ...{ name, ...(rule !== undefined && { rule }), amount, spent: usdText(use.used), percent: percentOf(use) },
    ...(use.resetsAtMs !== undefined && { resetsAt: timeText(use.resetsAtMs) }),
  }
}

function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+/, '')
}
