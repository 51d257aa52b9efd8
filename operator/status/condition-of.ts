import type { ConditionType } from '../api/condition.ts'
import type { ObjectReference, Problem } from '../api/problem.ts'
import type { Reason } from '../api/reason.ts'

type Kind = ObjectReference['kind']

/**
 * Which condition a problem turns False: a row for each reason, split where it depends on the object that has the problem.
 * RuleUnavailable and a provider's own ProviderUnusable never come alone: what caused them stands in another condition,
 * they say what it comes to in the sidecars, so that Programmed True always means that the sidecars have all of the object.
 * PriceUnknown and NoCheaperBackend leave it True: sidecars do what is written, and that is not what its owner can have meant.
 */
const CONDITION_OF: Readonly<Record<Reason, ConditionType | Readonly<Record<Kind, ConditionType>>>> = {
  InvalidField: 'Accepted',
  InvalidCertificate: 'Accepted',
  PriceUnknown: 'Accepted',
  NoCheaperBackend: 'Accepted',
  SecretNotFound: 'ResolvedRefs',
  SecretKeyNotFound: 'ResolvedRefs',
  InvalidSecretType: 'ResolvedRefs',
  ProviderNotFound: 'ResolvedRefs',
  RefNotPermitted: 'ResolvedRefs',
  ModelNotFound: 'ResolvedRefs',
  ProviderUnusable: { LLMProvider: 'Programmed', LLMRoute: 'ResolvedRefs' },
  RuleUnavailable: 'Programmed',
  ConfigTooLarge: 'Programmed',
}

export function conditionOf({ object, reason }: Problem): ConditionType {
  const row = CONDITION_OF[reason]
  return typeof row === 'string' ? row : row[object.kind]
}
