import type { Flaw } from '../api/problem.ts'

const UNIT_MS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

const DURATION_MAX_MS = 24 * 3_600_000

/** Milliseconds of a duration like `1m30s` or `500ms`, in the grammar of the CRDs; undefined unless above 0 and at most 24h. */
export function durationMs(text: string): number | undefined {
  if (!/^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(text)) return undefined
  const parts = text.matchAll(/([0-9]+)(ms|h|m|s)/g)
  const total = parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0)
  return total > 0 && total <= DURATION_MAX_MS ? total : undefined
}

/** Milliseconds; 0 after adding to `flaws`, which keeps the result from being used. */
export function compileDuration(text: string, field: string, flaws: Flaw[]): number {
  const ms = durationMs(text)
  if (ms !== undefined) return ms
  const message = `"${text}" is not a duration above 0 and at most 24h; write one like 500ms, 30s or 1m30s`
  flaws.push({ field, reason: 'InvalidField', message })
  return 0
}
