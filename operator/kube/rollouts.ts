// Brings a published document to the pods that it concerns, and knows which of them have it.
//
// In: pods as they come and go, documents as they are published. Does: nudges each pod that the document says something new
// to (a patch of one annotation, on which the kubelet syncs the pod at once), asks its sidecar what it runs, nudges again.
// Out: for status, what each sidecar said last. It writes nothing else, never decides what a document holds, and believes
// the sidecar only: that a pod was nudged is no proof of anything. A fixed wait in place of asking was rejected: the
// kubelet's delay has no bound that would make it true.
import { REVISION_ANNOTATION } from '../../contract/names.ts'
import type { Log } from '../../process/log.ts'
import { createSlots } from '../pace.ts'
import type { NamespaceRollout, PodRollout, Report } from '../rollout/count.ts'
import { type Fingerprint, sameFor } from '../rollout/fingerprint.ts'
import { isSamePod, type SidecarPod } from '../rollout/pod.ts'
import { nextAskMs, nudgeIsDue, type Pace, type Progress, type Standing } from '../rollout/schedule.ts'
import type { KubeClient, KubeError } from './client.ts'
import type { Clock } from './clock.ts'
import { PODS, pathOf } from './resource.ts'

export interface RolloutsOptions {
  client: Pick<KubeClient, 'request'>
  /** Revision that the sidecar at `HOST:PORT` runs, null before its first; rejects when it cannot be asked. */
  ask(admin: string): Promise<string | null>
  /** Resolves when one more nudge may be sent. */
  nudgeTurn(): Promise<void>
  /** Above so many pods for one change of one namespace, nobody is nudged. */
  nudgePodsMax: number
  clock: Clock
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
  /** What the API server took the last nudge for. */
  nudgedFor: Fingerprint | undefined
  sinceMs: number
  /** When the first nudge since then was answered: a thousand take their time, and it is from there that the next one counts. */
  nudgedMs: number | undefined
  nudges: number
  pace: Pace
  cancelTimer: () => void
  /** One step at a time; `Again`: something changed during it. */
  step: 'Idle' | 'Running' | 'Again'
}

interface Namespace {
  wanted: Fingerprint | undefined
  /** By revision, oldest first: what a sidecar that is behind may still run. */
  known: Map<string, Fingerprint>
  /** Where the providers of all these lie. */
  owners: ReadonlySet<string>
  /** By name. */
  entries: Map<string, Entry>
}

const KNOWN_MAX = 64
/** The rate alone would let them pile up at an API server that is slow. */
const NUDGES_AT_ONCE = 16

export class Rollouts {
  readonly #options: RolloutsOptions
  readonly #namespaces = new Map<string, Namespace>()
  readonly #inSlot = createSlots(NUDGES_AT_ONCE)
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

  /** Namespaces whose providers are in what is published to the namespace, or in what its sidecars may still run. */
  ownersOf(namespace: string): ReadonlySet<string> {
    return this.#namespaces.get(namespace)?.owners ?? new Set()
  }

  /** Whether the namespace has pods that are not over. */
  hasPods(namespace: string): boolean {
    return this.#entriesOf(namespace).some(({ pod }) => pod.state !== 'Ended')
  }

  /** Whether every sidecar that is to be asked was asked once. */
  areAsked(): boolean {
    return [...this.#namespaces.values()].every(
      ({ wanted, entries }) =>
        wanted === undefined ||
        [...entries.values()].every(({ pod, report }) => pod.state !== 'Running' || report !== undefined),
    )
  }

