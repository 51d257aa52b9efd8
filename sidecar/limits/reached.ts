// What a caller is told when a limit or a budget leaves no room: which one it is, how much it allows, and when it would fit.
import { Refusal } from '../errors.ts'
import { SDK_WAIT_MAX_MS } from '../request/retry.ts'
import type { Reached } from './grant.ts'
import type { CountedRow, RowOwner, Span } from './limit-row.ts'

/** For what time alone does not mend: an open request must end, or a share come. Both take about so long. */
const SOON_MS = 1000

const UNITS: Readonly<Record<CountedRow['what'], string>> = {
  Requests: 'requests',
  Tokens: 'tokens',
  InputTokens: 'input tokens',
  OutputTokens: 'output tokens',
  Cost: 'USD',
  Concurrency: 'open requests',
}

/** `wallClockMs`: since the epoch. */
export function reachedRefusal({ row, shortage, capacity }: Reached, wallClockMs: number): Refusal {
  if (shortage.kind === 'Unavailable') {
    return new Refusal('limits_unavailable', describe(row), { retryAfterMs: shortage.retryAfterMs })
  }
  const never = shortage.kind === 'TooLarge'
  const retryAfterMs = never ? undefined : shortage.retryAfterMs === 0 ? SOON_MS : shortage.retryAfterMs
  const resetAtMs = retryAfterMs === undefined ? undefined : wallClockMs + retryAfterMs
  const tryAgain = retryAfterMs === undefined || retryAfterMs > SDK_WAIT_MAX_MS ? 'never' : 'later'
  const limit = { what: row.what, limit: row.limit, remaining: Math.floor(shortage.remaining), resetAtMs }
  const detail = [describe(row), share(row, capacity), never ? 'This request alone is larger.' : '']
  const code = row.kind === 'Budget' ? 'budget_exhausted' : 'limit_reached'
  return new Refusal(code, detail.filter((part) => part !== '').join(' '), { retryAfterMs, limit, tryAgain })
}

function describe({ kind, name, owner, what, limit, span }: CountedRow): string {
  return `${kind} "${name}" of ${ownerText(owner)}: ${amountText(what, limit)}${spanText(span)}.`
}

function ownerText({ type, id }: RowOwner): string {
  return `${type.toLowerCase()} ${id}`
}

function share({ what, limit }: CountedRow, capacity: number): string {
  return capacity < limit ? `This pod's share of it is ${amountText(what, capacity)} now.` : ''
}

function amountText(what: CountedRow['what'], amount: number): string {
  return what === 'Cost' ? `${usdText(amount)} USD` : `${amount} ${UNITS[what]}`
}

/** At most six decimals, which is what resources can say. */
function usdText(picoUsd: number): string {
  return (picoUsd / 1e12).toFixed(6).replace(/\.?0+$/, '')
}

function spanText(span: Span): string {
  if (span.type === 'Open') return ''
  return span.type === 'Window' ? ` in ${durationText(span.windowMs)}` : ` in the ${span.unit.toLowerCase()}`
}

const SPANS: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
  [1, 'ms'],
]

/** As resources write it: `1h30m`. */
function durationText(ms: number): string {
  let left = ms
  let text = ''
  for (const [size, unit] of SPANS) {
    const count = Math.floor(left / size)
    left -= count * size
    if (count > 0) text += `${count}${unit}`
  }
  return text
}
