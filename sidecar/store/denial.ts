// What the store's last refusal says of other amounts, and when they will fit: so that a flood that is refused costs no round trip each,
// and every Retry-After is exact. Pure.
import type { Shortage } from '../limits/counter.ts'
import type { AmountCall, AmountReply } from './amount-script.ts'

/** How long nobody is asked again, unless time itself brings room: amounts that others give back are found within this. */
export const DENIAL_FRESH_MS = 50

export interface Denial {
  readonly call: AmountCall
  readonly reply: AmountReply
  /** By the local clock. */
  readonly atMs: number
  /** When the calendar period ends, by the local clock; Infinity for a window, which has no end. */
  readonly endsMs: number
}

/** Undefined: there may be room, ask again. */
export function shortageBy(denial: Denial, amount: number, nowMs: number): Shortage | undefined {
  const { call, reply, atMs } = denial
  if (nowMs - atMs >= DENIAL_FRESH_MS) return undefined
  const waitMs = Math.max(roomAfterMs(denial, amount), tokensAfterMs(call, reply, amount))
  const retryAfterMs = atMs + waitMs - nowMs
  if (waitMs <= 0 || retryAfterMs <= 0) return undefined
  return { kind: 'Reached', retryAfterMs, remaining: remainingBy(call, reply) }
}

function remainingBy({ limit, burst }: AmountCall, { sum, missing }: AmountReply): number {
  const room = Math.max(0, limit - sum)
  return burst === 0 || missing === 0 ? room : Math.max(0, Math.min(room, Math.floor(burst - missing)))
}

/** From the refusal on, until so much has left the window, or the period is over, that `amount` fits. */
function roomAfterMs({ call, reply, atMs, endsMs }: Denial, amount: number): number {
  let excess = reply.sum + amount - call.limit
  if (excess <= 0) return 0
  if (call.bucketMs === 0) return endsMs - atMs
  const { cells } = reply
  for (let i = 0; i < cells.length; i += 2) {
    excess -= cells[i + 1] ?? 0
    if (excess <= 0) return ((cells[i] ?? 0) + 1) * call.bucketMs + call.keptMs - reply.storeMs
  }
  return Number.POSITIVE_INFINITY
}

/** Until the bucket of tokens has room for `amount`; an amount larger than the bucket needs it full. */
function tokensAfterMs({ burst, refillPerMs }: AmountCall, { missing }: AmountReply, amount: number): number {
  if (burst === 0) return 0
  return Math.max(0, missing - Math.max(0, burst - amount)) / refillPerMs
}
