// What `limit-shape.ts` cannot say of limits, budgets and prices: fields that depend on each other, and on whom they belong to.

import type { BudgetConfig, LimitConfig, LimitKeyConfig, PriceConfig } from './limit-config.ts'
import { type RowOwner, scopeOf } from './limit-identity.ts'
import { repeated, unsorted } from './list-order.ts'

interface Rows {
  limits: readonly LimitConfig[]
  /** A provider has none. */
  budgets?: readonly BudgetConfig[]
}

/** `at` is the path of whom they belong to. A limit and a budget of one owner may not have the same name either. */
export function ofRows(at: string, { limits, budgets = [] }: Rows, owner: RowOwner): string[] {
  const names = new Set(limits.map(({ name }) => name))
  return [
    ...repeated(`${at}.limits`, 'name', limits),
    ...limits.flatMap((limit, index) => ofLimit(`${at}.limits[${index}]`, limit, owner)),
    ...repeated(`${at}.budgets`, 'name', budgets),
    ...budgets.flatMap((budget, index) => [
      ...(names.has(budget.name) ? [`${at}.budgets[${index}].name: a limit has it already`] : []),
      ...ofCount(`${at}.budgets[${index}]`, budget, owner),
      ...unsorted(`${at}.budgets[${index}].warnAtPercent`, budget.warnAtPercent),
    ]),
  ]
}

function ofLimit(at: string, limit: LimitConfig, owner: RowOwner): string[] {
  const { what, windowMs, burst } = limit
  const problems = ofCount(at, limit, owner)
  const countsOpen = what === 'Concurrency'
  if (countsOpen === (windowMs !== undefined)) {
    problems.push(`${at}.windowMs: ${countsOpen ? 'not allowed' : 'required'} with ${what}`)
  }
  if (burst !== undefined && countsOpen) problems.push(`${at}.burst: not allowed with ${what}`)
  if (burst !== undefined && burst > limit.limit) problems.push(`${at}.burst: expected at most limit`)
  return problems
}

function ofCount(at: string, { id, name, scope, per }: LimitConfig | BudgetConfig, owner: RowOwner): string[] {
  const problems: string[] = []
  if (id !== owner.ids + name) problems.push(`${at}.id: expected ${owner.ids}${name}`)
  const expected = scopeOf(per, owner.widest)
  if (scope !== expected) problems.push(`${at}.scope: expected ${expected}, by per`)
  return [...problems, ...unsorted(`${at}.per`, per.map(textOf))]
}

function textOf(key: LimitKeyConfig): string {
  return key.type === 'Header' ? `${key.type}:${key.name}` : key.type
}

export function ofPrice(at: string, { tiers }: PriceConfig): string[] {
  return unsorted(
    `${at}.tiers`,
    tiers.map(({ aboveInputTokens }) => aboveInputTokens),
  )
}
