import type { LLMProviderStatusSidecars } from '../api/llm-provider.ts'
import type { SidecarCounts } from '../rollout/count.ts'
import type { Outcome } from './conditions.ts'

export function sidecarsStatus(counts: SidecarCounts): LLMProviderStatusSidecars {
  const { total, current, outdated, unreachable, missing, imageOutdated } = counts
  const currentOfTotal = `${current}/${total}`
  return { total, current, outdated, unreachable, missing, imageOutdated, currentOfTotal }
}

/** Programmed of an object without problems. One sidecar known to lag outweighs any number that cannot be asked. */
export function programmedOutcome(counts: SidecarCounts): Outcome {
  const { total, outdated, unreachable } = counts
  const message = [followersMessage(counts), ...remarks(counts)].join('; ')
  if (outdated > unreachable) return { status: 'False', reason: 'Pending', message }
  if (unreachable > 0) return { status: 'Unknown', reason: 'SidecarsUnreachable', message }
  if (total === 0) return { status: 'True', reason: 'NoSidecars', message }
  return { status: 'True', reason: 'Programmed', message }
}

function followersMessage({ total, current, outdated, unreachable, unreachableExample }: SidecarCounts): string {
  if (total === 0) return 'No running sidecar is concerned'
  const example = unreachableExample === undefined ? '' : ` (${unreachableExample})`
  const lagging = outdated - unreachable
  return [
    `${current} of ${total} sidecars run it`,
    ...(lagging > 0 ? [`${lagging} not yet`] : []),
    ...(unreachable > 0 ? [`${unreachable} cannot be asked${example}`] : []),
  ].join(', ')
}

/** What does not keep the sidecars that are there from being up to date. */
function remarks({ missing, imageOutdated }: SidecarCounts): string[] {
  return [
    ...(missing > 0 ? [`pods that ask for a sidecar and run without one: ${missing}`] : []),
    ...(imageOutdated > 0 ? [`sidecars of another image than new pods get: ${imageOutdated}`] : []),
  ]
}
