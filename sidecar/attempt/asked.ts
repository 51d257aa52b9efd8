// What is asked of the estimator: the model by its provider's name, and whose answers are alike, which are those of a rule.
import type { Model, Provider } from '../config/runtime.ts'
import type { Asked } from '../limits/estimate.ts'
import { maxTokensOf } from '../limits/max-tokens.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'

/** Requests without a model are those of files and the like. */
export function askedOf({ model }: { model: Model | undefined }, owner: string, request: DecodedRequest): Asked {
  return { model: model?.upstreamName ?? '', owner, request, maxTokens: maxTokensOf(request) }
}

/** Where no rule decided, the provider's. */
export function ownerOf(
  { route, rule }: { readonly route: string | undefined; readonly rule: string | undefined },
  provider: Pick<Provider, 'id'>,
): string {
  return rule === undefined ? provider.id : `${route}/${rule}`
}
