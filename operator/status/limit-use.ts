// What is used of limits and budgets, from what sidecars say of themselves. In: what each counts, what those that are gone may have used.
// Out: what is used of each count, and for each limit, its fullest count. Of a limit per Workload that is the fullest workload, of one
// per Pod the fullest pod; of one that a sidecar keeps by header or model, each sidecar tells its fullest, and their sum is the most
// that a value can have.
//
// A count is divided among sidecars, so what they use adds up, and with it what may have been used by whoever is gone: until it has left
// the window nobody else gets it. With a store each sidecar tells the whole count: then the highest is the newest.
// Never in here: time, documents, or who is told.

/** Of one limit or budget, where it is used most. */
export interface RowUse {
  /** In the unit of what is limited; money in pico-USD. */
  readonly used: number
  readonly limit: number
  /** Milliseconds since the epoch; only of budgets by the hour, day, week or month. */
  readonly resetsAtMs?: number
}

/** By id of the limit or budget. */
export type LimitUses = ReadonlyMap<string, RowUse>

/** What one sidecar says of one count. */
export interface ToldUse {
  readonly id: string
  /** Name of the count that its pod shares, or has for itself. */
  readonly count: string
  readonly used: number
  /** `Part`: what this sidecar has used itself. `Whole`: what all have, since a store counts, or since it alone has the limit. */
  readonly tells: 'Part' | 'Whole'
}

/** What is used of one count, in the unit of what is limited. */
export interface CountUse {
  /** Of its limit. */
  readonly id: string
  readonly used: number
}

interface Told {
  readonly id: string
  parts: number
  whole: number | undefined
}

/** By name of the count. `departed` is, too; `idOf` gives such a count's limit. */
export function useOfCounts(
  told: Iterable<ToldUse>,
  departed: ReadonlyMap<string, number>,
  idOf: (count: string) => string,
): Map<string, CountUse> {
  const counts = new Map<string, Told>()
  const countOf = (name: string, id: string): Told => {
    const count = counts.get(name) ?? { id, parts: 0, whole: undefined }
    counts.set(name, count)
    return count
  }
  for (const { id, count: name, used, tells } of told) {
    const count = countOf(name, id)
    if (tells === 'Part') count.parts += used
    else count.whole = Math.max(count.whole ?? 0, used)
  }
  for (const name of departed.keys()) countOf(name, idOf(name))
  // What is gone is in the whole already.
  const usedOf = (name: string, { parts, whole }: Told): number => parts + (whole ?? departed.get(name) ?? 0)
  return new Map([...counts].map(([name, count]) => [name, { id: count.id, used: usedOf(name, count) }]))
}

/** By id of the limit. */
export function fullestUse(counts: Iterable<CountUse>): Map<string, number> {
  const fullest = new Map<string, number>()
  for (const { id, used } of counts) fullest.set(id, Math.max(fullest.get(id) ?? 0, used))
  return fullest
}

/** Rounded down. Above 100 where answers became larger than expected. */
export function percentOf({ used, limit }: RowUse): number {
  return Math.floor((used * 100) / limit)
}
