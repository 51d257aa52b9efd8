// What a pod's owner is told at the pod itself, where they look first (`kubectl describe pod`).
import type { SidecarPod } from '../rollout/pod.ts'
import type { EventDraft } from './events.ts'

export interface IdentifiedDraft {
  draft: EventDraft
  /** Equal for what is to be told once only. */
  identity: string
}

/** `before` is undefined for a pod that is seen first; `sidecarImage` where Outrigger injects nothing. */
export function sidecarEvents(
  before: SidecarPod | undefined,
  pod: SidecarPod,
  sidecarImage: string | undefined,
): IdentifiedDraft[] {
  if (before?.uid === pod.uid && before.state === pod.state && before.image === pod.image) return []
  const { namespace, name, uid } = pod
  const regarding = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid }
  if (pod.state === 'Missing') {
    const message =
      'The pod asks for an Outrigger sidecar and has none: it was created while nothing injected, or it uses the host’s network. Its LLM traffic does not go through Outrigger; create the pod again'
    return [{ draft: { type: 'Warning', reason: 'SidecarMissing', message, regarding }, identity: `${uid}/missing` }]
  }
  if (pod.state !== 'Running' || sidecarImage === undefined || pod.image === sidecarImage) return []
  const message = `The sidecar's image is ${pod.image}; new pods get ${sidecarImage}. Restart the workload, or set the image of this pod`
  return [
    {
      draft: { type: 'Normal', reason: 'SidecarImageOutdated', message, regarding },
      identity: `${uid}/${sidecarImage}`,
    },
  ]
}
