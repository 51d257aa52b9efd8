import type { Reason } from './reason.ts'

/** A user's mistake, as a value. Every one reaches a condition of the object that it names. */
export interface Problem extends Flaw {
  object: ObjectReference
}

/** A problem whose object is known from where it stands. */
export interface Flaw {
  /** Path inside the object, e.g. `spec.rules[0].backends[1].model`. */
  field: string
  reason: Reason
  /** One sentence for the object's owner: what is wrong and what to do. Holds no secret value. */
  message: string
}

export interface ObjectReference {
  kind: 'LLMProvider' | 'LLMRoute'
  namespace: string
  name: string
}

const NAMES_MAX = 10

/** Names for the end of a message, bounded: conditions have a size limit, and nobody reads 500 models. */
export function nameList(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  const shown = names.slice(0, NAMES_MAX).join(', ')
  return names.length > NAMES_MAX ? `${shown} and ${names.length - NAMES_MAX} more` : shown
}
