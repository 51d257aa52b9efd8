// How fast and how many at once: what keeps the operator from being the API server's, or a network's, worst client.
import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves when one more may go; so many a second on average, and at most a second's worth in one burst. */
export function createRateLimit(perSecond: number, now: () => number): () => Promise<void> {
  let nextMs = Number.NEGATIVE_INFINITY
  return async () => {
    const nowMs = now()
    nextMs = Math.max(nextMs, nowMs - 1_000) + 1_000 / perSecond
    const waitMs = nextMs - nowMs
    if (waitMs > 0) await sleep(waitMs, undefined, { ref: false })
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
