// Brings a published document to the pods that it concerns, and knows which of them have it.
//
// In: pods as they come and go, documents as they are published. Does: nudges each pod that the document says something new
// to (a patch of one annotation, on which the kubelet syncs the pod at once), asks its sidecar what it runs, nudges again.
// Out: for status, what each sidecar said last. It writes nothing else, never decides what a document holds, and believes
// the sidecar only: that a pod was nudged is no proof of anything. A fixed wait in place of asking was rejected: the
// kubelet's delay has no bound that would make it true.
import { REVISION_ANNOTATION } from '../../contract/names.ts'
import type { SidecarConfig } from '../../contract/sidecar-config.ts'
import type { Log } from '../../process/log.ts'
import type { NamespaceRollout, PodRollout, Report } from '../rollout/count.ts'
import { type Fingerprint, fingerprintOf, sameFor } from '../rollout/fingerprint.ts'
import type { SidecarPod } from '../rollout/pod.ts'
import { nextAskMs, nudgeIsDue, type Pace, type Progress, type Standing } from '../rollout/schedule.ts'
import type { KubeClient, KubeError } from './client.ts'
import { PODS, pathOf } from './resource.ts'

export interface RolloutsOptions {
  client: KubeClient
  /** Revision that the sidecar at `HOST:PORT` runs, null before its first; rejects when it cannot be asked. */
  ask(admin: string): Promise<string | null>
  /** Resolves when one more nudge may be sent. */
  nudgeTurn(): Promise<void>
  /** Above so many pods for one change of one namespace, nobody is nudged. */
  nudgePodsMax: number
  now(): number
  random(): number
  /** What is known of the namespace's pods is different from before. */
  onChange(namespace: string): void
  /** A sidecar runs a document, this long after it was published. */
  onCurrent(sinceMs: number): void
  onNudge(result: 'Sent' | 'Failed'): void
  log: Log
}

interface Entry {
  pod: SidecarPod
  report: Report | undefined
  /** What the pod is taken to run: what it said last, else what was there when it came, else what it was nudged for. */
  runs: Fingerprint | undefined
  sinceMs: number
  nudges: number
  pace: Pace
  timer: NodeJS.Timeout | undefined
  /** One step at a time; `Again`: something changed during it. */
  step: 'Idle' | 'Running' | 'Again'
}

interface Namespace {
  wanted: Fingerprint | undefined
  /** By revision, oldest first: what a sidecar that is behind may still run. */
  known: Map<string, Fingerprint>
  entries: Map<string, Entry>
}

const KNOWN_MAX = 64

export class Rollouts {
  readonly #options: RolloutsOptions
  readonly #namespaces = new Map<string, Namespace>()
  #closed = false

  constructor(options: RolloutsOptions) {
    this.#options = options
  }

