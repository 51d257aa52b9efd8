// How a limit is divided among sidecars without a store: the operator gives each a share, and the sidecars say what they make of it.
//
// A share is the most that one sidecar may count: in any window of the limit, or in the budget's period. The operator writes them
// into an annotation of the pod, which the kubelet brings into the mounted directory as the file `limit-shares`; the sidecar tells
// on `GET /limits` of its admin server which are in force and what it has used. The sum of what is granted, in force or used never exceeds
// the limit, so a share is made smaller, and that is confirmed, before another one grows.
//
// Operator and sidecars are of different versions while one is upgraded: members that a reader does not know are passed over.
import { type Check, integer, isObject, listOf, mapOf, objectOf, optional, text } from './shape.ts'

/** Annotation on an injected pod, and file in the mounted directory, that hold a LimitShares as JSON; empty: none yet. */
export const SHARES_ANNOTATION = 'outrigger.dev/limit-shares'
export const SHARES_FILE = 'limit-shares'

export interface LimitShares {
  /**
   * Which process they were granted to: `LimitsReport.instance`. Another one takes them as used up, since it cannot know: those
   * that it finds when it starts, and those that come later under another name than its own. So whatever the two processes use
   * together stays within what was granted to the first.
   */
  instance: string
  /** Of this pod, larger with each change. A sidecar goes on with the largest that it has seen. */
  version: number
  /** Amount by id of the limit or budget. One that is missing: 0. */
  shares: Record<string, number>
  /**
   * By id: what may still be in force, or counted, from before this version, where that is more than the share. It is for an
   * operator that starts anew; a sidecar has no use for it.
   */
  before?: Record<string, number>
  /** By id of a budget: what all that share it have used, which no sidecar can tell from its share. Absent: nothing to warn of, or it has a store. */
  passed?: Record<string, PassedMark>
}

/** All pods together have used so much of a budget; of one that is counted by header or model, at most so much of each value's. */
export interface PassedMark {
  /** The highest of `warnAtPercent` that is passed. */
  percent: number
  /** Milliseconds since the epoch: when the hour, day, week or month ends. Absent: until another LimitShares says otherwise. */
  untilMs?: number
}

/** `GET /limits` of a sidecar's admin server. */
export interface LimitsReport {
  /** Random, made when the process started. */
  instance: string
  /** `LimitShares.version` in force; null before any. */
  sharesVersion: number | null
  /** Those that this pod counts, alone or with others. Bounded by the document. */
  limits: LimitReport[]
  /**
   * A store counts for all, or is away at the moment. Then `share` is what the pod may count without it, and `used` what all have used, as
   * far as this one knows. Absent: there is none, and each counts its own.
   */
  store?: 'Up' | 'Away'
  /** The process is about to end: nothing is open, it admits nothing more, and `used` is all that it will have used. */
  ended?: true
}

export interface LimitReport {
  id: string
  /** What the pod may count: its share in force, or the whole limit where it counts alone. */
  share: number
  /** Used in the window or period that is under way, the most of all its keys; reservations of open requests included. */
  used: number
  /** What would have been used within the last window had nothing been refused, estimated; at least `used`. */
  wanted: number
}

/** Pico-USD of a large budget are beyond what a double holds exactly: they are whole numbers all the same. */
const isAmount = integer(0, Number.MAX_VALUE)

const isInstance = text('1 to 64 characters', (value) => value.length > 0 && value.length <= 64)

const isMark = objectOf<PassedMark>({ percent: integer(1, 99), untilMs: optional(integer(0)) })

const isLimitShares: Check<LimitShares> = objectOf<LimitShares>({
  instance: isInstance,
  version: integer(1),
  shares: mapOf(isAmount),
  before: optional(mapOf(isAmount)),
  passed: optional(mapOf(isMark)),
})

const MEMBERS = ['instance', 'version', 'shares', 'before'] as const

const isId = text('1 to 1024 characters', (value) => value.length > 0 && value.length <= 1024)

/** Amounts are whole in the end, and estimates need not be: they count as the next larger one. */
const isEstimate: Check<number> = (value, at, problems): value is number => {
  const isFine = typeof value === 'number' && Number.isFinite(value) && value >= 0
  if (!isFine) problems.push(`${at}: expected a number ≥ 0`)
  return isFine
}

/**
 * The annotation's or the file's text. `shares` is undefined for one without anything but white space: nothing was granted yet.
 * Members that are not known are left out, and marks that cannot be read: they only warn. Never throws.
 * Problems read `shares["route:shop/chat//rpm"]: expected an integer ≥ 0`.
 */
export function parseLimitShares(json: string): { shares: LimitShares | undefined } | { problems: string[] } {
  if (json.trim() === '') return { shares: undefined }
  const parsed = parse(json, isObject)
  if ('problems' in parsed) return parsed
  const { value } = parsed
  const passed = isObject(value.passed) ? marksOf(value.passed) : undefined
  const known: unknown = { ...pick(value, MEMBERS), ...(passed && { passed }) }
  const problems: string[] = []
  return isLimitShares(known, '', problems) ? { shares: known } : { problems }
}

function marksOf(passed: Record<string, unknown>): Record<string, PassedMark> {
  const marks = Object.entries(passed).flatMap(([id, value]): [string, PassedMark][] => {
    const mark: unknown = isObject(value) ? pick(value, ['percent', 'untilMs']) : undefined
    return isMark(mark, '', []) ? [[id, mark]] : []
  })
  return Object.fromEntries(marks)
}

/**
 * What a sidecar answered, which may say more than this: fields that are not known are left out, since sidecars of a newer version and an
 * older operator must get along. Amounts are rounded up. Never throws. The text's length is to be bounded before.
 */
export function parseLimitsReport(json: string): { report: LimitsReport } | { problems: string[] } {
  const parsed = parse(json, isObject)
  if ('problems' in parsed) return parsed
  const { instance, sharesVersion, limits, store, ended } = parsed.value
  const problems: string[] = []
  const isWhole =
    isInstance(instance, 'instance', problems) &&
    isVersion(sharesVersion, 'sharesVersion', problems) &&
    listOf(isLimitReport)(limits, 'limits', problems)
  if (!isWhole) return { problems }
  const whole = limits.map(({ id, share, used, wanted }) => ({
    ...{ id, share: Math.ceil(share), used: Math.ceil(used), wanted: Math.ceil(wanted) },
  }))
  return {
    report: {
      ...{ instance, sharesVersion, limits: whole },
      ...((store === 'Up' || store === 'Away') && { store }),
      ...(ended === true && { ended }),
    },
  }
}

const isVersion: Check<number | null> = (value, at, problems): value is number | null =>
  value === null || integer(1)(value, at, problems)

const isLimitReport: Check<LimitReport> = (value, at, problems): value is LimitReport => {
  const { id, share, used, wanted } = isObject(value) ? value : {}
  const known = objectOf<LimitReport>({ id: isId, share: isEstimate, used: isEstimate, wanted: isEstimate })
  return known({ id, share, used, wanted }, at, problems)
}

/** Those that it has. */
function pick(value: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => Object.hasOwn(value, name)).map((name) => [name, value[name]]))
}

function parse<T>(json: string, check: Check<T>): { value: T } | { problems: string[] } {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    return { problems: [`not JSON: ${error instanceof Error ? error.message : String(error)}`] }
  }
  if (!isObject(value)) return { problems: ['expected an object'] }
  const problems: string[] = []
  return check(value, '', problems) ? { value } : { problems }
}
