// What the objects of one namespace are told about themselves: for each LLMProvider and LLMRoute the status to write.
//
// In: the snapshot that was compiled, the problems that came out of it, how many sidecars run what, what is used of limits, and
// the time. Out: only the statuses that differ from what stands in the objects, so that nothing is written when nothing has
// changed. Pure; who writes them, and when, is not decided here. Every problem reaches exactly one condition (condition-of.ts is the table).
// Only objects of the namespace are told anything: compile also reports the problems of other namespaces' providers, but
// those hear the same when their own namespace is reconciled, since a provider is always open to its own namespace.
// Conditions of types that are not ours are neither kept nor compared: server-side apply leaves them to whoever wrote them.

import { CONDITION_TYPES } from '../api/condition.ts'
import type { LLMProvider, LLMProviderStatus } from '../api/llm-provider.ts'
import type { LLMRoute, LLMRouteStatus } from '../api/llm-route.ts'
import type { ObjectReference, Problem } from '../api/problem.ts'
import type { Snapshot } from '../resolve/snapshot.ts'
import type { SidecarCounts } from '../rollout/count.ts'
import { conditionsOf } from './conditions.ts'
import type { LimitUses } from './limit-use.ts'
import { sameJson } from './same-json.ts'
import { servedModels } from './served-models.ts'
import { sidecarsStatus } from './sidecar-counts.ts'
import { providerLimitEntries, routeBudgetEntries, routeLimitEntries } from './use-entries.ts'

export interface StatusInputs {
  namespace: string
  /** May hold objects of other namespaces too. */
  snapshot: Pick<Snapshot, 'providers' | 'routes'>
  /** Those of the namespace's document; of other objects than the namespace's own they are passed over. */
  problems: readonly Problem[]
  /** As `problems`. */
  warnings: readonly Problem[]
  /** Asked once for each object of the namespace. */
  sidecarsOf(object: ObjectReference): SidecarCounts
  /** What its status is to show of limits and budgets; undefined: not known, and what stands there stays. */
  usesOf(object: ObjectReference): LimitUses | undefined
  /** RFC 3339. Fractions of a second are dropped, as Kubernetes does in metav1.Time. */
  now: string
}

export type ObjectStatus = LLMProviderStatus | LLMRouteStatus

/** `object.status` is what stands there, `status` is what shall stand there, whole. */
export type StatusUpdate =
  | { object: LLMProvider; status: LLMProviderStatus }
  | { object: LLMRoute; status: LLMRouteStatus }

/** In the order of the snapshot, providers first. */
export function statusesOf(inputs: StatusInputs): StatusUpdate[] {
  const { namespace, snapshot, sidecarsOf, usesOf, now } = inputs
  const nowSeconds = now.replace(/\.\d+/, '')
  const commonOf = (object: LLMProvider | LLMRoute) => {
    const reference = referenceTo(object)
    const counts = sidecarsOf(reference)
    const isOwn = (problem: Problem) => isSame(problem.object, reference)
    const own = { problems: inputs.problems.filter(isOwn), warnings: inputs.warnings.filter(isOwn) }
    return {
      sidecars: sidecarsStatus(counts),
      conditions: conditionsOf(object, own, counts, nowSeconds),
    }
  }
  const providers = snapshot.providers
    .filter(({ metadata }) => metadata.namespace === namespace)
    .map((object) => ({
      object,
      status: {
        ...{ ...generationOf(object), models: object.spec.models.length },
        ...providerUse(object, usesOf(referenceTo(object))),
        ...commonOf(object),
      },
    }))
  const routes = snapshot.routes
    .filter(({ metadata }) => metadata.namespace === namespace)
    .map((object) => {
      const { rules } = object.spec
      const own = { rules: rules.length, servedModels: servedModels(rules) }
      const use = routeUse(object, usesOf(referenceTo(object)))
      return { object, status: { ...generationOf(object), ...own, ...use, ...commonOf(object) } }
    })
  return [...providers, ...routes].filter(({ object, status }) => !sameJson(ownPart(object.status), status))
}

function providerUse(provider: LLMProvider, uses: LimitUses | undefined): Pick<LLMProviderStatus, 'limits'> {
  return filled(uses === undefined ? (provider.status ?? {}) : { limits: providerLimitEntries(provider, uses) })
}

function routeUse(route: LLMRoute, uses: LimitUses | undefined): Pick<LLMRouteStatus, 'limits' | 'budgets'> {
  if (uses === undefined) return filled(route.status ?? {})
  return filled({ limits: routeLimitEntries(route, uses), budgets: routeBudgetEntries(route, uses) })
}

/** A list without anything in it is left out. */
function filled({ limits = [], budgets = [] }: Pick<LLMRouteStatus, 'limits' | 'budgets'>) {
  return { ...(limits.length > 0 && { limits }), ...(budgets.length > 0 && { budgets }) }
}

function ownPart(status: ObjectStatus | undefined): ObjectStatus | undefined {
  if (status?.conditions === undefined) return status
  return { ...status, conditions: status.conditions.filter(({ type }) => Object.hasOwn(CONDITION_TYPES, type)) }
}

function generationOf({ metadata: { generation } }: LLMProvider | LLMRoute): { observedGeneration?: number } {
  return generation === undefined ? {} : { observedGeneration: generation }
}

function referenceTo({ kind, metadata: { namespace, name } }: LLMProvider | LLMRoute): ObjectReference {
  return { kind, namespace, name }
}

function isSame(a: ObjectReference, b: ObjectReference): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.name === b.name
}
