// Whether `onExhausted: Fallback` has anywhere to go. Where no backend is cheaper than another, a budget that is used up changes
// nothing at all: its owner believes that spending is held, and it is not.

import { comparedPrice } from '../../contract/compared-price.ts'
import type { BudgetConfig, UnknownPrice } from '../../contract/limit-config.ts'
import { DIALECTS } from '../../contract/provider-dialect.ts'
import type { Flaw } from '../api/problem.ts'
import type { ReachedBackend } from './reach.ts'

/** Whether requests with some model can go to a cheaper backend than another one. Where one without a price is refused, it is none. */
export function canFallBack(backends: readonly ReachedBackend[], unknownPrice: UnknownPrice): boolean {
  return clientModels(backends).some((name) => {
    const prices = new Map<string, Set<number>>()
    for (const backend of backends) {
      const price = priceAt(backend, name)
      if (price === undefined || (price === Number.POSITIVE_INFINITY && unknownPrice === 'Reject')) continue
      const dialect = DIALECTS[backend.provider.type]
      prices.set(dialect, (prices.get(dialect) ?? new Set()).add(price))
    }
    return [...prices.values()].some(({ size }) => size > 1)
  })
}

/** Names that clients may send, as far as they lead to different backends; '' stands for one that nobody lists. */
function clientModels(backends: readonly ReachedBackend[]): string[] {
  const named = backends.flatMap(({ fixed, models }) => (fixed || models === 'Any' ? [] : models))
  return ['', ...new Set(named.map(({ name }) => name))]
}

/** Undefined where the backend does not serve what the client names. */
function priceAt({ fixed, models }: ReachedBackend, name: string): number | undefined {
  if (models === 'Any') return comparedPrice(undefined)
  const model = fixed ? models[0] : models.find((each) => each.name === name)
  return model && comparedPrice(model.price)
}

/** `field` is the path of the list. */
export function uselessFallbacks(budgets: readonly BudgetConfig[], field: string): Flaw[] {
  return budgets.flatMap((budget, index): Flaw[] => {
    if (!fallsBack(budget)) return []
    const message =
      `budget "${budget.name}" holds nothing: Fallback needs a cheaper backend in the rule, of the same API and with its price ` +
      'declared; add one, or set onExhausted: Reject'
    return [{ field: `${field}[${index}].onExhausted`, reason: 'NoCheaperBackend', message }]
  })
}

/** For a rule of a route whose other rules can fall back. */
export function unheldRule(budgets: readonly BudgetConfig[], field: string): Flaw[] {
  return budgets.filter(fallsBack).map(({ name }) => {
    const message = `the route's budget "${name}" does not hold this rule: Fallback needs a cheaper backend in it, of the same API`
    return { field: `${field}.backends`, reason: 'NoCheaperBackend', message }
  })
}

/** In Shadow it changes nothing either way. */
export function fallsBack({ onExhausted, mode }: BudgetConfig): boolean {
  return onExhausted === 'Fallback' && mode === 'Enforce'
}
