// Whether a rule's match holds for a request. Patterns are compiled once per document; matching allocates nothing.
import type { MatchConfig, Operation, StringMatchConfig } from '../../contract/sidecar-config.ts'
import { compileString, type StringMatcher } from '../../contract/string-match.ts'
import type { DecodedRequest } from './decoded-request.ts'
import { header, type RequestHead } from './head.ts'

/** All of; a part that the configuration leaves empty is undefined and holds for every request. */
export interface Match {
  /** Undefined: also holds for requests that name no model. */
  readonly model: StringMatcher | undefined
  readonly operations: ReadonlySet<Operation> | undefined
  readonly headers: ((head: RequestHead) => boolean) | undefined
}

/** A match lists alternatives for the model and for the operation, but conditions for the headers: all must hold. */
export function compileMatch(config: MatchConfig): Match {
  return {
    model: config.models.length === 0 ? undefined : anyOf(config.models),
    operations: config.operations.length === 0 ? undefined : new Set(config.operations),
    headers: config.headers.length === 0 ? undefined : allHeaders(config.headers),
  }
}

export function matches(match: Match, request: DecodedRequest): boolean {
  return (
    (match.operations === undefined || match.operations.has(request.operation)) &&
    matchesModel(match, request.model) &&
    (match.headers === undefined || match.headers(request.head))
  )
}

export function matchesModel(match: Match, model: string | undefined): boolean {
  return match.model === undefined || (model !== undefined && match.model(model))
}

function anyOf(models: readonly StringMatchConfig[]): StringMatcher {
  const matchers = models.map(compileString)
  const [only] = matchers
  return only !== undefined && matchers.length === 1 ? only : (value) => matchers.some((matcher) => matcher(value))
}

// The values of a repeated header are matched as one, joined by ", ": a second value cannot slip past an Exact.
function allHeaders(headers: MatchConfig['headers']): (head: RequestHead) => boolean {
  const conditions = headers.map((config) => ({ name: config.name, holds: compileString(config) }))
  return (head) =>
    conditions.every(({ name, holds }) => {
      const value = header(head, name)
      return value !== undefined && holds(value)
    })
}
