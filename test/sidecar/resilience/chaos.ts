// `make chaos SECONDS=600`: two hundred applications of all dialects, a part of them official SDKs, before a sidecar in a process of its
// own; three providers that flap; a new configuration with new keys every second. Prints a summary and fails when a request failed that
// the plan of faults does not explain, when anything passed for a success that was none, or when memory grew.
//
// One provider is well at any time but in the last sixth, when all may be ill at once. A failure is explained when content had gone out and
// the provider broke off, or when no provider was well for as long as the request lasted and for a while before, in which
// circuits may still be open; or, on a busy machine, when this process itself was held up. That nothing passes for a success that is none
// holds always.
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SidecarConfig } from '../../../contract/sidecar-config.ts'
import { below, pick, seeded } from '../../support/random.ts'
import { backend, provider, RETRY, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'
import { underWay } from './abort-phases.ts'
import { type Outcome, startClients } from './chaos-clients.ts'
import { ChaosProvider, type Met } from './chaos-provider.ts'
import { CONVERSATIONS } from './dialects.ts'
import { startSidecarProcess } from './sidecar-process.ts'

const SECONDS = Number(process.argv[2] ?? 600)
const SEED = Number(process.env.SEED ?? 1)
const CLIENTS = 200
const NAMES = ['amber', 'birch', 'cedar']
const ANCHOR_MS = 10_000
/** The next one is well for so long before the last one may be ill. */
const OVERLAP_MS = 6000
/** Circuits may be open for two seconds after a provider has become well, keys set aside until the next configuration. */
const SETTLING_MS = 4000
/** A shorter run says nothing about memory. */
const MEMORY_SECONDS_MIN = 120
/** Who waits for an answer of this process for so long, or is asked by it so late, may take its providers for silent. */
const HELD_UP_MS = 500
const ACCESS_LINES_MAX = 20_000
const RSS_GROWTH_MAX = 1.2
const HEAP_GROWTH_BYTES_MAX = 8 * 1024 * 1024

const BREAKER = { consecutiveFailures: 3, errorPercent: 50, minRequests: 20, windowMs: 5000, openForMs: 200, probes: 2 }

const random = seeded(SEED)
/** Those that stay well for now. */
const anchors = new Set<ChaosProvider>()
/** When this process was held up last, by others on the machine or by itself. */
let heldUpAt = Number.NEGATIVE_INFINITY
const met = new Map<string, Met[]>()
const providers = await Promise.all(NAMES.map((name) => ChaosProvider.start(name, random, noteMet)))
let revision = 0
const accessLines = new Map<string, string>()
const sidecar = await startSidecarProcess(nextConfig(), nextKeys(), noteAccess)
const counts = new Map<string, number>()
const unexplained: Outcome[] = []
let anchor = 0
let stopped = false
const endsAt = performance.now() + SECONDS * 1000

const clients = startClients({ url: sidecar.url, count: CLIENTS, random, providers: NAMES, onOutcome: noteOutcome })
const background = [flap(), reload(), rotateAnchor(), watchThisProcess()]
await sleep((SECONDS * 1000) / 3)
const third = await sidecar.memory()
await sleep(Math.max(0, endsAt - performance.now()))
stopped = true
await Promise.all(background)
for (const each of providers) await each.beWell()
await clients.stop()
const left = await settled()
const end = await sidecar.memory()
await sidecar.stop()
for (const { server } of providers) await server.close()
process.exitCode = summary() ? 0 : 1

function noteMet(one: Met): void {
  const id = /c\d+x/.exec(`${one.request.path} ${one.request.body}`)?.[0] ?? ''
  count(`met a provider ${one.mode}`)
  met.set(id, [...(met.get(id) ?? []), one])
}

/** The newest ones, which a failure that has just been seen will ask for. */
function noteAccess(line: string): void {
  const { requestedModel } = JSON.parse(line) as { requestedModel: string }
  accessLines.set(requestedModel, line)
  if (accessLines.size > ACCESS_LINES_MAX) accessLines.delete(accessLines.keys().next().value as string)
}

function noteOutcome(outcome: Outcome): void {
  const why = explanation(outcome)
  count(`${outcome.kind}${why === undefined ? '' : `: ${why}`}`)
  count(`by ${outcome.by}`)
  if (why === 'UNEXPLAINED') unexplained.push({ ...outcome, detail: `${outcome.detail}; ${providers.join(', ')}` })
  met.delete(outcome.id)
}

/** Undefined where there is nothing to explain. */
function explanation({ id, kind, startedAt }: Outcome): string | undefined {
  if (kind === 'Whole' || kind === 'Left') return undefined
  const last = met.get(id)?.at(-1)
  if (kind === 'FailedBehindContent' && last !== undefined) {
    if (ChaosProvider.breaks(last.mode)) return 'the provider broke off'
    const wentDown = providers.find(({ name }) => name === last.provider)
    if (wentDown !== undefined && wentDown.downAt >= startedAt) return 'the provider went down'
  }
  const well = providers.some(({ wellSince }) => wellSince !== undefined && wellSince + SETTLING_MS < startedAt)
  if (kind === 'FailedBeforeContent' && !well) return 'no provider was well'
  const heldUp = heldUpAt > startedAt - SETTLING_MS
  return heldUp && kind !== 'Lie' ? 'this process was held up' : 'UNEXPLAINED'
}

function count(what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}

/** Those that may be ill change every now and then. */
async function flap(): Promise<void> {
  while (!stopped) {
    await sleep(100 + below(random, 1500))
    const each = pick(random, providers)
    await (anchors.has(each) || random() < 0.3 ? each.beWell() : each.beIll())
  }
}

async function rotateAnchor(): Promise<void> {
  anchors.add(providers[anchor] as ChaosProvider)
  while (!stopped) {
    await sleepUnlessStopped(ANCHOR_MS)
    const before = providers[anchor] as ChaosProvider
    anchor = (anchor + 1) % providers.length
    const next = providers[anchor] as ChaosProvider
    anchors.add(next)
    await next.beWell()
    await sleepUnlessStopped(OVERLAP_MS)
    anchors.delete(before)
    if (performance.now() > endsAt - (SECONDS * 1000) / 6) anchors.clear()
  }
}

async function watchThisProcess(): Promise<void> {
  while (!stopped) {
    const before = performance.now()
    await sleep(50)
    if (performance.now() - before > HELD_UP_MS) heldUpAt = performance.now()
  }
}

async function sleepUnlessStopped(ms: number): Promise<void> {
  const until = performance.now() + ms
  while (!stopped && performance.now() < until) await sleep(100)
}

async function reload(): Promise<void> {
  while (!stopped) {
    await sleepUnlessStopped(1000)
    await sidecar.publish(nextConfig(), nextKeys())
  }
}

function nextKeys(): Record<string, string> {
  return { first: `sk-first-${revision}`, second: `sk-second-${revision}` }
}

function nextConfig(): SidecarConfig {
  revision++
  const all = CONVERSATIONS.flatMap((conversation) => providers.map((one) => ({ conversation, one })))
  const balance = pick(random, ['Weighted', 'LeastInFlight', 'Fastest', 'Cheapest'] as const)
  const tiers = below(random, 2)
  const rules = CONVERSATIONS.map(({ name, operation, type }) =>
    ruleConfig(name, {
      matches: [
        {
          models: [],
          headers: type === 'Gemini' ? [{ name: 'x-goog-api-key', type: 'Glob', value: '*' }] : [],
          operations: [operation],
        },
      ],
      balance,
      backends: providers.map((one, at) => backend(`shop/${name}-${one.name}`, 1 + at, at * tiers)),
      retry: { ...RETRY, attempts: 4, backoff: { initialMs: 5, maxMs: 50 } },
    }),
  )
  return sidecarConfig({
    revision: revision.toString(16).padStart(16, '0'),
    providers: all.map(({ conversation: { name, type, basePath }, one }) =>
      provider(`shop/${name}-${one.name}`, type, [], {
        baseURL: `${one.server.url}/${name}${basePath}`,
        credentials: ['first', 'second'].map((key) => ({ name: key, file: key, weight: 1 })),
        timeouts: { connectMs: 3000, firstByteMs: 3000, idleMs: 3000, totalMs: 30_000 },
        connections: { max: 256 + (revision % 2), idleMs: 5000 },
        // In every other one they stay closed, so that ill providers keep being asked.
        circuitBreaker: { ...BREAKER, ...(revision % 2 === 0 && { consecutiveFailures: 0, errorPercent: 0 }) },
      }),
    ),
    // Google's chat is told from OpenAI's by its header, so its rule comes first.
    routes: [routeConfig('shop/chaos', rules.toReversed())],
  })
}

async function settled(): Promise<string | undefined> {
  for (let tries = 0; tries < 100; tries++) {
    const { requests, attempts, waiting } = await underWay(sidecar.adminUrl)
    if (requests + attempts + waiting === 0) return undefined
    await sleep(100)
  }
  return JSON.stringify(await underWay(sidecar.adminUrl))
}

function liesFirst(a: Outcome, b: Outcome): number {
  return Number(b.kind === 'Lie') - Number(a.kind === 'Lie')
}

function described({ conversation, endedAt, startedAt, ...outcome }: Outcome): string {
  const told = JSON.stringify({ ...outcome, dialect: conversation.name, tookMs: Math.round(endedAt - startedAt) })
  return `${told}\n  ${accessLines.get(outcome.id)}`
}

function summary(): boolean {
  for (const [what, times] of [...counts].sort()) console.log(`${String(times).padStart(8)}  ${what}`)
  const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1)
  console.log(`${String(revision).padStart(8)}  configurations`)
  console.log(`resident ${mib(third.rssBytes)} MiB after a third, ${mib(end.rssBytes)} MiB at the end`)
  console.log(`heap     ${mib(third.heapBytes)} MiB after a third, ${mib(end.heapBytes)} MiB at the end`)
  const problems = unexplained.toSorted(liesFirst).slice(0, 10).map(described)
  if (unexplained.length > 0)
    problems.unshift(`${unexplained.length} failures that nothing explains, the first of them:`)
  if (left !== undefined) problems.push(`left behind: ${left}`)
  if (SECONDS < MEMORY_SECONDS_MIN) console.log('too short to judge memory')
  else if (end.rssBytes > third.rssBytes * RSS_GROWTH_MAX) problems.push('resident memory has grown')
  if (SECONDS >= MEMORY_SECONDS_MIN && end.heapBytes > third.heapBytes + HEAP_GROWTH_BYTES_MAX)
    problems.push('the heap has grown')
  for (const problem of problems) console.log(`PROBLEM: ${problem}`)
  return problems.length === 0
}
