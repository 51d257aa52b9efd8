// What a run comes to: how much was admitted within any span of a window, how much was open at once, and how much of the limit could be
// used. In: what the providers say that they served. Out: sums. It knows nothing of sidecars.

/** One answer of a provider. Milliseconds of one clock. */
export interface Served {
  /** When the client sent the request: a sidecar cannot have admitted it earlier. */
  readonly sentMs: number
  /** When a provider was about to answer it: nor later. */
  readonly arrivedMs: number
  readonly endedMs: number
  /** In the unit of the limit; 1 of requests. */
  readonly amount: number
}

/** The most that arrived within one span of that length, wherever it begins. */
export function mostArrivedIn(served: readonly Served[], windowMs: number): number {
  const ordered = [...served].sort((a, b) => a.arrivedMs - b.arrivedMs)
  let [first, sum, most] = [0, 0, 0]
  for (const { arrivedMs, amount } of ordered) {
    sum += amount
    for (let oldest = ordered[first]; oldest !== undefined; oldest = ordered[++first]) {
      if (oldest.arrivedMs > arrivedMs - windowMs) break
      sum -= oldest.amount
    }
    most = Math.max(most, sum)
  }
  return most
}

/**
 * The most that was sent and arrived within one span of that length: so much was admitted in it for certain, however long requests
 * were on their way.
 */
export function mostAdmittedIn(served: readonly Served[], windowMs: number): number {
  const sums = served.map(({ sentMs }) => {
    const within = served.filter((other) => other.sentMs >= sentMs && other.arrivedMs < sentMs + windowMs)
    return within.reduce((sum, { amount }) => sum + amount, 0)
  })
  return Math.max(0, ...sums)
}

/** The most that were open at the same moment. */
export function mostOpen(served: readonly Served[]): number {
  const changes = served.flatMap(({ arrivedMs, endedMs }) => [
    { atMs: arrivedMs, change: 1 },
    { atMs: endedMs, change: -1 },
  ])
  changes.sort((a, b) => a.atMs - b.atMs || a.change - b.change)
  let [open, most] = [0, 0]
  for (const { change } of changes) {
    open += change
    most = Math.max(most, open)
  }
  return most
}

export interface Phase {
  readonly fromMs: number
  readonly toMs: number
}

/** Of what arrived then. */
export function sumIn(served: readonly Served[], { fromMs, toMs }: Phase): number {
  const within = served.filter(({ arrivedMs }) => arrivedMs >= fromMs && arrivedMs < toMs)
  return within.reduce((sum, { amount }) => sum + amount, 0)
}

/** How many were open then on average. */
export function meanOpenIn(served: readonly Served[], { fromMs, toMs }: Phase): number {
  const openMs = served.map(({ arrivedMs, endedMs }) => Math.min(endedMs, toMs) - Math.max(arrivedMs, fromMs))
  return openMs.reduce((sum, ms) => sum + Math.max(0, ms), 0) / (toMs - fromMs)
}
