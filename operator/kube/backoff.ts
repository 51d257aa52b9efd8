// How long to wait before the next try.

export interface BackoffLimits {
  backoffFirstMs: number
  backoffMaxMs: number
  /** A server's Retry-After counts up to this. */
  retryAfterMaxMs: number
}

export interface Setback {
  /** How many came before it in a row. */
  earlier: number
  retryAfterMs: number | undefined
  /** From [0, 1). */
  draw: number
}

/**
 * Doubles from one to the next up to the maximum, less up to half by chance, so that many who lost the same server do not
 * come back together; never sooner than the server asked for, and up to a tenth later.
 */
export function backoffMs(limits: BackoffLimits, { earlier, retryAfterMs = 0, draw }: Setback): number {
  const whole = Math.min(limits.backoffMaxMs, limits.backoffFirstMs * 2 ** earlier)
  const asked = Math.min(limits.retryAfterMaxMs, retryAfterMs)
  return Math.round(Math.max(whole * (1 - draw / 2), asked * (1 + draw / 10)))
}
