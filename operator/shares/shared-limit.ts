// Which limits of a document pods count, which of them more than one pod counts together, and whose pods those are. In: a namespace's
// document, a pod. Out: the limits that concern the pod, and the name of the count that it shares.

import type { BudgetConfig, LimitConfig, LimitScope } from '../../contract/limit-config.ts'
import { matchesSelector } from '../../contract/selector.ts'
import type { SelectorConfig, SidecarConfig } from '../../contract/sidecar-config.ts'
import { type Span, spanOf } from './span.ts'

export interface CountedLimit {
  readonly id: string
  readonly scope: LimitScope
  /** Integer, in the unit of what is limited. */
  readonly limit: number
  readonly span: Span
  /** Namespace of the route or provider that declares it. */
  readonly owner: string
}

/** More than one pod counts it. */
export interface SharedLimit extends CountedLimit {
  readonly scope: Exclude<LimitScope, 'Pod'>
}

/** Of one namespace's document. */
export interface CountedLimits {
  readonly routes: readonly RouteLimits[]
  /** By provider id. */
  readonly providers: ReadonlyMap<string, readonly CountedLimit[]>
  /** All of them by id. */
  readonly byId: ReadonlyMap<string, CountedLimit>
}

interface RouteLimits {
  readonly workloads: SelectorConfig
  readonly limits: readonly CountedLimit[]
  /** Ids of the providers that its rules name. */
  readonly providers: readonly string[]
}

/** Where a pod stands among those that share. */
export interface Sharer {
  readonly namespace: string
  /** `Deployment/shop`. */
  readonly workload: string
}

export function countedLimitsOf(config: SidecarConfig): CountedLimits {
  const routes = config.routes.map(({ id, workloads, limits, budgets, rules }) => ({
    workloads,
    limits: countedOf(id, [...limits, ...budgets, ...rules.flatMap((rule) => [...rule.limits, ...rule.budgets])]),
    providers: [...new Set(rules.flatMap(({ backends }) => backends.map(({ provider }) => provider)))],
  }))
  const providers = new Map(config.providers.map(({ id, limits }) => [id, countedOf(id, limits)]))
  const all = [...routes.flatMap(({ limits }) => limits), ...[...providers.values()].flat()]
  return { routes, providers, byId: new Map(all.map((limit) => [limit.id, limit])) }
}

function countedOf(object: string, rows: readonly (LimitConfig | BudgetConfig)[]): CountedLimit[] {
  const [owner = ''] = object.split('/')
  return rows.map((row) => {
    const { id, scope } = row
    const limit = 'limit' in row ? row.limit : row.amountPicoUsd
    return { id, scope, limit, span: spanOf(row), owner }
  })
}

export function isShared(limit: CountedLimit): limit is SharedLimit {
  return limit.scope !== 'Pod'
}

/** A pod that no route selects may use every provider of the document. */
export function limitsFor(
  { routes, providers }: CountedLimits,
  labels: Readonly<Record<string, string>>,
): CountedLimit[] {
  const selected = routes.filter(({ workloads }) => matchesSelector(workloads, labels))
  const used = selected.length === 0 ? [...providers.keys()] : new Set(selected.flatMap((route) => route.providers))
  return [
    ...selected.flatMap(({ limits }) => limits),
    ...[...used].flatMap((provider) => providers.get(provider) ?? []),
  ]
}

/** One count, which all pods share for which it is the same. */
export interface CountPlace {
  /** `provider:ai/openai/rpm`, `route:shop/chat//rpm shop Deployment/web`. */
  readonly name: string
  /** Namespace in which it is remembered what is used up. */
  readonly home: string
}

export function placeOf({ id, scope, owner }: SharedLimit, { namespace, workload }: Sharer): CountPlace {
  switch (scope) {
    case 'Cluster':
      return { name: id, home: owner }
    case 'Namespace':
      return { name: `${id} ${namespace}`, home: namespace }
    case 'Workload':
      return { name: `${id} ${namespace} ${workload}`, home: namespace }
  }
}

/** Of a count's name: no id holds a space. */
export function limitIdOf(name: string): string {
  return name.split(' ')[0] ?? ''
}
