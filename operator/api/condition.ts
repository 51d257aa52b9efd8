// What the conditions of both kinds say, in words that are a promise: alerts, scripts and documentation rely on them.
//
// Three types, each with a closed set of reasons: those below, and those of problems (reason.ts). Which problem belongs to
// which condition is a table in status/. A type for every fault (SecretMissing, …) was rejected: `kubectl wait` needs one
// name for "it works", and the reason says the rest.

import type { Reason } from './reason.ts'

/** As Kubernetes' metav1.Condition, and as it stands in a stored object: an older or newer operator may have written it. */
export interface Condition {
  /** One of `CONDITION_TYPES`, unless somebody else wrote it. */
  type: string
  status: ConditionStatus
  /** `metadata.generation` of the object that the condition was made from; absent where objects have none. */
  observedGeneration?: number
  /** RFC 3339, whole seconds. Changes with `status` only. */
  lastTransitionTime: string
  /** One of `ConditionReason`, unless somebody else wrote it. */
  reason: string
  /** For people; at most 32768 characters. */
  message: string
}

export type ConditionStatus = 'True' | 'False' | 'Unknown'

/** In the order in which they are written: the first that does not hold is the one to look at. */
export const CONDITION_TYPES = {
  Accepted: 'The object is right in itself: every field can be used.',
  ResolvedRefs: 'What the object refers to exists, is of the right kind, and may be used by it.',
  Programmed: 'The running sidecars that the object concerns have said that they run it as it is now, all of it.',
} as const

export type ConditionType = keyof typeof CONDITION_TYPES

/** Reasons that no problem gives. */
export const STATE_REASONS = {
  Accepted: 'Every field can be used. Stands beside Accepted True.',
  ResolvedRefs: 'Every reference leads somewhere. Stands beside ResolvedRefs True.',
  Programmed: 'Every sidecar concerned runs it. Stands beside Programmed True.',
  NoSidecars: 'No running sidecar is concerned, so nothing is left to do. Stands beside Programmed True.',
  Pending:
    'Some of the sidecars concerned run something else, or have not said yet what they run. Stands beside Programmed False.',
  SidecarsUnreachable:
    'Some of the sidecars concerned cannot be asked what they run. Stands beside Programmed Unknown.',
} as const

export type StateReason = keyof typeof STATE_REASONS

export type ConditionReason = StateReason | Reason
