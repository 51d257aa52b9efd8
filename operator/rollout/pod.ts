// Of a pod, only what rollout and status need: a cluster holds thousands, and each is some kilobytes of YAML.

import { SHARES_ANNOTATION } from '../../contract/limit-shares.ts'
import { ADMIN_PORT, SIDECAR_CONTAINER } from '../../contract/names.ts'
import type { Labels } from './fingerprint.ts'
import { workloadOf } from './workload.ts'

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
  readonly sharing: PodSharing
}

/** Of a pod, what concerns limits that several share. */
export interface PodSharing {
  /** What it belongs to: `Deployment/shop`, or `Pod/name`. */
  readonly workload: string
  /** `HOST:PORT` of the sidecar's admin server, also while the pod is on its way out. */
  readonly admin: string | undefined
  /** Annotation with its shares. */
  readonly annotation: string | undefined
  /** Of what was read: a write can ask for nothing to have changed since. */
  readonly resourceVersion: string
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
    resourceVersion?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    ownerReferences?: readonly { kind: string; name: string; controller?: boolean }[]
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
  const { name, namespace = '', uid, labels = {}, annotations, ownerReferences = [], resourceVersion = '' } = metadata
  const owners = ownerReferences.map((owner) => ({ ...owner, controller: owner.controller === true }))
  const admin = runs ? addressOf(status.podIP as string) : undefined
  return {
    ...{ namespace, name, uid, labels },
    state: ended ? 'Ended' : container === undefined ? 'Missing' : runs ? 'Running' : 'Starting',
    admin: ended ? undefined : admin,
    image: container?.image,
    restarts: running?.restartCount ?? 0,
    started: runs && running.started !== false,
    sharing: {
      workload: workloadOf({ labels, owners }) ?? `Pod/${name}`,
      ...{ admin, annotation: annotations?.[SHARES_ANNOTATION], resourceVersion },
    },
  }
}

/** Nothing that is read of the pod is different, apart from its shares of limits, which are not a rollout's concern. */
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
