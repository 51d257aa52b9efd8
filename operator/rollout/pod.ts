// Of a pod, only what rollout and status need: a cluster holds thousands, and each is some kilobytes of YAML.
import { ADMIN_PORT, SIDECAR_CONTAINER } from '../../contract/names.ts'
import type { Labels } from './fingerprint.ts'

/** A pod with the label that asks for injection. */
export interface SidecarPod {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly labels: Labels
  readonly state: SidecarState
  /** `HOST:PORT` of the sidecar's admin server; present while it runs. */
  readonly admin: string | undefined
  /** Image that the pod asks for; absent where there is no sidecar. */
  readonly image: string | undefined
  /** How often the sidecar was started again: another number is another process, which must be asked anew. */
  readonly restarts: number
  /** The kubelet has reached its startup probe: from then on it should answer. */
  readonly started: boolean
}

/**
 * `Running`: answers, or should. `Starting`: the pod has a sidecar that does not run (yet). `Missing`: the pod asks for one
 * and has none. `Ended`: the pod is over, or on its way there.
 */
export type SidecarState = 'Running' | 'Starting' | 'Missing' | 'Ended'

/** The fields of a v1 Pod that are read. */
export interface RawPod {
  metadata: {
    name: string
    namespace?: string
    uid: string
    labels?: Record<string, string>
    deletionTimestamp?: string
  }
  spec?: { initContainers?: { name: string; image?: string }[] }
  status?: {
    phase?: string
    podIP?: string
    initContainerStatuses?: { name: string; restartCount?: number; started?: boolean; state?: { running?: object } }[]
  }
}

export function sidecarPodOf({ metadata, spec, status }: RawPod): SidecarPod {
  const container = spec?.initContainers?.find(({ name }) => name === SIDECAR_CONTAINER)
  const running = status?.initContainerStatuses?.find(({ name }) => name === SIDECAR_CONTAINER)
  const ended = metadata.deletionTimestamp !== undefined || ['Succeeded', 'Failed'].includes(status?.phase ?? '')
  const runs = running?.state?.running !== undefined && status?.podIP !== undefined
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    labels: metadata.labels ?? {},
    state: ended ? 'Ended' : container === undefined ? 'Missing' : runs ? 'Running' : 'Starting',
    admin: runs && !ended ? addressOf(status.podIP as string) : undefined,
    image: container?.image,
    restarts: running?.restartCount ?? 0,
    started: runs && running.started !== false,
  }
}

/** Nothing that is read of the pod is different. */
export function isSamePod(a: SidecarPod, b: SidecarPod): boolean {
  return JSON.stringify(factsOf(a)) === JSON.stringify(factsOf(b))
}

function factsOf({ uid, labels, state, admin, image, restarts, started }: SidecarPod): unknown[] {
  const ordered = Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1))
  return [uid, ordered, state, admin, image, restarts, started]
}

function addressOf(ip: string): string {
  return `${ip.includes(':') ? `[${ip}]` : ip}:${ADMIN_PORT}`
}
