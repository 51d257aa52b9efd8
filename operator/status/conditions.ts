import {
  CONDITION_TYPES,
  type Condition,
  type ConditionReason,
  type ConditionStatus,
  type ConditionType,
} from '../api/condition.ts'
import type { LLMProvider } from '../api/llm-provider.ts'
import type { LLMRoute } from '../api/llm-route.ts'
import type { Problem } from '../api/problem.ts'
import type { SidecarCounts } from '../rollout/count.ts'
import { conditionOf } from './condition-of.ts'
import { programmedOutcome } from './sidecar-counts.ts'

/** A condition without what it takes from the object and the clock. */
export interface Outcome {
  status: ConditionStatus
  reason: ConditionReason
  message: string
}

/** What compile says of one object. */
export interface Told {
  problems: readonly Problem[]
  warnings: readonly Problem[]
}

/** Of metav1.Condition, in code points. */
const MESSAGE_LENGTH_MAX = 32768

/** When nothing is wrong. Programmed depends on the sidecars. */
const SOUND: Readonly<Record<ConditionType, (counts: SidecarCounts) => Outcome>> = {
  Accepted: () => ({ status: 'True', reason: 'Accepted', message: 'Every field can be used' }),
  ResolvedRefs: () => ({ status: 'True', reason: 'ResolvedRefs', message: 'Every reference leads somewhere' }),
  Programmed: programmedOutcome,
}

/**
 * All three, in the order of CONDITION_TYPES. `told` is the object's own; a warning changes no more than the message of a condition that
 * is True. A condition that keeps its status keeps its
 * lastTransitionTime; otherwise that is `now`.
 */
export function conditionsOf(
  { metadata, status: before }: LLMProvider | LLMRoute,
  told: Told,
  counts: SidecarCounts,
  now: string,
): Condition[] {
  return (Object.keys(CONDITION_TYPES) as ConditionType[]).map((type) => {
    const { status, reason, message } = outcomeOf(type, told, counts)
    const previous = before?.conditions?.find((condition) => condition.type === type)
    return {
      type,
      status,
      ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
      lastTransitionTime: previous?.status === status ? previous.lastTransitionTime : now,
      reason,
      message: bounded(message),
    }
  })
}

/** The first problem of the condition gives its reason: problems come in the order of the object's fields. */
function outcomeOf(type: ConditionType, { problems, warnings }: Told, counts: SidecarCounts): Outcome {
  const wrong = summaryOf(problems, type)
  if (wrong !== undefined) return { status: 'False', ...wrong }
  const sound = SOUND[type](counts)
  const doubtful = summaryOf(warnings, type)
  return doubtful === undefined ? sound : { ...sound, message: `${sound.message}, but ${doubtful.message}` }
}

function summaryOf(problems: readonly Problem[], type: ConditionType): Pick<Outcome, 'reason' | 'message'> | undefined {
  const [first, ...others] = problems.filter((problem) => conditionOf(problem) === type)
  if (first === undefined) return undefined
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  return { reason: first.reason, message: `${first.field}: ${first.message}${more}` }
}

function bounded(message: string): string {
  const characters = [...message]
  if (characters.length <= MESSAGE_LENGTH_MAX) return message
  return `${characters.slice(0, MESSAGE_LENGTH_MAX - 1).join('')}…`
}
