// One limit or budget of the document, compiled: what is counted, over which span, for whom, and what happens when it is reached. A
// budget is a row that counts money over a period, so nothing behind this file tells limits and budgets apart.
import type {
  BudgetConfig,
  LimitConfig,
  LimitedQuantity,
  LimitKeyConfig,
  LimitMode,
  LimitScope,
  PeriodConfig,
} from '../../contract/limit-config.ts'
import { compileKey, type KeyOf } from './row-key.ts'

/** `Open`: what is under way now, for `Concurrency`. */
export type Span =
  | { readonly type: 'Window'; readonly windowMs: number; readonly burst?: number }
  | Extract<PeriodConfig, { type: 'Calendar' }>
  | { readonly type: 'Open' }

export interface RowOwner {
  readonly type: 'Route' | 'Rule' | 'Provider'
  readonly id: string
}

export interface CountedRow {
  /** Of the document: `route:shop/chat/fast/rpm`. */
  readonly id: string
  readonly name: string
  readonly kind: 'Limit' | 'Budget'
  readonly owner: RowOwner
  readonly what: LimitedQuantity
  /** Requests, tokens, pico-USD, open requests; at least 1. */
  readonly limit: number
  readonly span: Span
  readonly scope: LimitScope
  readonly per: readonly LimitKeyConfig[]
  readonly keysMax: number
  readonly mode: LimitMode
  /** Ascending; none for limits. */
  readonly warnAtPercent: readonly number[]
  /** `Fallback` never refuses; whoever plans the attempts asks `Limits.exhausted`. */
  readonly onExhausted: 'Reject' | 'Fallback'
  /** Undefined: one count in this process. */
  readonly keyOf: KeyOf | undefined
  /** Equal for rows that go on with each other's counts: the same id, what is counted, span and keys. The limit may differ. */
  readonly identity: string
}

export function createLimitRow(config: LimitConfig, owner: RowOwner): CountedRow {
  const { what, limit } = config
  const row = { ...common(config, owner), kind: 'Limit', what, limit, span: spanOf(config) } as const
  return withIdentity({ ...row, warnAtPercent: [], onExhausted: 'Reject' })
}

export function createBudgetRow(config: BudgetConfig, owner: RowOwner): CountedRow {
  const { amountPicoUsd: limit, period, warnAtPercent, onExhausted } = config
  const span: Span = period.type === 'Rolling' ? { type: 'Window', windowMs: period.windowMs } : period
  const row = { ...common(config, owner), kind: 'Budget', what: 'Cost', limit, span } as const
  return withIdentity({ ...row, warnAtPercent, onExhausted })
}

/**
 * Taken once per request, before its first attempt: what can be known then and is the same for all attempts. All other rows of route
 * and rule, and all rows of a provider, are taken per attempt.
 */
export function isPerRequest({ owner, what, per }: CountedRow): boolean {
  if (owner.type === 'Provider' || (what !== 'Requests' && what !== 'Concurrency')) return false
  return per.every(({ type }) => type !== 'Provider' && type !== 'Model')
}

/** Whether a shortage refuses. If not, the row is only counted. */
export function isRefusing({ mode, onExhausted }: CountedRow): boolean {
  return mode === 'Enforce' && onExhausted === 'Reject'
}

function common(config: LimitConfig | BudgetConfig, owner: RowOwner) {
  const { id, name, scope, per, keysMax, mode } = config
  return { id, name, owner, scope, per, keysMax, mode, keyOf: compileKey(per) }
}

function spanOf({ windowMs, burst }: LimitConfig): Span {
  if (windowMs === undefined) return { type: 'Open' }
  return burst === undefined ? { type: 'Window', windowMs } : { type: 'Window', windowMs, burst }
}

function withIdentity(row: Omit<CountedRow, 'identity'>): CountedRow {
  const { id, what, span, per } = row
  const counted = span.type === 'Window' ? { type: span.type, windowMs: span.windowMs } : span
  return { ...row, identity: JSON.stringify([id, what, counted, per]) }
}
