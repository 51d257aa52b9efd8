// How fast and how many at once: what keeps the operator from being the API server's, or a network's, worst client.
import type { Clock } from './kube/clock.ts'

export interface RateLimit {
  /** Resolves when one more may go, or at once when it is closed. */
  turn(): Promise<void>
  /** Nobody waits any more. */
  close(): void
}

/** So many a second on average, and at most a second's worth in one burst. */
export function createRateLimit(perSecond: number, { uptime, startTimer }: Omit<Clock, 'now'>): RateLimit {
  const waiting = new Set<() => void>()
  let nextMs = Number.NEGATIVE_INFINITY
  let closed = false
  return {
    async turn() {
      const nowMs = uptime()
      nextMs = Math.max(nextMs, nowMs - 1_000) + 1_000 / perSecond
      const waitMs = nextMs - nowMs
      if (waitMs <= 0 || closed) return
      await new Promise<void>((resolve) => {
        const go = (): void => {
          waiting.delete(go)
          cancel()
          resolve()
        }
        const cancel = startTimer(go, waitMs)
        waiting.add(go)
      })
    },
    close() {
      closed = true
      for (const go of [...waiting]) go()
    },
  }
}

/** Runs what it is given, so many at once; the others wait in order. */
export function createSlots(max: number): <Result>(run: () => Promise<Result>) => Promise<Result> {
  let free = max
  const waiting: (() => void)[] = []
  return async (run) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await run()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}
