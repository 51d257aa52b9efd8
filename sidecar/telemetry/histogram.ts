// A histogram as plain numbers: observing is one short scan and three additions, no label hashing, no allocation.

export interface Histogram {
  /** Upper bounds, inclusive, ascending; shared by all histograms of one metric. */
  readonly bounds: readonly number[]
  /** Observations per bucket, not cumulative; the last is the one above every bound. */
  readonly counts: number[]
  sum: number
}

export function createHistogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 }
}

export function observe(histogram: Histogram, value: number): void {
  const { bounds, counts } = histogram
  let bucket = 0
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
  counts[bucket] = (counts[bucket] as number) + 1
  histogram.sum += value
}

/** One number per bound and, last, the count of all: what Prometheus calls `le` buckets. */
export function cumulativeCounts(histogram: Histogram): number[] {
  let total = 0
  return histogram.counts.map((count) => {
    total += count
    return total
  })
}
