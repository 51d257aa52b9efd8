// Requests, tokens and costs per label set, as plain fields that the end of a request raises.
//
// In: where a request went and how it ended. Out: the objects to count on, and lists of them for the scrape. Bounded by
// `seriesMax` label sets; whatever comes beyond is counted under `other`, so nothing grows and no total is wrong.
// Rejected: prom-client's labelled counters, which hash their labels on every increment.
import type { Operation } from '../../contract/sidecar-config.ts'
import type { FaultDomain } from '../errors.ts'
import { type KnownTarget, type Target, targetKey } from './targets.ts'
import type { UnpricedCount } from './unpriced.ts'

/** Beyond this many, targets get their series with their first request: 512 models × 16 providers would be all zeros. */
const INITIAL_TARGETS_MAX = 200

export interface TargetSeries extends Target, UnpricedCount {
  inputTokens: number
  cachedInputTokens: number
  cacheWriteTokens: number
  outputTokens: number
  reasoningTokens: number
  /** Undefined while no cost is known: a 0 would read as free of charge. */
  costPicoUsd: number | undefined
  readonly outcomes: Map<string, OutcomeSeries>
}

export interface OutcomeSeries {
  readonly operation: string
  /** HTTP status as sent to the client. */
  readonly status: string
  /** '' when it went well. */
  readonly fault: string
  count: number
}

export interface Series {
  target(route: string, rule: string, provider: string, model: string): TargetSeries
  outcome(
    target: TargetSeries,
    operation: Operation | undefined,
    status: number,
    fault: FaultDomain | undefined,
  ): OutcomeSeries
  /** Targets of a new config begin at 0. When space is short, those that it does not know are forgotten. */
  adopt(known: readonly KnownTarget[]): void
  targets(): Iterable<TargetSeries>
}

export function createSeries(seriesMax: number): Series {
  const byKey = new Map<string, TargetSeries>()
  const other = createTarget('other', 'other', 'other', 'other')
  const otherOutcome: OutcomeSeries = { operation: 'other', status: 'other', fault: 'other', count: 0 }
  let used = 0

  function target(route: string, rule: string, provider: string, model: string): TargetSeries {
    const key = targetKey(route, rule, provider, model)
    const found = byKey.get(key)
    if (found !== undefined) return found
    if (used >= seriesMax) return other
    used++
    const created = createTarget(route, rule, provider, model)
    byKey.set(key, created)
    return created
  }

  function outcome(
    of: TargetSeries,
    operation: Operation | undefined,
    status: number,
    fault: FaultDomain | undefined,
  ): OutcomeSeries {
    const key = `${status} ${operation} ${fault}`
    const found = of.outcomes.get(key)
    if (found !== undefined) return found
    if (of === other || used >= seriesMax) {
      other.outcomes.set('', otherOutcome)
      return otherOutcome
    }
    used++
    const created = { operation: operation ?? '', status: String(status), fault: fault ?? '', count: 0 }
    of.outcomes.set(key, created)
    return created
  }

  function adopt(known: readonly KnownTarget[]): void {
    if (used > seriesMax / 2) forgetUnknown(known)
    for (const { route, rule, provider, model, priced } of known.slice(0, INITIAL_TARGETS_MAX)) {
      const series = target(route, rule, provider, model)
      if (priced) series.costPicoUsd ??= 0
    }
  }

  /** Prometheus takes a series that comes back lower for a restarted counter, so forgetting loses no rate. */
  function forgetUnknown(known: readonly KnownTarget[]): void {
    const wanted = new Set(known.map((one) => targetKey(one.route, one.rule, one.provider, one.model)))
    for (const [key, series] of byKey) {
      if (wanted.has(key)) continue
      byKey.delete(key)
      used -= 1 + series.outcomes.size
    }
  }

  function* targets(): Iterable<TargetSeries> {
    yield* byKey.values()
    if (other.outcomes.size > 0) yield other
  }

  return { target, outcome, adopt, targets }
}

function createTarget(route: string, rule: string, provider: string, model: string): TargetSeries {
  return {
    route,
    rule,
    provider,
    model,
    inputTokens: 0,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    costPicoUsd: undefined,
    unpriced: 0,
    unpricedRequest: 0,
    outcomes: new Map(),
  }
}
