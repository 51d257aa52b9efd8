// THE STORY of the operator: how one namespace gets what its resources say. It is told again whenever something that the
// namespace depends on is different: a resource, a Secret, a label, a pod, or what a sidecar says that it runs.
//
// In: one frozen snapshot, so that every step sees the same cluster. Out: the document and the credentials for the
// namespace's sidecars, and for the owner of every object a status that is true. `resolve`, `compile` and `statusesOf` are
// pure and cannot fail: a user's mistake is a problem that reaches a condition, and takes out no more than what it broke.
// What can fail is the cluster: then the queue tells this story again, later, from a newer snapshot. Nothing is written that
// is there already, so telling it once too often costs nothing.
import type { ObjectReference, Problem } from './api/problem.ts'
import { type Compiled, compile } from './compile/compile.ts'
import { resolve } from './resolve/resolve.ts'
import type { Snapshot } from './resolve/snapshot.ts'
import type { SidecarCounts } from './rollout/count.ts'
import type { LimitUses } from './status/limit-use.ts'
import { type StatusUpdate, statusesOf } from './status/statuses.ts'

/** What the story needs of the cluster; `kube/term.ts` is the real one. */
export interface Cluster<Seen extends Snapshot = Snapshot> {
  /** All that was seen at this moment, frozen. */
  snapshot(): Seen
  /**
   * Makes the document the one that the namespace's sidecars get, where it is not already, and sees to it that they follow.
   * Returns what kept it from being published: then the last one stays.
   */
  publish(namespace: string, compiled: Compiled, seen: Seen): Promise<Problem[]>
  /** What the sidecars that the object concerns have said that they run. */
  sidecarsOf(object: ObjectReference): SidecarCounts
  /** What is used of its limits and budgets, as its status is to show it; undefined while that is not known. */
  usesOf(object: ObjectReference): LimitUses | undefined
  writeStatuses(namespace: string, updates: readonly StatusUpdate[]): Promise<void>
}

/** `now` is in RFC 3339. */
export async function reconcile<Seen extends Snapshot>(
  namespace: string,
  cluster: Cluster<Seen>,
  now: () => string,
): Promise<void> {
  const snapshot = cluster.snapshot()
  const compiled = compile(resolve(snapshot, namespace))
  const unpublished = await cluster.publish(namespace, compiled, snapshot)
  const told = { problems: [...compiled.problems, ...unpublished], warnings: compiled.warnings }
  const { sidecarsOf, usesOf } = cluster
  const updates = statusesOf({ namespace, snapshot, ...told, sidecarsOf, usesOf, now: now() })
  await cluster.writeStatuses(namespace, updates)
}
