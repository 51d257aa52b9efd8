// What a caller is told when a limit or a budget leaves no room: which one it is, how much it allows, and when it would fit.
import { Refusal } from '../errors.ts'
import { SDK_WAIT_MAX_MS } from '../request/retry.ts'
import type { Reached } from './grant.ts'
import type { CountedRow } from './limit-row.ts'

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
  const detail = [describe(row), share(row, capacity), whyNoRoom(row, shortage)]
  const code = row.kind === 'Budget' ? 'budget_exhausted' : 'limit_reached'
  return new Refusal(code, detail.filter((part) => part !== '').join(' '), { retryAfterMs, limit, tryAgain })
}

function whyNoRoom({ what }: CountedRow, { kind, remaining }: Reached['shortage']): string {
  if (kind === 'TooLarge') return 'This request alone is larger.'
  if (remaining < 1) return ''
  const left = `${amountText(what, Math.floor(remaining))} are left, and this request is expected to use more.`
  return what === 'Requests' || what === 'InputTokens' ? left : `${left} A smaller bound on its answer may fit.`
}

function describe(row: CountedRow): string {
  return `${rowName(row)}: ${allowedText(row)}.`
}

/** `600 requests in 1m`, `500 USD in the month`. */
export function allowedText(row: CountedRow): string {
  return `${amountText(row.what, row.limit)}${spanText(row)}`
}

/** As callers are told of it: `Budget "month" of rule shop/chat/fast`. */
export function rowName({ kind, name, owner: { type, id } }: CountedRow): string {
  return `${kind} "${name}" of ${type.toLowerCase()} ${id}`
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

function spanText({ span, what }: CountedRow): string {
  if (span.type === 'Open') return ''
  if (span.type === 'Calendar') return ` in the ${span.unit.toLowerCase()}`
  const { windowMs, burst } = span
  const atOnce = burst === undefined ? '' : `, at most ${amountText(what, burst)} at once`
  return ` in ${durationText(windowMs)}${atOnce}`
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
