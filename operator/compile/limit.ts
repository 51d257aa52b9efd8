// Limits and budgets as a user wrote them → rows of the document, with their ids, whose requests they count together, and integers.
//
// A row that cannot be read is left out and is a flaw, and a flaw takes out what the row belongs to: a rule whose limit is not kept
// would let through what its owner wanted to hold. Clamping such a row to something that can be read was rejected for that reason.

import type { BudgetConfig, LimitConfig, LimitKeyConfig, PeriodConfig } from '../../contract/limit-config.ts'
import { type RowOwner, scopeOf } from '../../contract/limit-identity.ts'
import { isTimeZone } from '../../contract/time-zone.ts'
import type { LLMRouteBudget, LLMRouteLimit } from '../api/llm-route.ts'
import type { Flaw } from '../api/problem.ts'
import { inOrder } from '../resolve/order.ts'
import { compileWindow } from './duration.ts'
import { picoUsd } from './money.ts'

/** As many as a count of tokens, requests or seconds in a month will ever need, and an integer in every language. */
const COUNT_MAX = 1_000_000_000_000

/** `field` is the path of the list; a limit of a provider has the same fields. What cannot be read is added to `flaws`. */
export function compileLimits(
  limits: LLMRouteLimit[] | undefined,
  owner: RowOwner,
  field: string,
  flaws: Flaw[],
): LimitConfig[] {
  return readable(limits, field, flaws, (limit, at, own) => {
    const { what, burst } = limit
    const config = { ...compileCount(limit, owner, at, own), what, limit: compileAmount(limit, 'limit', at, own) }
    return {
      ...config,
      ...compileSpan(limit, at, own),
      ...(burst !== undefined && { burst: compileBurst(limit, config.limit, at, own) }),
    }
  })
}

/** `field` is the path of the list. What cannot be read is added to `flaws`. */
export function compileBudgets(
  budgets: LLMRouteBudget[] | undefined,
  owner: RowOwner,
  field: string,
  flaws: Flaw[],
): BudgetConfig[] {
  return readable(budgets, field, flaws, (budget, at, own) => ({
    ...compileCount(budget, owner, at, own),
    amountPicoUsd: compileMoney(budget.amount, `${at}.amount`, own),
    period: compilePeriod(budget, at, own),
    warnAtPercent: budget.warnAtPercent.toSorted((a, b) => a - b),
    onExhausted: budget.onExhausted,
  }))
}

function readable<Given, Config>(
  rows: readonly Given[] = [],
  field: string,
  flaws: Flaw[],
  compileRow: (row: Given, at: string, own: Flaw[]) => Config,
): Config[] {
  return rows.flatMap((row, index) => {
    const own: Flaw[] = []
    const config = compileRow(row, `${field}[${index}]`, own)
    flaws.push(...own)
    return own.length === 0 ? [config] : []
  })
}

type CountConfig = Pick<LimitConfig, 'id' | 'name' | 'scope' | 'per' | 'keysMax' | 'mode'>

function compileCount(
  { name, per, maxKeys, mode }: LLMRouteLimit | LLMRouteBudget,
  { ids, widest }: RowOwner,
  at: string,
  flaws: Flaw[],
): CountConfig {
  const keys = compileKeys(per, `${at}.per`, flaws)
  return { id: ids + name, name, scope: scopeOf(keys, widest), per: keys, keysMax: maxKeys, mode }
}

const HEADER = /^Header:([A-Za-z0-9!#$%&'*+.^_`|~-]{1,128})$/

/** Sorted by type, then name; headers that differ in case only are one. */
function compileKeys(per: readonly string[] = [], field: string, flaws: Flaw[]): LimitKeyConfig[] {
  const keys = new Map(
    per.flatMap((text, index) => {
      const key = keyOf(text)
      if (key !== undefined) return [[key.type === 'Header' ? `Header:${key.name}` : key.type, key] as const]
      const message = `"${text}" is nothing to count by; write Pod, Workload, Namespace, Provider, Model or Header:<name>, like Header:x-user`
      flaws.push({ field: `${field}[${index}]`, reason: 'InvalidField', message })
      return []
    }),
  )
  return [...keys].sort(([a], [b]) => inOrder(a, b)).map(([, key]) => key)
}

function keyOf(text: string): LimitKeyConfig | undefined {
  switch (text) {
    case 'Pod':
    case 'Workload':
    case 'Namespace':
    case 'Provider':
    case 'Model':
      return { type: text }
    default: {
      const name = HEADER.exec(text)?.[1]
      return name === undefined ? undefined : { type: 'Header', name: name.toLowerCase() }
    }
  }
}

function compileAmount(limit: LLMRouteLimit, name: 'limit' | 'burst', at: string, flaws: Flaw[]): number {
  const { what, [name]: value = '' } = limit
  if (what === 'Cost') return compileMoney(value, `${at}.${name}`, flaws)
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= COUNT_MAX) return value
  const message = `${JSON.stringify(value)} is not a whole number from 1 to ${COUNT_MAX}; write one like 600, without quotes`
  flaws.push({ field: `${at}.${name}`, reason: 'InvalidField', message })
  return 0
}

function compileMoney(value: number | string, field: string, flaws: Flaw[]): number {
  const amount = typeof value === 'string' ? picoUsd(value) : undefined
  if (amount !== undefined) return amount
  const message = `${JSON.stringify(value)} is not USD above 0 and below 1000000000 with at most 6 decimals; write it in quotes, like "2.50"`
  flaws.push({ field, reason: 'InvalidField', message })
  return 0
}

function compileBurst(limit: LLMRouteLimit, most: number, at: string, flaws: Flaw[]): number {
  const burst = compileAmount(limit, 'burst', at, flaws)
  if (limit.what === 'Concurrency') {
    flaws.push({ field: `${at}.burst`, reason: 'InvalidField', message: 'Concurrency has no burst; leave it out' })
  } else if (most > 0 && burst > most) {
    const message = `burst is ${limit.burst} and limit ${limit.limit}; make burst at most limit`
    flaws.push({ field: `${at}.burst`, reason: 'InvalidField', message })
  }
  return burst
}

function compileSpan({ what, window }: LLMRouteLimit, at: string, flaws: Flaw[]): { windowMs?: number } {
  if (what !== 'Concurrency') return { windowMs: compileWindow(window ?? '', `${at}.window`, flaws) }
  if (window !== undefined) {
    const message = 'Concurrency counts what is open and has no window; leave it out'
    flaws.push({ field: `${at}.window`, reason: 'InvalidField', message })
  }
  return {}
}

function compilePeriod({ window, timeZone }: LLMRouteBudget, at: string, flaws: Flaw[]): PeriodConfig {
  switch (window) {
    case 'Hour':
    case 'Day':
    case 'Week':
    case 'Month':
      return { type: 'Calendar', unit: window, timeZone: compileTimeZone(timeZone ?? 'UTC', `${at}.timeZone`, flaws) }
    default:
      if (timeZone !== undefined) {
        const message = `a window that slides has no time zone; leave it out, or make window Hour, Day, Week or Month`
        flaws.push({ field: `${at}.timeZone`, reason: 'InvalidField', message })
      }
      return { type: 'Rolling', windowMs: compileWindow(window, `${at}.window`, flaws) }
  }
}

function compileTimeZone(name: string, field: string, flaws: Flaw[]): string {
  if (!isTimeZone(name)) {
    const message = `"${name}" is no time zone that is known here; write a name of the IANA database, like Europe/Berlin`
    flaws.push({ field, reason: 'InvalidField', message })
  }
  return name
}
