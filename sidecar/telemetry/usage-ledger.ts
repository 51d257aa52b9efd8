// What was used, by day, route, rule, provider and model: the sidecar's own account, behind `GET /usage`.
//
// In: records of ended requests, once each. Out: rows, for whoever asks. It is bounded: so many days, so many rows. When rows are short,
// the oldest day that is over is summed up in one row that says so, and when there is none, what is new today is; so totals stay
// right, whatever happens to detail. Money is exact: whole dollars and pico-dollars apart, since a day may cost more than the 9,007
// USD up to which one number is. It writes nothing, keeps no record, and takes no name from a client.
//
// Counting raises plain fields of a row, which is found through maps in maps: no key is made, nothing is allocated. Rejected: reading it
// off the metrics, which know no days; and a file, since a pod has no place that outlives it: history is what Prometheus is for.
import {
  NO_USAGE,
  REST,
  USAGE_COUNTS,
  type UsageCounts,
  type UsageNames,
  type UsageRow,
} from '../../contract/usage-report.ts'
import type { Usage } from '../stream/usage.ts'
import { wentWell } from './attempt-record.ts'
import { addCost, type Cost, costUsd, createCost } from './exact-cost.ts'
import type { RequestRecord } from './request-record.ts'
import { lacksUsage, noteUnpriced, type UnpricedCount } from './unpriced.ts'

export interface UsageLedgerOptions {
  /** Milliseconds since the epoch. */
  now: () => number
  /** Default 35: the longest month, and some to compare with. */
  daysMax?: number
  /** Besides the one row a day of what had no room. Default 2000. */
  rowsMax?: number
}

interface Entry extends UsageNames, UsageCounts, UnpricedCount {
  readonly cost: Cost
}

type ByModel = Map<string, Entry>
type ByProvider = Map<string, ByModel>
type ByRule = Map<string, ByProvider>

interface Day {
  readonly name: string
  routes: Map<string, ByRule>
  /** All but the rest. */
  entries: Entry[]
  rest: Entry | undefined
}

const DAY_MS = 24 * 3_600_000

export class UsageLedger {
  /** When counting began; milliseconds since the epoch. */
  readonly sinceMs: number
  readonly #now: () => number
  readonly #daysMax: number
  readonly #rowsMax: number
  /** By days since the epoch. */
  readonly #days = new Map<number, Day>()
  #today: Day = createDay(0)
  #todayNumber = Number.NaN
  /** Of all days. */
  #entryCount = 0
  #requestCount = 0

  constructor({ now, daysMax = 35, rowsMax = 2000 }: UsageLedgerOptions) {
    this.sinceMs = now()
    this.#now = now
    this.#daysMax = daysMax
    this.#rowsMax = rowsMax
  }

  /** Once for each request that ended. */
  add(record: RequestRecord): void {
    this.#turnTo(Math.floor(this.#now() / DAY_MS))
    const request = ++this.#requestCount
    const { route = '', rule = '', tries } = record
    const last = this.#entryOf(route, rule, record.provider, record.model)
    last.requests++
    if (record.fault === 'policy') last.refused++
    if (tries.length === 0) addUse(last, record, request)
    if (lacksUsage(record)) noteUnpriced(last, request)
    for (const one of tries) {
      if (one.outcome === 'Skipped') continue
      const here = one.provider === record.provider && one.model === record.model
      const entry = here ? last : this.#entryOf(route, rule, one.provider, one.model)
      entry.attempts++
      if (!wentWell(one)) entry.failedAttempts++
      addUse(entry, one, request)
    }
  }

