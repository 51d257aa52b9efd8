// When a pod is nudged and when its sidecar is asked, as a decision without a clock of its own.
//
// The kubelet mounts a changed ConfigMap at the pod's next sync, a minute or more away; a changed annotation makes it sync
// at once. It may do so with what it had cached before the change, so a nudge is repeated until the sidecar says that it
// runs the document. Asking is cheap and nudging costs writes: hence the two series. A sidecar that cannot be asked is
// nudged once for a change: whether it followed cannot be known, and the kubelet's own sync comes anyway. One that runs the
// document is asked again, ever less often: when a document is followed by the one before it, the first answer may come
// from before either was mounted.

/**
 * Since the document was published, milliseconds: when the nudges are due. After the last one the kubelet is left alone. The late
 * ones are for kubelets that have lost touch with the API server. Their watches of pods and of ConfigMaps come back one by one, after
 * a wait of 30 to 60 s (client-go's backoff at its longest), and after a second one where the API server has lost its history: two
 * minutes at most. A nudge that comes before both are back brings nothing, and puts off the kubelet's own sync by another minute
 * or more: so none of them may be the last.
 */
const NUDGES_AT_MS = [
  ...[0, 500, 2_000, 5_000, 10_000, 20_000],
  ...[35_000, 50_000, 65_000, 80_000, 95_000, 110_000, 125_000],
]

/**
 * Behind an answer that was not yet the right one, by the time since the document was published. No faster: what asks and what
 * answers shares a node with the kubelet that is waited for.
 */
const ASK_EVERY_MS: readonly (readonly [untilMs: number, everyMs: number])[] = [
  [1_000, 150],
  [15_000, 500],
  [150_000, 3_000],
]

/** A sidecar that has run for long what it should, or has not followed for long, is asked this often. */
const SETTLED_EVERY_MS = 60_000

/** `Eventual`: too many pods for nudges; the kubelet's own sync brings the document, a minute or so later. */
export type Pace = 'Nudged' | 'Eventual'

/**
 * What is known of a pod: whether the document says anything else to it than what it runs. `Assumed`: it could not be
 * asked, but nothing is known that it lacks.
 */
export type Standing = 'Current' | 'Outdated' | 'Assumed'

export interface Progress {
  /** Milliseconds since the document was published, or since the pod was seen first. */
  sinceMs: number
  /** Since then. */
  nudges: number
  standing: Standing
  pace: Pace
}

/** Whether a nudge is due now. */
export function nudgeIsDue({ sinceMs, nudges, standing, pace }: Progress): boolean {
  if (pace === 'Eventual' || standing !== 'Outdated') return false
  const dueAtMs = NUDGES_AT_MS[nudges]
  return dueAtMs !== undefined && sinceMs >= dueAtMs
}

/** Milliseconds until the sidecar is asked again. */
export function nextAskMs({ sinceMs, standing, pace }: Progress): number {
  if (standing !== 'Outdated') return Math.min(SETTLED_EVERY_MS, Math.max(500, sinceMs))
  if (pace === 'Eventual') return Math.min(SETTLED_EVERY_MS, Math.max(3_000, sinceMs))
  return ASK_EVERY_MS.find(([untilMs]) => sinceMs < untilMs)?.[1] ?? SETTLED_EVERY_MS
}
