import type { Flaw } from '../api/problem.ts'

const UNIT_MS: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

const DURATION_MAX_MS = 24 * 3_600_000

/** Milliseconds of a duration like `1m30s` or `500ms`, in the grammar of the CRDs; undefined unless above 0 and at most 24h. */
export function durationMs(text: string): number | undefined {
  if (!/^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(text)) return undefined
  const total = sumMs(text)
  return total > 0 && total <= DURATION_MAX_MS ? total : undefined
}

function sumMs(text: string): number {
  const parts = text.matchAll(/([0-9]+)(ms|d|h|m|s)/g)
  return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0)
}

/** Milliseconds; 0 after adding to `flaws`, which keeps the result from being used. */
export function compileDuration(text: string, field: string, flaws: Flaw[]): number {
  const ms = durationMs(text)
  if (ms !== undefined) return ms
  const message = `"${text}" is not a duration above 0 and at most 24h; write one like 500ms, 30s or 1m30s`
  flaws.push({ field, reason: 'InvalidField', message })
  return 0
}

const WINDOW_MIN_MS = 10_000
const WINDOW_MAX_MS = 30 * 86_400_000

// Beside days the other units stay below the next larger one: a rule in CEL, which knows no days, can then tell by the text alone
// that the span is at most 30 days.
const WITH_DAYS = /^(30d|([1-9]|[12][0-9])d(([1-9]|1[0-9]|2[0-3])h)?(([1-9]|[1-5][0-9])m)?(([1-9]|[1-5][0-9])s)?)$/
const WITHOUT_DAYS = /^([0-9]{1,5}h|[0-9]{1,5}m|[0-9]{1,7}s){1,3}$/

/** Milliseconds of the window of a limit or budget, like `90s`, `24h` or `1d12h`, in the grammar of the CRDs; undefined unless 10s to 30d. */
export function windowMs(text: string): number | undefined {
  if (!WITH_DAYS.test(text) && !WITHOUT_DAYS.test(text)) return undefined
  const total = sumMs(text)
  return total >= WINDOW_MIN_MS && total <= WINDOW_MAX_MS ? total : undefined
}

/** Milliseconds; 0 after adding to `flaws`, which keeps the result from being used. */
export function compileWindow(text: string, field: string, flaws: Flaw[]): number {
  const ms = windowMs(text)
  if (ms !== undefined) return ms
  const message = `"${text}" is not a span from 10s to 30d; write one like 30s, 1m30s, 24h, 7d or 1d12h`
  flaws.push({ field, reason: 'InvalidField', message })
  return 0
}
