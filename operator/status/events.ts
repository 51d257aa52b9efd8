import { CONDITION_TYPES, type Condition } from '../api/condition.ts'
import type { LLMProvider } from '../api/llm-provider.ts'
import type { LLMRoute } from '../api/llm-route.ts'
import { budgetWarnings } from './budget-events.ts'
import type { ObjectStatus } from './statuses.ts'

/** An event without what its sender adds: name, time and who reports it. */
export interface EventDraft {
  type: 'Normal' | 'Warning'
  /** The condition's reason. */
  reason: string
  /** At most 1024 bytes in UTF-8, the limit of events.k8s.io. */
  message: string
  regarding: { apiVersion: string; kind: string; namespace: string; name: string; uid?: string }
  /** Equal for what is to be told once only, as long as the API server keeps it. Absent: it is told each time. */
  identity?: string
}

const MESSAGE_BYTES_MAX = 1024

/**
 * One for each condition that changed its status, or its reason while False, and for each budget that has passed a percentage. Never
 * for counts: a Deployment that scales would write hundreds. A condition that is True from the start is what everybody expects, and no
 * event.
 */
export function eventsOf(
  before: ObjectStatus | undefined,
  after: ObjectStatus,
  object: LLMProvider | LLMRoute,
): EventDraft[] {
  const { apiVersion, kind, metadata } = object
  const { namespace, name, uid } = metadata
  const regarding = { apiVersion, kind, namespace, name, ...(uid !== undefined && { uid }) }
  const told = object.kind === 'LLMRoute' ? budgetWarnings(before, after, object) : []
  return [...transitions(before, after), ...told].map((each) => ({
    ...each,
    message: bounded(each.message),
    regarding,
  }))
}

function transitions(before: ObjectStatus | undefined, after: ObjectStatus): Omit<EventDraft, 'regarding'>[] {
  const earlier = new Map((before?.conditions ?? []).map((condition) => [condition.type, condition]))
  return (after.conditions ?? [])
    .filter(({ type }) => Object.hasOwn(CONDITION_TYPES, type))
    .filter((condition) => isTransition(earlier.get(condition.type), condition))
    .map((condition) => ({
      type: isHarmless(condition) ? 'Normal' : 'Warning',
      reason: condition.reason,
      message: condition.message,
    }))
}

function isTransition(before: Condition | undefined, after: Condition): boolean {
  if (before === undefined) return after.status !== 'True'
  return before.status !== after.status || (after.status === 'False' && before.reason !== after.reason)
}

/** Sidecars that are about to follow are nothing to warn of. */
function isHarmless({ status, reason }: Condition): boolean {
  return status === 'True' || reason === 'Pending'
}

function bounded(message: string): string {
  const bytes = new TextEncoder().encode(message)
  if (bytes.length <= MESSAGE_BYTES_MAX) return message
  const ellipsis = '…'
  const room = MESSAGE_BYTES_MAX - new TextEncoder().encode(ellipsis).length
  // `stream` leaves out the bytes of a character that was cut.
  return new TextDecoder().decode(bytes.subarray(0, room), { stream: true }) + ellipsis
}
