// Where money is limited and a price is missing: what users are told of it before requests are refused for it.
//
// In: a rule or a provider as it was compiled. Out: flaws where nothing could be served or counted, warnings where a part could
// not. Neither takes anything out: what becomes of requests is for `unknownPrice` to say, and some of a rule's requests, for files
// or batches, need no price. Rows in Shadow refuse nobody, and ask for no price.

import type { BudgetConfig, LimitConfig } from '../../contract/limit-config.ts'
import type { ModelConfig, ProviderConfig, RouteConfig, RuleConfig } from '../../contract/sidecar-config.ts'
import { type Flaw, nameList } from '../api/problem.ts'
import type { ReachedBackend } from './reach.ts'

/** What is told of one part of an object. A warning is of something that is served nevertheless, or in part. */
export interface Notices {
  flaws: Flaw[]
  warnings: Flaw[]
}

export const NO_NOTICES: Readonly<Notices> = { flaws: [], warnings: [] }

/** `backends` are those that requests with a model come to. Flaws when none of them has a price, and each needs one. */
export function unpricedBackends(
  { limits, budgets, unknownPrice }: RuleConfig,
  route: Pick<RouteConfig, 'limits' | 'budgets'>,
  backends: readonly ReachedBackend[],
): Notices {
  if (unknownPrice === 'AllowUnpriced') return NO_NOTICES
  const own = moneyRows([...route.limits, ...limits], [...route.budgets, ...budgets])
  const found = backends.map((backend) => missingPrice(backend, own))
  const flaws = found.flatMap((missing) => (missing === undefined ? [] : [missing.flaw]))
  return found.every((missing) => missing?.whole) ? { flaws, warnings: [] } : { flaws: [], warnings: flaws }
}

/** `whole`: requests that come to the backend are all without a price. Undefined where no price is missing. */
function missingPrice(
  { field, provider, models }: ReachedBackend,
  own: readonly string[],
): { flaw: Flaw; whole: boolean } | undefined {
  const rows = [...own, ...moneyRows(provider.limits, []).map((row) => `the provider's ${row}`)]
  const unpriced = unpricedOf(models)
  if (rows.length === 0 || unpriced === undefined) return undefined
  const message =
    `LLMProvider ${provider.id} has no price for ${unpriced.names}, and ${nameList(rows)} cannot count without one: ` +
    'declare models[].price of the LLMProvider, or set unknownPrice: AllowUnpriced in the rule. ' +
    'Until then such requests are refused with 403 price_unknown'
  return { flaw: { field, reason: 'PriceUnknown', message }, whole: unpriced.whole }
}

/** Of a provider's own limits. Flaws when none of its models has a price. It may have models that nobody uses, and the rest is served. */
export function unpricedModels({ models, limits }: Pick<ProviderConfig, 'models' | 'limits'>): Notices {
  const unpriced = unpricedOf(models.length === 0 ? 'Any' : models)
  if (unpriced === undefined) return NO_NOTICES
  const flaws = limits.flatMap((limit, index): Flaw[] => {
    if (!countsMoney(limit)) return []
    const message =
      `there is no price for ${unpriced.names}, and limit "${limit.name}" cannot count without one: declare models[].price. ` +
      'Until then such requests are refused with 403 price_unknown, but for rules with unknownPrice: AllowUnpriced'
    return [{ field: `spec.limits[${index}]`, reason: 'PriceUnknown', message }]
  })
  return unpriced.whole ? { flaws, warnings: [] } : { flaws: [], warnings: flaws }
}

function unpricedOf(models: readonly ModelConfig[] | 'Any'): { names: string; whole: boolean } | undefined {
  if (models === 'Any') return { names: 'any model', whole: true }
  const unpriced = models.filter(({ price }) => price === undefined)
  if (unpriced.length === 0) return undefined
  return { names: nameList(unpriced.map(({ name }) => name)), whole: unpriced.length === models.length }
}

/** Those that refuse, as users call them. */
function moneyRows(limits: readonly LimitConfig[], budgets: readonly BudgetConfig[]): string[] {
  return [
    ...budgets.filter(({ mode }) => mode === 'Enforce').map(({ name }) => `budget "${name}"`),
    ...limits.filter(countsMoney).map(({ name }) => `limit "${name}"`),
  ]
}

function countsMoney({ what, mode }: LimitConfig): boolean {
  return what === 'Cost' && mode === 'Enforce'
}
