import type { AccessLine } from './access-line.ts'

/**
 * What refused a request, as people find it in their files: `limit tpm of rule tokens of LLMRoute shop/chat (100 tokens in 1m)`. Ids are
 * `route:NAMESPACE/NAME/LIMIT`, with `RULE/` before the limit where it is a rule's, and `provider:NAMESPACE/NAME/LIMIT`.
 */
export function limitName({ limit = '', limitAllows, failure }: AccessLine): string {
  const what = failure === 'limit_reached' ? 'limit' : failure === 'budget_exhausted' ? 'budget' : 'limit or budget'
  const [, owner, object, rule, name] = /^(route|provider):([^/]+\/[^/]+)\/(?:([^/]+)\/)?([^/]+)$/.exec(limit) ?? []
  const allowed = limitAllows === undefined ? '' : ` (${limitAllows})`
  if (owner === undefined) return `${what} ${limit}${allowed}`
  const kind = owner === 'route' ? 'LLMRoute' : 'LLMProvider'
  return `${what} ${name} of ${rule === undefined ? '' : `rule ${rule} of `}${kind} ${object}${allowed}`
}
