import type { RouteConfig, RuleConfig } from '../../contract/sidecar-config.ts'
import { canFallBack, fallsBack, unheldRule, uselessFallbacks } from './fallback.ts'
import { type BackendInUse, reachedBackends, takesModels } from './reach.ts'
import { type Notices, unpricedBackends } from './unpriced.ts'

export interface RuleInUse {
  config: RuleConfig
  /** Its path in the LLMRoute. */
  field: string
  /** None for a rule that is unavailable. */
  backends: readonly BackendInUse[]
}

/** What keeps money from being counted or held as a route says. It takes nothing out, so it is told after everything else. */
export function spendingNotices(route: Pick<RouteConfig, 'limits' | 'budgets'>, rules: readonly RuleInUse[]): Notices {
  const judged = rules
    .filter(({ config }) => takesModels(config.matches))
    .map(({ config, field, backends }) => ({ config, field, reached: reachedBackends(backends, config.matches) }))
    .filter(({ reached }) => reached.length > 0)
    .map((rule) => ({ ...rule, unpriced: unpricedBackends(rule.config, route, rule.reached) }))
  // Prices come first: what is refused for want of one has nothing to fall back from.
  const counting = judged.filter(({ unpriced }) => unpriced.flaws.length === 0)
  const stuck = counting.filter(
    ({ config, reached }) =>
      [...route.budgets, ...config.budgets].some(fallsBack) && !canFallBack(reached, config.unknownPrice),
  )
  const everywhere = counting.length > 0 && stuck.length === counting.length
  return {
    flaws: [
      ...(everywhere ? uselessFallbacks(route.budgets, 'spec.budgets') : []),
      ...judged.flatMap(({ unpriced }) => unpriced.flaws),
      ...stuck.flatMap(({ config, field }) => uselessFallbacks(config.budgets, `${field}.budgets`)),
    ],
    warnings: [
      ...judged.flatMap(({ unpriced }) => unpriced.warnings),
      ...(everywhere ? [] : stuck.flatMap(({ field }) => unheldRule(route.budgets, field))),
    ],
  }
}
