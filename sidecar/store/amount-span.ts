// How a row's time looks to the store: how wide buckets are, how long a lease may live, what key holds the count now. Pure.
import type { Calendar, Period } from '../../contract/calendar.ts'
import type { WallClock } from '../limits/calendar-counter.ts'
import type { CountedRow } from '../limits/limit-row.ts'
import type { AmountCall } from './amount-script.ts'

/** The part of a call that the row decides. */
export type SpanOfCall = Pick<AmountCall, 'bucketMs' | 'keptMs' | 'limit' | 'burst' | 'refillPerMs' | 'expiryMs'>

export const BUCKETS_PER_WINDOW = 128
const LIFE_MAX_MS = 1000
/** Of what a burst refills during the life of a lease: a lease spent late must not add to a full bucket of tokens. */
const BURST_PART = 0.1
/** 0 would be none; of one so small every amount needs it full, and passes at the rate of the refill. */
const BURST_MIN = 1e-6
/** After its end a period can still be corrected, and read. */
const PERIOD_KEPT_MS = 3_600_000

/**
 * A window's leases live half a bucket: then what leaves the window is used again in the bucket after next, and 128 of 129 parts of the
 * limit are usable; with lives of a whole bucket, 128 of 130. Never shorter than those wait who are to get it.
 */
export function lifeMsOf({ span, limit }: CountedRow, timeoutMs: number): number {
  if (span.type !== 'Window') return LIFE_MAX_MS
  const halfBucketMs = span.windowMs / BUCKETS_PER_WINDOW / 2
  const burstMs = span.burst === undefined ? LIFE_MAX_MS : (BURST_PART * span.burst * span.windowMs) / limit
  return Math.max(timeoutMs, Math.min(halfBucketMs, burstMs, LIFE_MAX_MS))
}

export function windowOfCall({ span, limit }: CountedRow, lifeMs: number): SpanOfCall {
  const windowMs = span.type === 'Window' ? span.windowMs : 0
  const bucketMs = windowMs / BUCKETS_PER_WINDOW
  const keptMs = windowMs + lifeMs
  const refillPerMs = limit / windowMs
  // What a lease can be spent late refills meanwhile: so much smaller is the bucket of tokens in the store.
  const declared = span.type === 'Window' ? span.burst : undefined
  const burst = declared === undefined ? 0 : Math.max(BURST_MIN, declared - refillPerMs * lifeMs)
  return { bucketMs, keptMs, limit, burst, refillPerMs, expiryMs: keptMs + 2 * bucketMs }
}

/** `restMs`: until the period ends. */
export function periodOfCall({ limit }: CountedRow, restMs: number): SpanOfCall {
  return { bucketMs: 0, keptMs: 0, limit, burst: 0, refillPerMs: 0, expiryMs: Math.max(0, restMs) + PERIOD_KEPT_MS }
}

/** By the wall's clock, as CalendarCounter has it: a clock that is set back by less than a period changes nothing. */
export class PeriodClock {
  readonly #calendar: Calendar
  readonly #wallClock: WallClock
  #period: Period

  constructor(calendar: Calendar, wallClock: WallClock, nowMs: number) {
    this.#calendar = calendar
    this.#wallClock = wallClock
    this.#period = calendar(wallClock(nowMs))
  }

  periodAt(nowMs: number): Period {
    const wallMs = this.#wallClock(nowMs)
    const { startMs, endMs } = this.#period
    if (wallMs >= endMs || wallMs < startMs - (endMs - startMs)) this.#period = this.#calendar(wallMs)
    return this.#period
  }

  /** Until the present period ends. */
  restMs(nowMs: number): number {
    return this.periodAt(nowMs).endMs - this.#wallClock(nowMs)
  }
}
