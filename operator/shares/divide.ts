// One step in dividing one count: which shares to write now. In: the limit, what is gone and still counts, and of each sidecar what it
// was granted, what it may still have, and what it wants. Out: new shares, of those whose change is worth a write.
//
// At every moment the sum of the members' bounds and of what is gone stays within the limit. A bound falls only when a sidecar has said
// that less is in force; so a share that is to move is taken from one now, and given to another in a later step. Shares move when
// somebody lacks something; nobody is levelled for the sake of it, and few give much rather than all a little, since each change is
// a write to a pod. No clock: how often it is asked, and what is written when, is the caller's.
import { fairParts } from './fair-parts.ts'
import { type Member, needOf, stepOf, targetsOf } from './targets.ts'

export interface Division {
  readonly limit: number
  /** What sidecars that are gone may have used within the window or period. */
  readonly departed: number
  readonly members: readonly Member[]
}

/** Of a member that is no longer silent, with what its share should come to. */
interface Aim {
  readonly member: Member
  readonly target: number
}

/** New shares by key. */
export function divide({ limit, departed, members: unordered }: Division): Map<string, number> {
  const members = [...unordered].sort((a, b) => (a.key < b.key ? -1 : 1))
  const open = members.filter(({ standing }) => standing !== 'Silent')
  const silent = members.filter(({ standing }) => standing === 'Silent')
  const available = Math.max(0, limit - departed - sumOf(silent, 'bound'))
  const targets = targetsOf(limit, available, open)
  const aims = open.map((member) => ({ member, target: targets.get(member.key) ?? 0 }))
  const step = stepOf(limit, members.length)
  const { needy = [], others = [] } = Object.groupBy(aims, (aim) => (isNeedy(aim, step) ? 'needy' : 'others'))
  const missing = needy.reduce((sum, aim) => sum + lackOf(aim), 0) + sumOf(open, 'share') - available
  const given = shrink(others, missing, step)
  const keeping = others.filter(({ member }) => !given.has(member.key))
  const room = limit - departed - sumOf(members, 'bound')
  return new Map([...given, ...grow(needy, keeping, room, step)])
}

/** Its share does not cover what it wants, or is not a third of what is there for it: so every newcomer. */
function isNeedy(aim: Aim, step: number): boolean {
  const { member, target } = aim
  return lackOf(aim) >= step && (needOf(member) > member.share || member.share * 3 < target)
}

function lackOf({ member, target }: Aim): number {
  return target - member.share
}

/** Those with the most to spare first, until what is missing is there; who leaves gives at once what it will not need. */
function shrink(aims: readonly Aim[], missing: number, step: number): Map<string, number> {
  const shares = new Map<string, number>()
  let left = missing
  const givers = aims
    .map((aim) => ({ ...aim, spare: aim.member.share - keptBy(aim) }))
    .filter(({ spare }) => spare >= step)
  for (const { member, spare } of givers.sort((a, b) => b.spare - a.spare)) {
    const give = member.standing === 'Leaving' ? spare : Math.min(spare, Math.max(left, step))
    if (left <= 0 && member.standing !== 'Leaving') continue
    shares.set(member.key, member.share - give)
    left -= give
  }
  return shares
}

/** What it is not asked to give: half of what is there for it, and what it wants. */
function keptBy({ member, target }: Aim): number {
  if (member.standing === 'Leaving') return target
  return Math.min(target, Math.max(needOf(member), Math.ceil(target / 2)))
}

/** What there is room for, to the needy first; the rest to whoever has much less than there is for it. */
function grow(needy: readonly Aim[], others: readonly Aim[], room: number, step: number): Map<string, number> {
  const lacking = others.filter((aim) => lackOf(aim) >= Math.max(step, aim.target / 8))
  const shares = new Map<string, number>()
  // Something is counted twice then, or used beyond the limit: not even what may be in force anyway is safe to grant.
  if (room < 0) return shares
  let left = room
  for (const aims of [needy, lacking]) {
    // What may be in force anyway costs nothing.
    const bases = aims.map(({ member, target }) => Math.max(member.share, Math.min(target, member.bound)))
    const parts = fairParts(
      left,
      aims.map(({ target }, index) => target - (bases[index] ?? 0)),
    )
    for (const [index, { member, target }] of aims.entries()) {
      const share = (bases[index] ?? 0) + (parts[index] ?? 0)
      if (share - member.share < step && (share !== target || share <= member.share)) continue
      shares.set(member.key, share)
      left -= parts[index] ?? 0
    }
  }
  return shares
}

function sumOf(members: readonly Member[], field: 'share' | 'bound'): number {
  return members.reduce((sum, member) => sum + member[field], 0)
}
