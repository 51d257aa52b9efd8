// A flag and its environment variable as a row of a table: `--drain-timeout` is `OUTRIGGER_DRAIN_TIMEOUT`, a flag wins. Here
// are the form of such a row and the values that rows have in common; each process has its own table in its settings.ts.
import type { LogLevel } from './log.ts'

/** A value's text → the value. Throws an Error whose message says what was expected. */
export interface Flag<Value> {
  /** Placeholder in the help text. */
  value: string
  help: string
  /** One letter: `o` for `-o`. */
  short?: string
  /**
   * `Switch`: stands alone, which is the text `true`. `List`: may be given several times, which is the same as once with commas. Absent:
   * the last one counts.
   */
  form?: 'Switch' | 'List'
  /** Used when neither flag nor variable is given; goes through `parse`. */
  default: string
  parse(text: string): Value
}

export type FlagTable = Readonly<Record<string, Flag<unknown>>>
export type SettingsOf<Table extends FlagTable> = { readonly [Name in keyof Table]: ReturnType<Table[Name]['parse']> }

export interface Address {
  host: string
  port: number
}

/** `8787`, `:8787`, `127.0.0.1:8787`, `[::1]:8787`, `localhost:0`. A port alone means loopback. */
export function parseAddress(text: string): Address {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65535) throw new Error(`expected HOST:PORT such as 127.0.0.1:8787, not "${text}"`)
  return { host: match[1] || match[2] || '127.0.0.1', port }
}

export function parseList(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Timers fire at once beyond 2^31 ms, so there must be a bound. */
const DURATION_MAX_MS = 24 * 3_600_000

/** `1m30s`, `500ms` → milliseconds, a day at most. */
export function parseDuration(text: string): number {
  if (!/^(\d+(ms|s|m|h))+$/.test(text)) throw new Error(`expected a duration such as 30s or 1m30s, not "${text}"`)
  let ms = 0
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h)/g)) ms += Number(count) * (UNITS_MS[unit as string] ?? 0)
  if (ms > DURATION_MAX_MS) throw new Error(`expected at most 24h, not "${text}"`)
  return ms
}

/** Limits on arrival are checked once a second; 0 would mean no limit in one place and no time at all in another. */
const ARRIVAL_TIME_MIN_MS = 1000

export function parseArrivalTime(text: string): number {
  const ms = parseDuration(text)
  if (ms < ARRIVAL_TIME_MIN_MS) throw new Error(`expected at least 1s, not "${text}"`)
  return ms
}

const UNITS_BYTES: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** `64MiB`, `32KiB`, `1000` → bytes. */
export function parseBytes(text: string): number {
  const match = /^(\d+)(KiB|MiB|GiB)?$/.exec(text)
  if (match === null) throw new Error(`expected a size such as 64MiB, not "${text}"`)
  return Number(match[1]) * (UNITS_BYTES[match[2] ?? ''] ?? 1)
}

/** `app=shop,tier=web` → labels. */
export function parseLabels(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    parseList(text).map((item) => {
      const at = item.indexOf('=')
      if (at < 1) throw new Error(`expected KEY=VALUE,…, not "${item}"`)
      return [item.slice(0, at), item.slice(at + 1)]
    }),
  )
}

export function parseLogLevel(text: string): LogLevel {
  return parseChoice(text, ['error', 'warn', 'info', 'debug'])
}

export function parseChoice<Choice extends string>(text: string, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === text)
  if (found === undefined) throw new Error(`expected one of ${choices.join(', ')}, not "${text}"`)
  return found
}
