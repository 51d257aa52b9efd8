// How long a provider asks to be left alone. It says so in one of several headers, Google in the body; the most explicit
// one that makes sense counts. What makes none (no number, negative, more than 30 days) is passed over as if it were not
// there. Nothing is capped here: how long is worth waiting is for the caller to say, and so is whether the answer's status
// lets it count at all (Anthropic sends `retry-after` with 200, too).
import { parseJson } from '../stream/json-from-end.ts'
import { members } from '../stream/usage.ts'

const WAIT_MAX_MS = 30 * 24 * 3600 * 1000
const DURATION_UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/**
 * Milliseconds to wait, 0 or more; undefined when the answer does not say. `rawHeaders` are name, value, …; `body` may be
 * anything; `nowMs` is the time since the epoch, to which dates are compared. In this order: `retry-after-ms`, `retry-after`
 * (RFC 9110 §10.2.3, fractions as well), google.rpc.RetryInfo in the body, then the reset of whichever limit is used up:
 * `x-ratelimit-*` (OpenAI and who follows it), `anthropic-ratelimit-*`.
 */
export function retryAfterMs(rawHeaders: readonly string[], body: Buffer, nowMs: number): number | undefined {
  const headers = limitHeaders(rawHeaders)
  return (
    sane(decimal(headers.get('retry-after-ms'))) ??
    sane(seconds(headers.get('retry-after'))) ??
    sane(untilDate(headers.get('retry-after'), nowMs)) ??
    sane(retryInfoMs(body)) ??
    latestReset(headers, nowMs)
  )
}

/** Lower-case names; of a name that comes twice, the first. */
function limitHeaders(rawHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    if (/^retry-after|-ratelimit-/.test(name) && !headers.has(name))
      headers.set(name, (rawHeaders[i + 1] as string).trim())
  }
  return headers
}

function sane(ms: number | undefined): number | undefined {
  return ms !== undefined && ms >= 0 && ms <= WAIT_MAX_MS ? ms : undefined
}

function decimal(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(?:\.\d*)?$/.test(text) ? Number(text) : undefined
}

function seconds(text: string | undefined): number | undefined {
  const number = decimal(text)
  return number === undefined ? undefined : number * 1000
}

// RFC 9110 §5.6.7: the preferred form and two obsolete ones that a recipient has to know.
const HTTP_DATES = [
  /^[a-z]{3}, (?<day>\d\d) (?<month>[a-z]{3}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) gmt$/i,
  /^[a-z]{6,9}, (?<day>\d\d)-(?<month>[a-z]{3})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) gmt$/i,
  /^[a-z]{3} (?<month>[a-z]{3}) (?<day>[ \d]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/i,
]

function untilDate(text: string | undefined, nowMs: number): number | undefined {
  for (const form of HTTP_DATES) {
    const groups = form.exec(text ?? '')?.groups
    if (groups === undefined) continue
    const { day = '', month = '', year = '', time = '' } = groups
    const [hour = 0, minute = 0, second = 0] = time.split(':').map(Number)
    const monthIndex = MONTHS.indexOf(month.toLowerCase())
    if (monthIndex < 0) return undefined
    const at = (fullYear: number) => Date.UTC(fullYear, monthIndex, Number(day), hour, minute, second)
    return Math.max(0, (year.length === 4 ? at(Number(year)) : at(nearestYear(Number(year), nowMs))) - nowMs)
  }
  return undefined
}

/** RFC 9110 §5.6.7: two digits that seem to lie more than 50 years ahead are of the century before. */
function nearestYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + twoDigits
  return year > thisYear + 50 ? year - 100 : year
}

/** `{"@type": "…/google.rpc.RetryInfo", "retryDelay": "34.4s"}` among the error's details. */
function retryInfoMs(body: Buffer): number | undefined {
  if (!body.includes('google.rpc.RetryInfo')) return undefined
  const document = parseJson(body.toString('utf8').trimStart())
  const { error } = members(Array.isArray(document) ? document[0] : document)
  const { details } = members(error)
  const found = Array.isArray(details) ? details.map(members).find(isRetryInfo) : undefined
  return typeof found?.retryDelay === 'string' ? durationMs(found.retryDelay) : undefined
}

function isRetryInfo(detail: Record<string, unknown>): boolean {
  return String(detail['@type']).endsWith('google.rpc.RetryInfo')
}

/** When the last of the limits that are used up is there again; limits with something left say nothing about the refusal. */
function latestReset(headers: ReadonlyMap<string, string>, nowMs: number): number | undefined {
  const resets = [...headers]
    .filter(([, remaining]) => decimal(remaining) === 0)
    .map(([name]) => sane(resetMs(name, headers, nowMs)))
    .filter((ms) => ms !== undefined)
  return resets.length === 0 ? undefined : Math.max(...resets)
}

function resetMs(remainingName: string, headers: ReadonlyMap<string, string>, nowMs: number): number | undefined {
  const [, kind] = /^x-ratelimit-remaining-(.+)$/.exec(remainingName) ?? []
  if (kind !== undefined) {
    const reset = headers.get(`x-ratelimit-reset-${kind}`)
    // Azure's bare numbers are milliseconds: it reports 500 where 1 of 120 requests per renewal period of 60 s is used up, and
    // 7 where 14 of 120000 tokens are. Without a renewal period, a bare number is seconds.
    const bareUnitMs = headers.has(`x-ratelimit-renewalperiod-${kind}`) ? 1 : 1000
    const bare = decimal(reset)
    return bare === undefined ? durationMs(reset) : bare * bareUnitMs
  }
  const [, anthropicKind] = /^anthropic-ratelimit-(.+)-remaining$/.exec(remainingName) ?? []
  return anthropicKind === undefined
    ? undefined
    : untilTimestamp(headers.get(`anthropic-ratelimit-${anthropicKind}-reset`), nowMs)
}

/** `120ms`, `1m51.595s`, `14m24s`. */
function durationMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/.test(text)) return undefined
  let ms = 0
  for (const [, number, unit = ''] of text.matchAll(/([\d.]+)([a-z]+)/g))
    ms += Number(number) * (DURATION_UNIT_MS[unit] ?? 0)
  return ms
}

/** RFC 3339. */
function untilTimestamp(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined || !/^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/i.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs)
}
