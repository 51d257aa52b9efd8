// What is asked of the estimator: the model by its provider's name, and whose answers are alike.
import type { Asked } from '../limits/estimate.ts'
import { maxTokensOf } from '../limits/max-tokens.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import type { Attempt } from '../request/route.ts'

/** Requests without a model are those of files and the like. */
export function askedOf({ backend, model }: Pick<Attempt, 'backend' | 'model'>, request: DecodedRequest): Asked {
  const maxTokens = backend.setsMaxTokens ? undefined : maxTokensOf(request)
  return { model: model?.upstreamName ?? '', owner: backend.owner, request, maxTokens }
}
