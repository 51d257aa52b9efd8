import type { LLMRouteRule, LLMRouteRuleMatchModel } from '../api/llm-route.ts'
import { nameList } from '../api/problem.ts'

/** Model names that clients may send, as the rules match them and in their order: `fast, gpt-*`. Bounded. */
export function servedModels(rules: readonly LLMRouteRule[]): string {
  const names = rules.flatMap(({ matches = [] }) =>
    matches.length === 0
      ? ['*']
      : matches.flatMap(({ models = [] }) => (models.length === 0 ? ['*'] : models.map(nameOf))),
  )
  return nameList([...new Set(names)])
}

function nameOf({ type, value }: LLMRouteRuleMatchModel): string {
  return type === 'Prefix' ? `${value}*` : value
}
