// The pods of a Deployment of apps/load.ts while it is scaled: each is asked to ask as soon as it is ready, and what comes of it is
// collected. In: a Deployment, the provider that its route leads to, how the load is spread. Out: what was admitted when, what
// the applications were answered, when each pod had what.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseLimitsReport } from '../../../contract/limit-shares.ts'
import { Admissions } from './admissions.ts'
import type { Installation } from './installation.ts'

/** Requests per second, for the pod with that index of so many; the order is that in which they came. */
export type Spread = (index: number, count: number) => number

export interface LoadedPod {
  name: string
  ip: string
  state: 'Staying' | 'Leaving' | 'Gone'
  /** Milliseconds since the epoch, when it was seen first; undefined: not yet. */
  readyMs?: number
  /** … that its sidecar has a share of the limit, more than nothing. */
  shareMs?: number
  /** Asked after it was seen to be ready: whether its sidecar had shares, be they nothing. */
  readyWithShares?: boolean
  /** As apps/load.ts counts. */
  counts: Readonly<Record<string, number>>
}

const EVERY_MS = 500
const ANSWER_MS = 5_000

interface RawPod {
  metadata: { name: string; deletionTimestamp?: string }
  status: { podIP?: string; conditions?: { type: string; status: string }[] }
}

export class Load {
  readonly admissions = new Admissions()
  /** Those that are gone, too. */
  readonly pods = new Map<string, LoadedPod>()
  /** The next rounds are spread like this. */
  spread: Spread = () => 0
  readonly #installation: Installation
  readonly #namespace: string
  readonly #app: string
  readonly #end = new AbortController()
  #rounds: Promise<void> | undefined

  constructor(installation: Installation, namespace: string, app: string) {
    this.#installation = installation
    this.#namespace = namespace
    this.#app = app
  }

  start(): void {
    this.#rounds ??= this.#goRound()
  }

  async close(): Promise<void> {
    this.#end.abort()
    await this.#rounds
  }

  /** Ready, and staying; in the order in which they came. */
  get live(): LoadedPod[] {
    return [...this.pods.values()].filter(({ readyMs, state }) => readyMs !== undefined && state === 'Staying')
  }

  /** What the provider has received until now; it remembers the last thousand requests. */
  collect(): void {
    this.admissions.add(this.#installation.provider.requests)
  }

  /** Of all pods, also of those that are gone. */
  outcomes(): Map<string, number> {
    const sums = new Map<string, number>()
    for (const { counts } of this.pods.values()) {
      for (const [outcome, count] of Object.entries(counts)) sums.set(outcome, (sums.get(outcome) ?? 0) + count)
    }
    return sums
  }

  async #goRound(): Promise<void> {
    while (!this.#end.signal.aborted) {
      this.collect()
      await this.#look().catch((error: unknown) => process.stderr.write(`pods could not be listed: ${error}\n`))
      const { live } = this
      const there = [...this.pods.values()].filter(({ state }) => state !== 'Gone')
      await Promise.all(there.map((pod) => this.#visit(pod, live)))
      await sleep(EVERY_MS)
    }
    this.collect()
  }

  async #look(): Promise<void> {
    const which = ['--namespace', this.#namespace, '--selector', `app=${this.#app}`]
    const { items } = await this.#installation.read<{ items: RawPod[] }>('get', 'pods', ...which)
    const there = new Set(items.map(({ metadata }) => metadata.name))
    for (const pod of this.pods.values()) if (!there.has(pod.name)) pod.state = 'Gone'
    for (const { metadata, status } of items) {
      if (status.podIP === undefined) continue
      const { name } = metadata
      const pod = this.pods.get(name) ?? { name, ip: status.podIP, state: 'Staying', counts: {} }
      this.pods.set(name, pod)
      if (metadata.deletionTimestamp !== undefined) pod.state = 'Leaving'
      if (isReady(status)) pod.readyMs ??= Date.now()
    }
  }

  /** One that cannot be reached is visited again. */
  async #visit(pod: LoadedPod, live: readonly LoadedPod[]): Promise<void> {
    const index = live.indexOf(pod)
    const rate = index < 0 ? undefined : this.spread(index, live.length)
    await Promise.all([readShare(pod), readCounts(pod, rate)].map((each) => each.catch(() => undefined)))
  }
}

function isReady({ conditions = [] }: RawPod['status']): boolean {
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}

async function readShare(pod: LoadedPod): Promise<void> {
  const isKnown = pod.shareMs !== undefined && pod.readyWithShares !== undefined
  if (isKnown || pod.state !== 'Staying') return
  const wasReady = pod.readyMs !== undefined
  const response = await fetch(`http://${pod.ip}:8788/limits`, { signal: AbortSignal.timeout(ANSWER_MS) })
  const parsed = parseLimitsReport(await response.text())
  if ('problems' in parsed) throw new Error(parsed.problems.join())
  const { sharesVersion, limits } = parsed.report
  if (wasReady) pod.readyWithShares ??= sharesVersion !== null
  if (limits.some(({ share }) => share > 0)) pod.shareMs ??= Date.now()
}

async function readCounts(pod: LoadedPod, perSecond: number | undefined): Promise<void> {
  const signal = AbortSignal.timeout(ANSWER_MS)
  const url = `http://${pod.ip}:8080/`
  const response =
    perSecond === undefined
      ? await fetch(url, { signal })
      : await fetch(`${url}?perSecond=${perSecond}`, { method: 'POST', signal })
  const told = (await response.json()) as { pod: string; counts: Record<string, number> }
  // An address may have a new owner.
  if (told.pod === pod.name) pod.counts = told.counts
}
