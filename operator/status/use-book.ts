// What statuses say of limits and budgets, and when they say something else. In: documents, what sidecars answer, what is left of those
// that are gone. Out: for each object the uses to show, which stay as they are until they are worth a write; for each budget that pods
// share, at which of its percentages it is (passed-marks.ts).
//
// Use changes with every request, and a status is an object that the API server stores and every watch hears of. So what is shown is a
// picture of one moment: taken anew once a minute at most, and only when something has passed a step of five percent; at once when a
// budget passes a percentage at which it warns, or is used up. Whoever makes statuses meanwhile sees the same picture. Rejected: rounding
// what is shown, which says less and is written as often.
import type { BudgetConfig, LimitConfig } from '../../contract/limit-config.ts'
import type { LimitReport, LimitsReport, PassedMark } from '../../contract/limit-shares.ts'
import type { SidecarConfig } from '../../contract/sidecar-config.ts'
import type { ObjectReference } from '../api/problem.ts'
import { objectKey } from '../rollout/fingerprint.ts'
import {
  type CountedLimit,
  type CountedLimits,
  countedLimitsOf,
  isShared,
  limitIdOf,
  limitsFor,
  placeOf,
  type Sharer,
} from '../shares/shared-limit.ts'
import { countsUntil, type Span } from '../shares/span.ts'
import {
  type CountUse,
  fullestUse,
  type LimitUses,
  percentOf,
  type RowUse,
  type ToldUse,
  useOfCounts,
} from './limit-use.ts'
import { type Passing, passingOf } from './passed-marks.ts'
import { sameJson } from './same-json.ts'

const STEP_PERCENT = 5
const SHOWN_EVERY_MS = 60_000
/** Of a budget whose window is short, and that passes a percentage again and again. */
const WARNED_EVERY_MS = 10_000
/** A sidecar whose clock is behind may tell of the last period for so long. */
const CLOCKS_DIFFER_MS = 5_000
/** Times the limit: what sidecars say is not believed beyond, so that it has room in a status. */
const USED_MAX = 10

interface Told {
  readonly pod: Sharer
  /** By id, of limits that there are. */
  readonly limits: ReadonlyMap<string, LimitReport>
  readonly store: LimitsReport['store']
  readonly heardMs: number
}

interface Period {
  readonly span: Span
  /** Whatever was said before is of an earlier one. */
  readonly sinceMs: number
  readonly endMs: number
}

/** Ids of the rows that sidecars tell of, each with the percentages that are worth a write at once. */
type Marks = ReadonlyMap<string, readonly number[]>

interface WarningBudget {
  readonly limit: CountedLimit
  /** Ascending. */
  readonly marks: readonly number[]
}

interface Document {
  readonly limits: CountedLimits
  /** Budgets that pods share, and that warn. */
  readonly warning: readonly WarningBudget[]
  /** The namespace's own objects, by their keys. */
  readonly objects: ReadonlyMap<string, Marks>
}

interface Shown {
  readonly uses: LimitUses
  readonly atMs: number
}

const NOTHING: LimitUses = new Map()

export class UseBook {
  /** By namespace. */
  readonly #documents = new Map<string, Document>()
  /** By uid of the pod. */
  readonly #told = new Map<string, Told>()
  /** By id of the budget. */
  readonly #periods = new Map<string, Period>()
  /** By key of the object. */
  readonly #shown = new Map<string, Shown>()
  /** By name of the count. */
  #passing: ReadonlyMap<string, Passing> = new Map()

  /** Undefined: the namespace has none. */
  setDocument(namespace: string, config: SidecarConfig | undefined): void {
    const before = this.#documents.get(namespace)
    const document = config && documentOf(namespace, config)
    for (const key of before?.objects.keys() ?? []) if (!document?.objects.has(key)) this.#shown.delete(key)
    for (const id of before?.limits.byId.keys() ?? []) if (!document?.limits.byId.has(id)) this.#periods.delete(id)
    if (document === undefined) this.#documents.delete(namespace)
    else this.#documents.set(namespace, document)
  }

