// `--since`: a day, or so many days up to today. Days are those of UTC, as the sidecars count them.

export type Since =
  /** `YYYY-MM-DD`. */
  { type: 'Date'; day: string } | /** The last one is today. */ { type: 'Days'; days: number }

const DAY_MS = 24 * 3_600_000

/** Undefined for ''. Throws an Error that says what was expected. */
export function parseSince(text: string): Since | undefined {
  if (text === '') return undefined
  const days = /^([1-9]\d{0,3})d$/.exec(text)?.[1]
  if (days !== undefined) return { type: 'Days', days: Number(days) }
  if (isDay(text)) return { type: 'Date', day: text }
  throw new Error(`expected a date such as 2026-11-21, or days such as 7d, not "${text}"`)
}

function isDay(text: string): boolean {
  const [, year, month, day] = (/^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []).map(Number)
  if (year === undefined || month === undefined || day === undefined || month < 1 || month > 12) return false
  const daysOfMonth = (Date.UTC(year, month, 1) - Date.UTC(year, month - 1, 1)) / DAY_MS
  return day >= 1 && day <= daysOfMonth
}
