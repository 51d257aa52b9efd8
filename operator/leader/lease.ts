// Who may lead, decided on one Lease. In: the Lease as this process saw it, and its own clocks. Out: the next move, and how long a
// term still holds. No request, no timer, no callback: operator/kube/leader.ts has those.
//
// Two rules keep two processes from leading at once, with whatever clocks they have:
// - A candidate takes a lease over only when the record did not change for the lease's whole length of the candidate's own
//   clock. The times inside the record were written by another machine's clock; they are for people and are never compared.
// - A leader counts its term from before the write was sent that renewed it, not from the answer, and leads for less than the
//   lease's length. Whoever saw that write saw it later.
// Between the two lie 5 s (15 - 10), for clocks that run at different speeds. Writes carry the resourceVersion that was read, so a
// write that comes late, or second, changes nothing.
//
// Rejected: trusting renewTime (needs clocks that agree); locks by ConfigMap or annotation (client-go left them for Lease).

/** coordination.k8s.io/v1 LeaseSpec. Times are RFC 3339 with six digits of a second. */
export interface LeaseSpec {
  holderIdentity?: string
  leaseDurationSeconds?: number
  acquireTime?: string
  renewTime?: string
  /** How often the lease went from one holder to another. */
  leaseTransitions?: number
}

export interface Lease {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace: string; resourceVersion?: string }
  spec?: LeaseSpec
}

/** Names of the lease, and of the process that wants it. */
export interface Candidate {
  namespace: string
  name: string
  identity: string
}

export interface LeaseTimings {
  /** A record that did not change for this long may be taken over. */
  leaseMs: number
  /** A leader that could not renew for this long has stopped leading. Well below `leaseMs`. */
  renewDeadlineMs: number
  retryMs: number
  /** A candidate waits `retryMs` and up to this many times `retryMs` more, so that candidates do not come all at once. */
  jitter: number
}

/** What client-go's components use. */
export const LEASE_TIMINGS: LeaseTimings = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000, jitter: 1.2 }

/** Both clocks of one process at one moment. */
export interface Moment {
  /** Milliseconds since the epoch. May jump. */
  wallMs: number
  /** Milliseconds of a clock that never goes back, but may stand still while the machine sleeps. */
  uptimeMs: number
}

/** The lease as it was last read or written, and since when its record is the same. */
export interface Sighting {
  lease: Lease
  /** `uptimeMs` of when this record was seen first. */
  sinceMs: number
}

export type Move =
  /** Write this, to lead or to go on leading. */
  | { kind: 'Create' | 'Replace'; lease: Lease }
  /** Somebody else holds it. */
  | { kind: 'Wait' }

/** The sighting after `lease` was seen. Only the record counts: a new label is no sign of life. */
export function sightingOf(before: Sighting | undefined, lease: Lease, uptimeMs: number): Sighting {
  const same = before !== undefined && recordOf(before.lease) === recordOf(lease)
  return { lease, sinceMs: same ? before.sinceMs : uptimeMs }
}

function recordOf({ spec = {} }: Lease): string {
  const { holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions } = spec
  return JSON.stringify([holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions])
}

/** `sighting` is undefined when the lease does not exist. */
export function moveOf(
  sighting: Sighting | undefined,
  candidate: Candidate,
  moment: Moment,
  timings: LeaseTimings,
): Move {
  if (sighting === undefined) return { kind: 'Create', lease: heldBy(newLease(candidate), candidate, moment, timings) }
  const holder = holderOf(sighting.lease)
  if (holder !== undefined && holder !== candidate.identity && !isExpired(sighting, moment, timings)) {
    return { kind: 'Wait' }
  }
  return { kind: 'Replace', lease: heldBy(sighting.lease, candidate, moment, timings) }
}

/** Undefined when it was released, or never held. */
export function holderOf(lease: Lease): string | undefined {
  return lease.spec?.holderIdentity || undefined
}

/** A holder may promise a longer lease than ours. A shorter one is not believed: it may be an edit that the holder knows nothing of. */
function isExpired({ lease, sinceMs }: Sighting, { uptimeMs }: Moment, { leaseMs }: LeaseTimings): boolean {
  return uptimeMs - sinceMs >= Math.max(leaseMs, (lease.spec?.leaseDurationSeconds ?? 0) * 1000)
}

function newLease({ namespace, name }: Candidate): Lease {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace } }
}

/** The lease as its holder writes it, now and at every renewal. */
export function heldBy(lease: Lease, { identity }: Candidate, { wallMs }: Moment, { leaseMs }: LeaseTimings): Lease {
  const now = microTime(wallMs)
  const { spec = {} } = lease
  const mine = spec.holderIdentity === identity
  const transitions = spec.leaseTransitions === undefined ? 0 : spec.leaseTransitions + (mine ? 0 : 1)
  return {
    ...lease,
    spec: {
      ...spec,
      holderIdentity: identity,
      leaseDurationSeconds: leaseMs / 1000,
      acquireTime: mine ? (spec.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: transitions,
    },
  }
}

/** The lease as its holder leaves it: free for the next, and short for those who only look at times. */
export function released(lease: Lease, wallMs: number): Lease {
  const now = microTime(wallMs)
  return {
    ...lease,
    spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now },
  }
}

/**
 * How long a term still holds that was begun or renewed by a write sent at `renewedAt`; 0 and less: it is over. The clock that
 * says the longer time is believed: uptime stands still while the machine sleeps, wall time may be set back.
 */
export function remainingMs(renewedAt: Moment, moment: Moment, { renewDeadlineMs }: LeaseTimings): number {
  const elapsedMs = Math.max(moment.uptimeMs - renewedAt.uptimeMs, moment.wallMs - renewedAt.wallMs)
  return renewDeadlineMs - elapsedMs
}

/** Until the next try. A leader renews evenly, candidates spread. */
export function retryDelayMs(role: 'Leader' | 'Candidate', random: number, { retryMs, jitter }: LeaseTimings): number {
  return role === 'Leader' ? retryMs : retryMs * (1 + random * jitter)
}

/** The API server's MicroTime takes exactly six digits. */
function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z')
}
