// What the owner of a budget is told when it passes a percentage at which it warns, and when it is used up: once in a period for each,
// because the status remembers what was told. In: what stands in the status and what shall stand there. Of several that are passed at
// once, the highest is told. A budget whose window slides has no period: it warns when it passes again, and not twice while the
// event of the last time is kept, which is an hour in most clusters.
import type { LLMRoute, LLMRouteBudget, LLMRouteStatus, LLMRouteStatusBudget } from '../api/llm-route.ts'
import type { EventDraft } from './events.ts'

type Told = Omit<EventDraft, 'regarding'>

export function budgetWarnings(before: LLMRouteStatus | undefined, after: LLMRouteStatus, route: LLMRoute): Told[] {
  const earlier = new Map(before?.budgets?.map((entry) => [keyOf(entry), entry]))
  return (after.budgets ?? []).flatMap((entry) => {
    const budget = budgetOf(route, entry)
    const last = earlier.get(keyOf(entry))
    const from = last?.resetsAt === entry.resetsAt ? (last?.percent ?? 0) : 0
    const passed = [...(budget?.warnAtPercent ?? []), 100].filter((mark) => from < mark && mark <= entry.percent)
    if (budget === undefined || passed.length === 0) return []
    const mark = Math.max(...passed)
    const identity = [route.metadata.uid, keyOf(entry), mark, entry.resetsAt].join('/')
    return [{ type: 'Warning', ...(mark === 100 ? exhausted(entry, budget) : warned(entry, mark)), identity }]
  })
}

function warned(entry: LLMRouteStatusBudget, mark: number): Pick<Told, 'reason' | 'message'> {
  return { reason: 'BudgetWarning', message: `${spentText(entry)}, past ${mark} %${resetText(entry)}` }
}

function exhausted(entry: LLMRouteStatusBudget, budget: LLMRouteBudget): Pick<Told, 'reason' | 'message'> {
  return { reason: 'BudgetExhausted', message: `${spentText(entry)}: ${consequence(budget)}${resetText(entry)}` }
}

function consequence({ mode, onExhausted }: LLMRouteBudget): string {
  if (mode === 'Shadow') return 'in Shadow nothing is refused'
  return onExhausted === 'Fallback'
    ? 'only the cheapest backends of a rule are asked'
    : 'requests are answered with 429 until there is room again'
}

function spentText({ name, rule, spent, amount, percent }: LLMRouteStatusBudget): string {
  const place = rule === undefined ? '' : ` of rule ${rule}`
  return `Budget ${name}${place}: ${spent} of ${amount} USD are spent (${percent} %)`
}

function resetText({ resetsAt }: LLMRouteStatusBudget): string {
  return resetsAt === undefined ? '' : `; it begins anew at ${resetsAt}`
}

function budgetOf({ spec }: LLMRoute, { name, rule }: LLMRouteStatusBudget): LLMRouteBudget | undefined {
  const owner = rule === undefined ? spec : spec.rules.find((each) => each.name === rule)
  return owner?.budgets?.find((each) => each.name === name)
}

/** No name holds a slash. */
function keyOf({ name, rule = '' }: LLMRouteStatusBudget): string {
  return `${rule}/${name}`
}