  /** The pod's sidecar has answered. */
  hear(uid: string, pod: Sharer, report: LimitsReport, heardMs: number): void {
    const known = this.#documents.get(pod.namespace)?.limits.byId
    const limits = report.limits.filter(({ id }) => known?.has(id))
    const { store } = report
    this.#told.set(uid, { pod, limits: new Map(limits.map((limit) => [limit.id, limit])), store, heardMs })
  }

  removePod(uid: string): void {
    this.#told.delete(uid)
  }

  /** What the object's status is to show; undefined while it is not known, and then what stands there is as good as can be. */
  usesOf(object: ObjectReference): LimitUses | undefined {
    const key = objectKey(object)
    const marks = this.#documents.get(object.namespace)?.objects.get(key)
    if (marks === undefined) return undefined
    return marks.size === 0 ? NOTHING : this.#shown.get(key)?.uses
  }

  /** Whether such a pod counts anything that a status shows. */
  concerns(namespace: string, labels: Readonly<Record<string, string>>): boolean {
    const limits = this.#documents.get(namespace)?.limits
    return limits !== undefined && limitsFor(limits, labels).length > 0
  }

  /** As of the last look, of each count of a budget of which any is: the mark that all who share it have passed. */
  get passed(): ReadonlyMap<string, PassedMark> {
    return new Map([...this.#passing].map(([name, { mark }]) => [name, mark]))
  }

  /** Takes the pictures anew that are to be; gives the namespaces whose statuses follow. `departed` is by name of the count. */
  look(departed: ReadonlyMap<string, number>, nowMs: number): Set<string> {
    const counts = useOfCounts(this.#believed(nowMs), departed, limitIdOf)
    this.#passing = this.#passingOf(counts, nowMs)
    const used = fullestUse(counts.values())
    const changed = new Set<string>()
    for (const [namespace, { limits, objects }] of this.#documents) {
      for (const [key, marks] of objects) {
        const rows = [...marks.keys()].flatMap((id) => limits.byId.get(id) ?? [])
        const uses = new Map(rows.map((row) => [row.id, this.#useOf(row, used.get(row.id) ?? 0, nowMs)]))
        if (uses.size === 0 || !isDue(this.#shown.get(key), uses, marks, nowMs)) continue
        this.#shown.set(key, { uses, atMs: nowMs })
        changed.add(namespace)
      }
    }
    return changed
  }

  #passingOf(counts: ReadonlyMap<string, CountUse>, nowMs: number): Map<string, Passing> {
    const passing = new Map<string, Passing>()
    const byId = Map.groupBy(counts, ([, { id }]) => id)
    for (const { limit, marks } of [...this.#documents.values()].flatMap(({ warning }) => warning)) {
      for (const [name, { used }] of byId.get(limit.id) ?? []) {
        const use = this.#useOf(limit, used, nowMs)
        const next = passingOf(this.#passing.get(name), use, marks, nowMs)
        if (next !== undefined) passing.set(name, next)
      }
    }
    return passing
  }

  *#believed(nowMs: number): Generator<ToldUse> {
    for (const [uid, { pod, limits, store, heardMs }] of this.#told) {
      const known = this.#documents.get(pod.namespace)?.limits.byId
      for (const { id, share, used } of limits.values()) {
        const limit = known?.get(id)
        if (limit === undefined || !this.#counts(limit, heardMs, nowMs)) continue
        const count = isShared(limit) ? placeOf(limit, pod).name : `${id} ${uid}`
        yield { id, count, used, tells: store !== undefined || share >= limit.limit ? 'Whole' : 'Part' }
      }
    }
  }

  /** Whether what was said then may still count. */
  #counts(limit: CountedLimit, heardMs: number, nowMs: number): boolean {
    const { span } = limit
    if (span.type === 'Open') return true
    if (span.type === 'Window') return nowMs - heardMs < span.windowMs
    return heardMs >= this.#periodOf(limit, nowMs).sinceMs
  }

  #useOf(limit: CountedLimit, used: number, nowMs: number): RowUse {
    const bounded = { used: Math.min(used, limit.limit * USED_MAX), limit: limit.limit }
    return limit.span.type === 'Calendar' ? { ...bounded, resetsAtMs: this.#periodOf(limit, nowMs).endMs } : bounded
  }

  /** Searched for when it begins only. */
  #periodOf({ id, span }: CountedLimit, nowMs: number): Period {
    const last = this.#periods.get(id)
    const known = sameJson(last?.span, span) ? last : undefined
    if (known !== undefined && nowMs < known.endMs) return known
    const sinceMs = known === undefined ? Number.NEGATIVE_INFINITY : known.endMs + CLOCKS_DIFFER_MS
    const period = { span, sinceMs, endMs: countsUntil(span, nowMs) }
    this.#periods.set(id, period)
    return period
  }
}

function documentOf(namespace: string, config: SidecarConfig): Document {
  const limits = countedLimitsOf(config)
  const marksOf = (rows: readonly (LimitConfig | BudgetConfig)[]): Marks =>
    new Map(rows.map((row) => [row.id, marksOfRow(row)]))
  const routes = config.routes.map((route): [string, Marks] => {
    const owners = [route, ...route.rules]
    const rows = owners.flatMap((owner) => [...owner.limits, ...owner.budgets])
    return [keyOf('LLMRoute', route.id), marksOf(rows)]
  })
  const own = config.providers.filter(({ id }) => id.startsWith(`${namespace}/`))
  const providers = own.map((provider): [string, Marks] => [
    keyOf('LLMProvider', provider.id),
    marksOf(provider.limits),
  ])
  return { limits, warning: warningBudgets(config, limits), objects: new Map([...routes, ...providers]) }
}

function warningBudgets({ routes }: SidecarConfig, limits: CountedLimits): WarningBudget[] {
  const budgets = routes.flatMap((route) => [route, ...route.rules].flatMap((owner) => owner.budgets))
  return budgets.flatMap(({ id, warnAtPercent }) => {
    const limit = limits.byId.get(id)
    const isTold = limit !== undefined && isShared(limit) && warnAtPercent.length > 0
    return isTold ? [{ limit, marks: warnAtPercent }] : []
  })
}

function marksOfRow(row: LimitConfig | BudgetConfig): readonly number[] {
  return 'period' in row ? [...row.warnAtPercent, 100] : []
}

function keyOf(kind: ObjectReference['kind'], id: string): string {
  const [namespace = '', name = ''] = id.split('/')
  return objectKey({ kind, namespace, name })
}

function isDue(shown: Shown | undefined, uses: LimitUses, marks: Marks, nowMs: number): boolean {
  if (shown === undefined || shown.uses.size !== uses.size) return true
  const sinceMs = nowMs - shown.atMs
  return [...uses].some(([id, use]) => {
    const before = shown.uses.get(id)
    if (before?.limit !== use.limit) return true
    if (sinceMs >= WARNED_EVERY_MS && passesMark(before, use, marks.get(id) ?? [])) return true
    return sinceMs >= SHOWN_EVERY_MS && (stepOf(before) !== stepOf(use) || before.resetsAtMs !== use.resetsAtMs)
  })
}

function passesMark(before: RowUse, use: RowUse, marks: readonly number[]): boolean {
  const from = before.resetsAtMs === use.resetsAtMs ? percentOf(before) : 0
  return marks.some((mark) => from < mark && percentOf(use) >= mark)
}

function stepOf(use: RowUse): number {
  return Math.floor(percentOf(use) / STEP_PERCENT)
}
