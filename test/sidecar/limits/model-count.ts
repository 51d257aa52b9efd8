// One count the naive way: a list of everything that was ever taken, looked through from the beginning each time. It knows the
// spans of `budgetRow` and `limitRow` as the property test draws them: calendar hours are India's, half an hour off UTC's.
import type { CountedRow } from '../../../sidecar/limits/limit-row.ts'

const HOUR_MS = 3_600_000
const INDIA_MS = 5.5 * HOUR_MS

/** Something that was taken, or that a late settlement added. */
export interface Entry {
  readonly atMs: number
  readonly hour: number
  amount: number
  phase: 'Open' | 'Settled'
}

export interface ModelShortage {
  kind: 'Reached' | 'TooLarge'
  retryAfterMs: number
}

export class ModelCount {
  row: CountedRow
  readonly #entries: Entry[] = []
  #capacity: number
  #nowMs = 0
  #wallMs = 0
  /** The latest hour that was ever seen: a clock that goes back opens no hour again. */
  #hour = Number.NEGATIVE_INFINITY
  /** Of the bucket of tokens. */
  #level: number

  constructor(row: CountedRow, capacity: number) {
    this.row = row
    this.#capacity = capacity
    this.#level = this.#size
  }

  look(nowMs: number, wallMs: number): void {
    this.#level = Math.min(this.#size, this.#level + (nowMs - this.#nowMs) * this.#refillPerMs)
    this.#nowMs = nowMs
    this.#wallMs = wallMs
    this.#hour = Math.max(this.#hour, Math.floor((wallMs + INDIA_MS) / HOUR_MS))
  }

  get used(): number {
    return sum(this.#entries.filter((entry) => this.#isCounted(entry)))
  }

  get left(): number {
    return this.#capacity - this.used
  }

  get isOpen(): boolean {
    return this.#entries.some(({ phase }) => phase === 'Open')
  }

  /** Within exactly one window before now, whatever the buckets: what must never be more than the limit. */
  get usedInWindow(): number {
    const { span } = this.row
    if (span.type !== 'Window') return this.used
    return sum(this.#entries.filter(({ atMs }) => atMs > this.#nowMs - span.windowMs))
  }

  get isIdle(): boolean {
    return this.used === 0 && this.#level === this.#size && this.#entries.every(({ phase }) => phase === 'Settled')
  }

  get capacity(): number {
    return this.#capacity
  }

  shortage(amount: number): ModelShortage | undefined {
    if (amount === 0) return undefined
    if (amount > this.row.limit) return { kind: 'TooLarge', retryAfterMs: Number.POSITIVE_INFINITY }
    if (amount > this.#capacity) return { kind: 'Reached', retryAfterMs: 0 }
    const missing = Math.min(amount, this.#size) - this.#level
    const hasRoom = this.used + amount <= this.#capacity
    if (hasRoom && missing <= 0) return undefined
    const roomMs = hasRoom ? 0 : this.#roomAfterMs(amount)
    return { kind: 'Reached', retryAfterMs: Math.max(roomMs, missing > 0 ? missing / this.#refillPerMs : 0) }
  }

  take(amount: number, phase: Entry['phase'] = 'Open'): Entry {
    const entry: Entry = { atMs: this.#nowMs, hour: this.#hour, amount, phase }
    this.#entries.push(entry)
    this.#level -= amount
    return entry
  }

  settle(entry: Entry, actual: number): void {
    entry.phase = 'Settled'
    const more = actual - entry.amount
    if (this.#isCounted(entry)) {
      entry.amount = actual
      this.#level = Math.min(this.#size, this.#level - more)
    } else if (more > 0) this.take(more, 'Settled')
  }

  configure(row: CountedRow, capacity: number): void {
    const sizeBefore = this.#size
    this.row = row
    this.#capacity = capacity
    this.#level = Number.isFinite(sizeBefore) ? this.#level + this.#size - sizeBefore : this.#size
  }

  /** Infinity without a burst: then nothing is ever missing. */
  get #size(): number {
    const { span, limit } = this.row
    const burst = span.type === 'Window' ? span.burst : undefined
    return burst === undefined ? Number.POSITIVE_INFINITY : (burst * this.#capacity) / limit
  }

  get #refillPerMs(): number {
    return this.row.span.type === 'Window' ? this.#capacity / this.row.span.windowMs : 0
  }

  #isCounted(entry: Entry): boolean {
    if (this.row.span.type === 'Window') return this.#leavesAtMs(entry) > this.#nowMs
    return this.row.span.type === 'Calendar' ? entry.hour === this.#hour : true
  }

  /** When the bucket that it fell into is older than the window. */
  #leavesAtMs({ atMs }: Entry): number {
    if (this.row.span.type !== 'Window') return Number.POSITIVE_INFINITY
    const bucketMs = this.row.span.windowMs / 128
    return Math.floor(atMs / bucketMs) * bucketMs + this.row.span.windowMs + bucketMs
  }

  #roomAfterMs(amount: number): number {
    if (this.row.span.type === 'Open') return 0
    if (this.row.span.type === 'Calendar') return (this.#hour + 1) * HOUR_MS - INDIA_MS - this.#wallMs
    const leaving = [...new Set(this.#entries.map((entry) => this.#leavesAtMs(entry)))].sort((a, b) => a - b)
    const stays = (atMs: number) => sum(this.#entries.filter((entry) => this.#leavesAtMs(entry) > atMs))
    const atMs = leaving.find((moment) => moment > this.#nowMs && stays(moment) + amount <= this.#capacity)
    return (atMs ?? Number.NaN) - this.#nowMs
  }
}

function sum(entries: readonly Entry[]): number {
  return entries.reduce((total, { amount }) => total + amount, 0)
}
