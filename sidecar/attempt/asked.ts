// What is asked of the estimator: the model by its provider's name, and whose answers are alike, which are those of a rule.
import type { Provider } from '../config/runtime.ts'
import type { Asked } from '../limits/estimate.ts'
import { MAX_TOKENS_FIELDS, maxTokensOf } from '../limits/max-tokens.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import type { Attempt } from '../request/route.ts'

/** Requests without a model are those of files and the like. A bound that the rule sets itself is not the client's to say. */
export function askedOf(
  { model, edits }: Pick<Attempt, 'model' | 'edits'>,
  owner: string,
  request: DecodedRequest,
): Asked {
  const isOurs = edits.some(({ field }) => MAX_TOKENS_FIELDS.includes(field))
  return { model: model?.upstreamName ?? '', owner, request, maxTokens: isOurs ? undefined : maxTokensOf(request) }
}

/** Where no rule decided, the provider's. */
export function ownerOf(
  { route, rule }: { readonly route: string | undefined; readonly rule: string | undefined },
  provider: Pick<Provider, 'id'>,
): string {
  return rule === undefined ? provider.id : `${route}/${rule}`
}