  of(namespace: string): NamespaceRollout {
    return rolloutOf(this.#namespaces.get(namespace))
  }

  /** Those with pods, or with a document. */
  namespaces(): string[] {
    return [...this.#namespaces.keys()]
  }

  /** A pod came or is different. */
  setPod(pod: SidecarPod): void {
    const namespace = this.#namespace(pod.namespace)
    const before = namespace.entries.get(pod.name)
    const sameProcess =
      before?.pod.uid === pod.uid && before.pod.restarts === pod.restarts && before.pod.state === pod.state
    const entry = sameProcess ? before : createEntry(pod, namespace.wanted, this.#options.now())
    entry.pod = pod
    if (entry !== before) {
      clearTimeout(before?.timer)
      namespace.entries.set(pod.name, entry)
    }
    this.#wake(entry)
    this.#options.onChange(pod.namespace)
  }

  removePod(namespace: string, name: string): void {
    const entries = this.#namespaces.get(namespace)?.entries
    clearTimeout(entries?.get(name)?.timer)
    if (entries?.delete(name)) this.#options.onChange(namespace)
  }

  /** The namespace's objects now hold this document. Those that it concerns are nudged, beginning at once. */
  publish(name: string, config: SidecarConfig): void {
    const namespace = this.#namespace(name)
    if (namespace.wanted?.revision === config.revision) return
    const wanted = fingerprintOf(config)
    namespace.wanted = wanted
    remember(namespace.known, wanted)
    const concerned = [...namespace.entries.values()].filter(({ pod, runs }) => !sameFor(pod.labels, runs, wanted))
    const pace = concerned.length > this.#options.nudgePodsMax ? 'Eventual' : 'Nudged'
    const sinceMs = this.#options.now()
    for (const entry of concerned) {
      Object.assign(entry, { sinceMs, nudges: 0, pace })
      this.#wake(entry)
    }
  }

  /** Nothing is published to the namespace any more. */
  withdraw(name: string): void {
    const namespace = this.#namespaces.get(name)
    if (namespace !== undefined) namespace.wanted = undefined
  }

  close(): void {
    this.#closed = true
    for (const { entries } of this.#namespaces.values()) {
      for (const { timer } of entries.values()) clearTimeout(timer)
    }
  }

  #namespace(name: string): Namespace {
    const found = this.#namespaces.get(name)
    if (found !== undefined) return found
    const created: Namespace = { wanted: undefined, known: new Map(), entries: new Map() }
    this.#namespaces.set(name, created)
    return created
  }

  #wake(entry: Entry): void {
    clearTimeout(entry.timer)
    if (this.#closed) return
    if (entry.step !== 'Idle') entry.step = 'Again'
    else void this.#run(entry)
  }

  async #run(entry: Entry): Promise<void> {
    do {
      entry.step = 'Running'
      await this.#step(entry)
    } while ((entry.step as Entry['step']) === 'Again')
    entry.step = 'Idle'
    const progress = this.#progress(entry)
    if (progress === undefined) return
    // Spread, so that a thousand pods are not asked in one moment again and again.
    const waitMs = nextAskMs(progress) * (1 + this.#options.random() / 4)
    entry.timer = setTimeout(() => this.#wake(entry), waitMs)
  }

  async #step(entry: Entry): Promise<void> {
    const progress = this.#progress(entry)
    if (progress === undefined) return
    if (nudgeIsDue(progress)) await this.#nudge(entry)
    if (this.#progress(entry) !== undefined) await this.#ask(entry)
  }

  /** Undefined where there is nothing to do: the pod is gone or has no sidecar that runs, or nothing was published. */
  #progress({ pod, report, runs, sinceMs, nudges, pace }: Entry): Progress | undefined {
    const namespace = this.#namespaces.get(pod.namespace)
    if (this.#closed || pod.state !== 'Running' || namespace?.wanted === undefined) return undefined
    if (namespace.entries.get(pod.name)?.pod !== pod) return undefined
    const same = sameFor(pod.labels, runs, namespace.wanted)
    const standing: Standing = !same ? 'Outdated' : report?.kind === 'Runs' ? 'Current' : 'Assumed'
    return { sinceMs: this.#options.now() - sinceMs, nudges, standing, pace }
  }

  async #nudge(entry: Entry): Promise<void> {
    const { client, nudgeTurn, onNudge, log } = this.#options
    const { namespace, name } = entry.pod
    await nudgeTurn()
    const wanted = this.#namespaces.get(namespace)?.wanted
    if (wanted === undefined || this.#closed) return
    entry.nudges++
    try {
      await client.request({
        method: 'PATCH',
        path: pathOf(PODS, { namespace, name }),
        contentType: 'application/merge-patch+json',
        // With the uid, so that another pod of the same name is left alone.
        body: { metadata: { uid: entry.pod.uid, annotations: { [REVISION_ANNOTATION]: nudgeText(wanted, entry) } } },
      })
      onNudge('Sent')
      // Nothing better is known of a sidecar that cannot be asked.
      if (entry.report?.kind === 'Unreachable') entry.runs = wanted
    } catch (error) {
      const { status } = error as KubeError
      if (status === 404 || status === 409) return
      onNudge('Failed')
      log.warn('a pod could not be nudged; it follows at its next sync', { namespace, pod: name, error })
    }
  }

  async #ask(entry: Entry): Promise<void> {
    const { pod, report: before } = entry
    const report = await this.#reportOf(pod)
    if (entry.pod.uid !== pod.uid) return
    const wasCurrent = this.#progress(entry)?.standing === 'Current'
    entry.report = report
    if (report.kind === 'Runs') entry.runs = report.running
    const progress = this.#progress(entry)
    if (progress?.standing === 'Current' && !wasCurrent && entry.nudges > 0) this.#options.onCurrent(progress.sinceMs)
    if (!sameReport(before, report)) this.#options.onChange(pod.namespace)
  }

  async #reportOf({ namespace, admin }: SidecarPod): Promise<Report> {
    try {
      const revision = await this.#options.ask(admin ?? '')
      return { kind: 'Runs', running: this.#namespaces.get(namespace)?.known.get(revision ?? '') }
    } catch (error) {
      return { kind: 'Unreachable', message: (error as Error).message }
    }
  }
}

function createEntry(pod: SidecarPod, wanted: Fingerprint | undefined, nowMs: number): Entry {
  // A pod that starts mounts what is there.
  return {
    pod,
    report: undefined,
    runs: wanted,
    sinceMs: nowMs,
    nudges: 0,
    pace: 'Nudged',
    timer: undefined,
    step: 'Idle',
  }
}

function rolloutOf(namespace: Namespace | undefined): NamespaceRollout {
  const pods: PodRollout[] = [...(namespace?.entries.values() ?? [])].map(({ pod, report }) => ({ pod, report }))
  return { wanted: namespace?.wanted, pods }
}

function remember(known: Map<string, Fingerprint>, fingerprint: Fingerprint): void {
  known.delete(fingerprint.revision)
  known.set(fingerprint.revision, fingerprint)
  const [oldest] = known.keys()
  if (known.size > KNOWN_MAX && oldest !== undefined) known.delete(oldest)
}

/** Differs from nudge to nudge: a patch that changes nothing is no event for the kubelet. */
function nudgeText({ revision }: Fingerprint, { nudges }: Entry): string {
  return nudges === 1 ? revision : `${revision}/${nudges}`
}

function sameReport(a: Report | undefined, b: Report): boolean {
  if (a?.kind === 'Runs') return b.kind === 'Runs' && a.running?.revision === b.running?.revision
  return a?.kind === b.kind
}
