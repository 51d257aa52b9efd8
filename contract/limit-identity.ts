// What a limit or budget takes from whom it belongs to: compile writes it, and the parser demands it.

import type { LimitKeyConfig, LimitScope } from './limit-config.ts'

export interface RowOwner {
  /** Begins the ids of its limits and budgets; their names follow. */
  ids: string
  /** Whose requests meet in a count that `per` does not divide. */
  widest: LimitScope
}

/** `route` is `namespace/name`; without `rule`, of the whole route. Neither names of routes nor of rules hold a slash. */
export function routeOwner(route: string, rule = ''): RowOwner {
  return { ids: `route:${route}/${rule}/`, widest: 'Namespace' }
}

/** `provider` is `namespace/name`. */
export function providerOwner(provider: string): RowOwner {
  return { ids: `provider:${provider}/`, widest: 'Cluster' }
}

/** From the narrowest on. */
const SCOPES = ['Pod', 'Workload', 'Namespace'] as const

export function scopeOf(per: readonly LimitKeyConfig[], widest: LimitScope): LimitScope {
  return SCOPES.find((scope) => per.some(({ type }) => type === scope)) ?? widest
}
