// How many sidecars run what an object says. In: pods, what their sidecars said last, the document that is wanted. Out:
// numbers for status. A pod counts for an object when the object decides for it, now or in what the pod still runs.
import { concerning, type Fingerprint, sameFor } from './fingerprint.ts'
import type { SidecarPod } from './pod.ts'

/** What a sidecar said when it was asked last. */
export type Report =
  | { readonly kind: 'Runs'; readonly running: Fingerprint | undefined }
  /** It could not be asked; the message says why. */
  | { readonly kind: 'Unreachable'; readonly message: string }

export interface PodRollout {
  readonly pod: SidecarPod
  /** Absent until it was asked. */
  readonly report: Report | undefined
}

export interface NamespaceRollout {
  /** The document that was published last; absent before the first. */
  readonly wanted: Fingerprint | undefined
  readonly pods: readonly PodRollout[]
}

/** Of the pods that an object concerns. `total` counts sidecars that run; `missing` are pods that asked for one and have none. */
export interface SidecarCounts {
  total: number
  current: number
  /** Run something else, or have not said yet what they run. */
  outdated: number
  missing: number
  /** Run another image than new pods get. */
  imageOutdated: number
  /** Of `outdated`: those that could not be asked. */
  unreachable: number
  /** `namespace/pod: message` of one of them. */
  unreachableExample?: string
}

const NONE: SidecarCounts = { total: 0, current: 0, outdated: 0, missing: 0, imageOutdated: 0, unreachable: 0 }

/**
 * For each object of the namespace's document, or of one that a pod still runs, by `objectKey`; objects that concern no
 * pod are absent. One pass over the pods, because a namespace may hold hundreds of both. `sidecarImage`: what new pods get.
 */
export function countSidecars(
  { wanted, pods }: NamespaceRollout,
  sidecarImage: string | undefined,
): Map<string, SidecarCounts> {
  const counts = new Map<string, SidecarCounts>()
  if (wanted === undefined) return counts
  for (const { pod, report } of pods.filter(isCounted)) {
    const says = concerning(wanted, pod.labels)
    const running = report?.kind === 'Runs' ? report.running : undefined
    const runs: ReadonlyMap<string, string> = running ? concerning(running, pod.labels) : new Map()
    for (const key of new Set([...says.keys(), ...runs.keys()])) {
      const one = countOne(pod, report, running !== undefined && says.get(key) === runs.get(key), sidecarImage)
      counts.set(key, addCounts(counts.get(key), one))
    }
  }
  return counts
}

/**
 * Of the pods that a provider concerns, when the provider is now `digest`; undefined: the namespace is not to have it. A
 * namespace whose document was not yet made from the provider as it is now, or is not known yet, has no sidecar that is up to
 * date, whatever they say of the document before.
 */
export function countProvider(
  rollout: NamespaceRollout,
  counted: { counts: ReadonlyMap<string, SidecarCounts>; pods: SidecarCounts },
  provider: { id: string; digest: string | undefined },
): SidecarCounts {
  const { id, digest } = provider
  const published = rollout.wanted?.providers.get(id)
  const counts = counted.counts.get(`LLMProvider ${id}`) ?? NONE
  if (published === digest) return counts
  // Which pods will use what is new to all of them, only the next document tells.
  const concerned = published === undefined ? counted.pods : counts
  return { ...concerned, current: 0, outdated: concerned.total }
}

/** One that starts counts when it answers, or when it should: every new pod would be a lagging one otherwise. */
function isCounted({ pod: { state, started }, report }: PodRollout): boolean {
  return state === 'Missing' || (state === 'Running' && (started || report?.kind === 'Runs'))
}

function countOne(
  pod: SidecarPod,
  report: Report | undefined,
  isCurrent: boolean,
  sidecarImage: string | undefined,
): SidecarCounts {
  if (pod.state === 'Missing') return { ...NONE, missing: 1 }
  const imageOutdated = sidecarImage === undefined || pod.image === sidecarImage ? 0 : 1
  if (isCurrent) return { ...NONE, total: 1, current: 1, imageOutdated }
  const outdated = { ...NONE, total: 1, outdated: 1, imageOutdated }
  if (report?.kind !== 'Unreachable') return outdated
  return { ...outdated, unreachable: 1, unreachableExample: `${pod.namespace}/${pod.name}: ${report.message}` }
}

/** The namespace's pods, whatever concerns them. */
export function countPods({ wanted, pods }: NamespaceRollout, sidecarImage: string | undefined): SidecarCounts {
  return pods
    .filter(isCounted)
    .map(({ pod, report }) => {
      const running = report?.kind === 'Runs' ? report.running : undefined
      return countOne(pod, report, wanted !== undefined && sameFor(pod.labels, running, wanted), sidecarImage)
    })
    .reduce(addCounts, NONE)
}

/** Sums up; an absent side counts nothing. The example is the first by name, so that equal pods give equal words. */
export function addCounts(a: SidecarCounts = NONE, b: SidecarCounts = NONE): SidecarCounts {
  const [unreachableExample] = [a.unreachableExample, b.unreachableExample].filter((one) => one !== undefined).sort()
  return {
    total: a.total + b.total,
    current: a.current + b.current,
    outdated: a.outdated + b.outdated,
    missing: a.missing + b.missing,
    imageOutdated: a.imageOutdated + b.imageOutdated,
    unreachable: a.unreachable + b.unreachable,
    ...(unreachableExample !== undefined && { unreachableExample }),
  }
}