  /** By day, then in the order of first use. */
  rows(): UsageRow[] {
    const inOrder = [...this.#days].sort(([a], [b]) => a - b).map(([, day]) => day)
    return inOrder.flatMap(({ entries, rest }) => [...entries, ...(rest === undefined ? [] : [rest])].map(rowOf))
  }

  #turnTo(dayNumber: number): void {
    if (dayNumber === this.#todayNumber) return
    this.#todayNumber = dayNumber
    this.#today = this.#days.get(dayNumber) ?? this.#begin(dayNumber)
  }

  #begin(dayNumber: number): Day {
    if (this.#days.size >= this.#daysMax) this.#forget(Math.min(...this.#days.keys()))
    const day = createDay(dayNumber)
    this.#days.set(dayNumber, day)
    return day
  }

  #forget(dayNumber: number): void {
    this.#entryCount -= this.#days.get(dayNumber)?.entries.length ?? 0
    this.#days.delete(dayNumber)
  }

  #entryOf(route: string, rule: string, provider: string, model: string): Entry {
    const { routes, name: day } = this.#today
    const known = routes.get(route)?.get(rule)?.get(provider)?.get(model)
    return known ?? this.#newEntry({ day, route, rule, provider, model })
  }

  #newEntry(names: UsageNames): Entry {
    const today = this.#today
    if (this.#entryCount >= this.#rowsMax && !this.#makeRoom()) {
      today.rest ??= createEntry(restOf(today.name))
      return today.rest
    }
    this.#entryCount++
    const entry = createEntry(names)
    today.entries.push(entry)
    const rules = memberOf(today.routes, names.route, newMap<string, ByProvider>)
    const providers = memberOf(rules, names.rule, newMap<string, ByModel>)
    memberOf(providers, names.provider, newMap<string, Entry>).set(names.model, entry)
    return entry
  }

  /** Sums up the oldest day with entries, unless that is today. False: there is none. */
  #makeRoom(): boolean {
    const filled = [...this.#days].filter(([, { entries }]) => entries.length > 0)
    const oldest = filled.sort(([a], [b]) => a - b)[0]?.[1]
    if (oldest === undefined || oldest === this.#today) return false
    this.#entryCount -= oldest.entries.length
    oldest.rest ??= createEntry(restOf(oldest.name))
    for (const entry of oldest.entries) addEntry(oldest.rest, entry)
    oldest.entries = []
    oldest.routes = new Map()
    return true
  }
}

/** What an attempt used, or a request that left no tries. */
interface Use {
  usage: Usage | undefined
  costPicoUsd: number | undefined
}

function addUse(entry: Entry, { usage, costPicoUsd }: Use, request: number): void {
  if (costPicoUsd !== undefined) addCost(entry.cost, costPicoUsd)
  if (usage === undefined) return
  if (costPicoUsd === undefined) noteUnpriced(entry, request)
  entry.inputTokens += usage.inputTokens
  entry.cachedInputTokens += usage.cachedInputTokens
  entry.cacheWriteTokens += usage.cacheWriteTokens
  entry.outputTokens += usage.outputTokens
  entry.reasoningTokens += usage.reasoningTokens
  if (usage.estimated === true) entry.estimatedTokens += usage.inputTokens + usage.outputTokens
}

function addEntry(sum: Entry, entry: Entry): void {
  for (const name of USAGE_COUNTS) sum[name] += entry[name]
  if (!entry.cost.known) return
  sum.cost.wholeUsd += entry.cost.wholeUsd
  addCost(sum.cost, entry.cost.picoUsd)
}

function createDay(number: number): Day {
  return { name: dayName(number), routes: new Map(), entries: [], rest: undefined }
}

/** `number`: days since the epoch. */
function dayName(number: number): string {
  return new Date(number * DAY_MS).toISOString().slice(0, 10)
}

function restOf(day: string): UsageNames {
  return { day, route: REST, rule: REST, provider: REST, model: REST }
}

function createEntry(names: UsageNames): Entry {
  return {
    ...names,
    ...NO_USAGE,
    cost: createCost(),
    unpricedRequest: 0,
  }
}

function rowOf({ cost, unpricedRequest: _, ...row }: Entry): UsageRow {
  return { ...row, costUsd: costUsd(cost) }
}

function newMap<Key, Value>(): Map<Key, Value> {
  return new Map()
}

function memberOf<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  const found = map.get(key)
  if (found !== undefined) return found
  const created = create()
  map.set(key, created)
  return created
}
