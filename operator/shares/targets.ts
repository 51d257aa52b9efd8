// What each sidecar's share of one count should come to, if it could be so at once. In: how much there is, and what each wants. Out: an
// amount for each, which together are all that there is: what nobody wants is spread evenly, since it cannot be known who needs it next.
import { fairParts } from './fair-parts.ts'

export interface Member {
  /** Unique among those who share the count. */
  readonly key: string
  /** Granted last. */
  readonly share: number
  /** The most that may be in force, on its way, or counted already; at least `share`. */
  readonly bound: number
  /** What it would have used lately had nothing been refused. */
  readonly wanted: number
  /**
   * `Leaving`: it is about to end, and needs nothing for later. `Silent`: what it makes of a grant cannot be learned, so it keeps what it
   * has.
   */
  readonly standing: 'Live' | 'Leaving' | 'Silent'
}

/** Of the limit, for all together who want nothing now and would have nothing for their first request. */
const FLOORS_PART = 50

/** By key; `available` is for these members, none of which is silent. `limit` is the whole count's. */
export function targetsOf(limit: number, available: number, members: readonly Member[]): Map<string, number> {
  const ordered = [...members].sort(byUrgency)
  const isScarce = ordered.reduce((sum, member) => sum + needOf(member), 0) > available
  const floors = isScarce ? floorsOf(limit, ordered) : []
  const targets = new Map(ordered.map(({ key }) => [key, 0]))
  let left = available
  const give = (to: readonly Member[], demands: readonly number[]): void => {
    for (const [index, part] of fairParts(left, demands).entries()) {
      const { key = '' } = to[index] ?? {}
      targets.set(key, (targets.get(key) ?? 0) + part)
      left -= part
    }
  }
  give(
    ordered,
    ordered.map(({ wanted }, index) => Math.max(wanted, floors[index] ?? 0)),
  )
  give(
    ordered,
    ordered.map((member) => needOf(member) - member.wanted),
  )
  const staying = ordered.filter(({ standing }) => standing === 'Live')
  // Of what cannot be spread evenly, who has a share beyond its need keeps it, so that it does not wander about.
  const unneeded = ({ key, share }: Member): number => share - (targets.get(key) ?? 0)
  staying.sort((a, b) => unneeded(b) - unneeded(a))
  give(
    staying,
    staying.map(() => left),
  )
  return targets
}

/** With an eighth to spare, so that a little more traffic waits for nobody. */
export function needOf({ wanted }: Member): number {
  return wanted + Math.floor(wanted / 8)
}

/** The least change of a share that is worth a write: a hundredth of an even one. */
export function stepOf(limit: number, count: number): number {
  return Math.max(1, Math.floor(limit / (100 * Math.max(1, count))))
}

/**
 * Where not all can have what they want, each keeps a hundredth of an even share at least. Where that is less than one, one, for as
 * many as there is room for.
 */
function floorsOf(limit: number, ordered: readonly Member[]): number[] {
  const floor = stepOf(limit, ordered.length)
  let left = Math.floor(limit / FLOORS_PART)
  return ordered.map((member) => {
    if (needOf(member) >= floor || floor > left) return 0
    left -= floor
    return floor
  })
}

/** Among equals, who has a share keeps it. */
function byUrgency(a: Member, b: Member): number {
  return b.wanted - a.wanted || b.share - a.share || (a.key < b.key ? -1 : 1)
}
