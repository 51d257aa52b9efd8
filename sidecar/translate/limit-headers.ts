// What remains of a limit, in the headers that clients of each dialect read: openai's `x-ratelimit-*`, whose reset is a span like
// `1m3.5s`, anthropic's `anthropic-ratelimit-*`, whose reset is a time. Google's clients read none. Only on refusals of our own: on an
// answer they are the provider's.
import type { LimitedQuantity } from '../../contract/limit-config.ts'
import type { Dialect } from '../../contract/sidecar-config.ts'
import type { Refusal } from '../errors.ts'

/** Quantities that the dialects have a name for. */
const OPENAI_NAMES: Partial<Record<LimitedQuantity, string>> = {
  Requests: 'requests',
  Tokens: 'tokens',
  InputTokens: 'tokens',
  OutputTokens: 'tokens',
}
const ANTHROPIC_NAMES: Partial<Record<LimitedQuantity, string>> = {
  Requests: 'requests',
  Tokens: 'tokens',
  InputTokens: 'input-tokens',
  OutputTokens: 'output-tokens',
}

/** Names and values in turn; none for what is no limit's refusal. */
export function limitHeaders(dialect: Dialect, { limit: notice, retryAfterMs }: Refusal): string[] {
  if (notice === undefined) return []
  const { what, limit, remaining, resetAtMs } = notice
  const values = { limit: String(limit), remaining: String(remaining) }
  if (dialect === 'OpenAI') {
    const reset = resetAtMs === undefined || retryAfterMs === undefined ? undefined : spanText(retryAfterMs)
    return named(OPENAI_NAMES[what], { ...values, reset }, (name, value) => `x-ratelimit-${value}-${name}`)
  }
  if (dialect === 'Anthropic') {
    const reset = resetAtMs === undefined ? undefined : timeText(resetAtMs)
    return named(ANTHROPIC_NAMES[what], { ...values, reset }, (name, value) => `anthropic-ratelimit-${name}-${value}`)
  }
  return []
}

function named(
  name: string | undefined,
  values: Record<string, string | undefined>,
  header: (name: string, value: string) => string,
): string[] {
  if (name === undefined) return []
  return Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [header(name, key), value]))
}

/** As OpenAI writes spans: `0s`, `120ms`, `12.967s`, `14m24s`, `2h0m5s`. */
function spanText(ms: number): string {
  const rounded = Math.ceil(ms)
  if (rounded > 0 && rounded < 1000) return `${rounded}ms`
  const hours = Math.floor(rounded / 3_600_000)
  const minutes = Math.floor(rounded / 60_000) % 60
  const seconds = `${(rounded % 60_000) / 1000}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

/** RFC 3339 in whole seconds, rounded up, as Anthropic writes it. */
function timeText(ms: number): string {
  return new Date(Math.ceil(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z')
}
