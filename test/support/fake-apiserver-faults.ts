// What goes wrong with a fake API server, and how often: by chance from a seed, and not at all when switched off.
import type { Random } from './random.ts'

export type FaultName =
  /** The connection dies in the middle of an event's line. */
  | 'cut'
  /** The server ends a watch, properly. */
  | 'end'
  /** A watch says nothing any more, and stays open. */
  | 'silence'
  /** A watch ends with an ERROR event that is not about the history. */
  | 'errorEvent'
  /** An event comes twice. */
  | 'duplicate'
  /** Two events in a row, of different objects, come the other way round. */
  | 'reorder'
  /** An event of the same object comes again, after newer ones: no API server does that. */
  | 'stale'
  /** A watch's version is refused as too old, by status or by event. */
  | 'expiredWatch'
  /** The next page is refused as too old. */
  | 'expiredPage'
  /** 409 for a write. */
  | 'conflict'
  /** 429 with Retry-After, in seconds or as a date. */
  | 'tooManyRequests'
  | 'serverError'
  /** The answer takes a while. */
  | 'slow'
  /** There is no answer until the client gives up. */
  | 'hang'
  /** The write is done, and the connection dies before its answer. */
  | 'lostAnswer'
  /** From now on, for a while, no connection is accepted, and those there are die. */
  | 'refuse'

/** Probability each time that it could happen. */
export type FaultRates = Partial<Record<FaultName, number>>

export interface Faults {
  happens(name: FaultName): boolean
  set(rates: FaultRates): void
  /** From [0, 1): for the details of a fault. */
  readonly draw: Random
  /** How often each happened. */
  readonly counts: ReadonlyMap<FaultName, number>
}

export function createFaults(random: Random, first: FaultRates = {}): Faults {
  const counts = new Map<FaultName, number>()
  let rates = first
  return {
    happens(name) {
      const rate = rates[name]
      if (rate === undefined || random() >= rate) return false
      counts.set(name, (counts.get(name) ?? 0) + 1)
      return true
    },
    set(next) {
      rates = next
    },
    draw: random,
    counts,
  }
}