  /** A pod came or is different. */
  setPod(pod: SidecarPod): void {
    const namespace = this.#namespace(pod.namespace)
    const before = namespace.entries.get(pod.name)
    if (before !== undefined && isSamePod(before.pod, pod)) return
    if (before !== undefined && isSameProcess(before.pod, pod)) before.pod = pod
    else {
      before?.cancelTimer()
      namespace.entries.set(pod.name, createEntry(pod, namespace.wanted, this.#options.clock.uptime()))
    }
    this.#wake(namespace.entries.get(pod.name))
    this.#options.onChange(pod.namespace)
  }

  removePod(name: string, podName: string): void {
    const namespace = this.#namespaces.get(name)
    namespace?.entries.get(podName)?.cancelTimer()
    if (!namespace?.entries.delete(podName)) return
    this.#dropEmpty(name)
    this.#options.onChange(name)
  }

  /**
   * The namespace's objects now hold this document. Those that it concerns are nudged, beginning at once. `Unchanged`: the
   * objects held it before: who has not been asked yet is asked first, as most have it.
   */
  publish(name: string, wanted: Fingerprint, outcome: 'Written' | 'Unchanged'): void {
    const namespace = this.#namespace(name)
    const before = namespace.wanted
    const isSame = before?.revision === wanted.revision
    if (isSame && outcome === 'Unchanged') return
    namespace.wanted = wanted
    remember(namespace, wanted)
    const running = [...namespace.entries.values()].filter(({ pod }) => pod.state === 'Running')
    for (const entry of running) {
      if (outcome === 'Unchanged' && entry.report === undefined) entry.runs ??= wanted
      // The same again is written when somebody had changed it, and sidecars may run what was there in between.
      if (isSame) entry.runs = undefined
    }
    const concerned = running.filter(({ pod, runs }) => {
      // Who was about to follow the last document may still do so.
      return !sameFor(pod.labels, runs, wanted) || (before !== undefined && !sameFor(pod.labels, runs, before))
    })
    const pace = concerned.length > this.#options.nudgePodsMax ? 'Eventual' : 'Nudged'
    const sinceMs = this.#options.clock.uptime()
    for (const entry of concerned) Object.assign(entry, { sinceMs, nudgedMs: undefined, nudges: 0, pace })
    for (const entry of before === undefined ? running : concerned) this.#wake(entry)
    this.#options.onChange(name)
  }

  /** Nothing is published to the namespace any more. */
  withdraw(name: string): void {
    const namespace = this.#namespaces.get(name)
    if (namespace !== undefined) namespace.wanted = undefined
    this.#dropEmpty(name)
  }

  close(): void {
    this.#closed = true
    for (const name of this.#namespaces.keys()) for (const entry of this.#entriesOf(name)) entry.cancelTimer()
  }

  #namespace(name: string): Namespace {
    const found = this.#namespaces.get(name)
    if (found !== undefined) return found
    const created: Namespace = {
      wanted: undefined,
      known: new Map(),
      owners: new Set(),
      entries: new Map(),
    }
    this.#namespaces.set(name, created)
    return created
  }

  #entriesOf(name: string): Entry[] {
    return [...(this.#namespaces.get(name)?.entries.values() ?? [])]
  }

  #dropEmpty(name: string): void {
    const namespace = this.#namespaces.get(name)
    if (namespace?.wanted === undefined && namespace?.entries.size === 0) this.#namespaces.delete(name)
  }

  #wake(entry: Entry | undefined): void {
    if (entry === undefined || this.#closed) return
    entry.cancelTimer()
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
    entry.cancelTimer = this.#options.clock.startTimer(() => this.#wake(entry), waitMs)
  }

  async #step(entry: Entry): Promise<void> {
    if (this.#nudgeIsDue(entry)) await this.#inSlot(() => this.#nudgeInTurn(entry))
    await this.#ask(entry)
  }

  async #nudgeInTurn(entry: Entry): Promise<void> {
    // It may have followed by itself while it waited.
    if (!this.#nudgeIsDue(entry)) return
    await this.#options.nudgeTurn()
    await this.#nudge(entry)
  }

  #nudgeIsDue(entry: Entry): boolean {
    const progress = this.#progress(entry)
    return progress !== undefined && nudgeIsDue(progress)
  }

  /** Undefined where there is nothing to do: the pod is gone or has no sidecar that runs, or nothing was published. */
  #progress(entry: Entry): Progress | undefined {
    const { pod, report, runs, sinceMs, nudgedMs = sinceMs, nudges, pace } = entry
    const namespace = this.#namespaces.get(pod.namespace)
    if (this.#closed || pod.state !== 'Running' || namespace?.wanted === undefined) return undefined
    if (namespace.entries.get(pod.name) !== entry) return undefined
    const same = sameFor(pod.labels, runs, namespace.wanted)
    const standing: Standing = !same ? 'Outdated' : report?.kind === 'Runs' ? 'Current' : 'Assumed'
    return { sinceMs: this.#options.clock.uptime() - nudgedMs, nudges, standing, pace }
  }

  async #nudge(entry: Entry): Promise<void> {
    const { client, clock, onNudge, log } = this.#options
    const { namespace, name, uid } = entry.pod
    const wanted = this.#namespaces.get(namespace)?.wanted
    // Its turn may have come late.
    if (wanted === undefined || !this.#nudgeIsDue(entry)) return
    entry.nudges++
    try {
      await client.request({
        method: 'PATCH',
        path: pathOf(PODS, { namespace, name }),
        contentType: 'application/merge-patch+json',
        // With the uid, so that another pod of the same name is left alone.
        body: { metadata: { uid, annotations: { [REVISION_ANNOTATION]: nudgeText(wanted, clock.now()) } } },
      })
      entry.nudgedFor = wanted
      onNudge('Sent')
    } catch (error) {
      const { status } = error as KubeError
      if (status === 404 || status === 409 || this.#closed) return
      onNudge('Failed')
      log.warn('a pod could not be nudged; it follows at its next sync', { namespace, pod: name, error })
    } finally {
      // Else another document came meanwhile, for which it was not nudged yet.
      if (entry.nudges > 0) entry.nudgedMs ??= clock.uptime()
    }
  }

  async #ask(entry: Entry): Promise<void> {
    const before = this.#progress(entry)
    if (before === undefined) return
    const report = await this.#reportOf(entry.pod)
    if (this.#progress(entry) === undefined) return
    const { pod, report: earlier } = entry
    entry.report = report
    if (report.kind === 'Runs') entry.runs = report.running
    // Nothing better is known of a sidecar that cannot be asked.
    else if (this.#isNudgedForWanted(entry)) entry.runs = entry.nudgedFor
    const now = this.#progress(entry)
    if (now?.standing === 'Current' && before.standing !== 'Current' && now.nudges > 0)
      this.#options.onCurrent(this.#options.clock.uptime() - entry.sinceMs)
    if (!sameReport(earlier, report)) this.#options.onChange(pod.namespace)
  }

  #isNudgedForWanted({ nudgedFor, pod }: Entry): boolean {
    return nudgedFor !== undefined && nudgedFor === this.#namespaces.get(pod.namespace)?.wanted
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

/** Another process must be asked anew. */
function isSameProcess(a: SidecarPod, b: SidecarPod): boolean {
  return a.uid === b.uid && a.restarts === b.restarts && a.state === b.state
}

function createEntry(pod: SidecarPod, wanted: Fingerprint | undefined, nowMs: number): Entry {
  return {
    pod,
    report: undefined,
    // A pod that starts mounts what is there.
    runs: wanted,
    nudgedFor: undefined,
    sinceMs: nowMs,
    nudgedMs: undefined,
    nudges: 0,
    pace: 'Nudged',
    cancelTimer: () => {},
    step: 'Idle',
  }
}

function rolloutOf(namespace: Namespace | undefined): NamespaceRollout {
  const pods: PodRollout[] = [...(namespace?.entries.values() ?? [])].map(({ pod, report }) => ({ pod, report }))
  return { wanted: namespace?.wanted, pods }
}

function remember(namespace: Namespace, fingerprint: Fingerprint): void {
  const { known } = namespace
  known.delete(fingerprint.revision)
  known.set(fingerprint.revision, fingerprint)
  const [oldest] = known.keys()
  if (known.size > KNOWN_MAX && oldest !== undefined) known.delete(oldest)
  const ids = [...known.values()].flatMap(({ providers }) => [...providers.keys()])
  namespace.owners = new Set(ids.map((id) => id.split('/')[0] ?? ''))
}

/** Differs from nudge to nudge, whoever leads: a patch that changes nothing is no event for the kubelet. */
function nudgeText({ revision }: Fingerprint, nowMs: number): string {
  return `${revision}/${Math.trunc(nowMs).toString(36)}`
}

function sameReport(a: Report | undefined, b: Report): boolean {
  if (a?.kind === 'Runs') return b.kind === 'Runs' && a.running?.revision === b.running?.revision
  return a?.kind === b.kind
}
