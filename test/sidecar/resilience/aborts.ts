// `make aborts`: ten thousand requests that are abandoned, spread over all phases, before a sidecar in a process of its own. Prints how
// soon the provider saw it, by phase, and fails when anything is left behind or when one in a hundred took too long.
//
// ABORTS sets their number. The bound is wider than the design's 100 ms, because this process, which measures, is as busy as the sidecar.
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { below, seeded } from '../../support/random.ts'
import { type Aborted, type AbortSite, PHASES, type Phase, startAbortSite, underWay } from './abort-phases.ts'
import { inParallel } from './in-parallel.ts'
import { type SidecarProcess, startSidecarProcess } from './sidecar-process.ts'

const ABORTS = Number(process.env.ABORTS ?? 10_000)
const WIDTH = 40
const WAIT_MS_MAX = 30
const P99_MS_MAX = 250
const WARM_UP = 1000
const HEAP_GROWTH_BYTES_MAX = 4 * 1024 * 1024
const SETTLED_MS_MAX = 30_000

const site = await startAbortSite()
const sidecar = await startSidecarProcess(site.config, {})
const problems: string[] = []

const release = await site.occupy(sidecar.url)
await abandon(WARM_UP)
await settled()
const before = await sidecar.memory()
const aborted = await abandon(ABORTS)
await settled()
const after = await sidecar.memory()

for (const phase of PHASES) console.log(latencies(phase, aborted))
const p99 = quantile(seenAfter(aborted), 0.99)
if (p99 > P99_MS_MAX) problems.push(`the provider saw one abort in a hundred after ${p99} ms or more`)
const later = aborted.filter(({ askedLater }) => askedLater > 0)
if (later.length > 0) problems.push(`${later.length} requests were sent on behalf of clients that had left`)
if (after.heapBytes - before.heapBytes > HEAP_GROWTH_BYTES_MAX) problems.push('the heap has grown')
console.log(
  `heap ${mib(before.heapBytes)} → ${mib(after.heapBytes)} MiB, resident ${mib(before.rssBytes)} → ${mib(after.rssBytes)} MiB`,
)

await release()
await settled(0)
await sidecar.stop()
await site.close()
for (const problem of problems) console.log(`PROBLEM: ${problem}`)
process.exitCode = problems.length === 0 ? 0 : 1

function abandon(count: number): Promise<Aborted[]> {
  const random = seeded(count)
  const phases = Array.from({ length: count }, (_, at) => PHASES[at % PHASES.length] as Phase)
  return inParallel(phases, WIDTH, (phase) => site.abort(sidecar.url, phase, below(random, WAIT_MS_MAX)))
}

/** Nothing is under way but the request that occupies a connection. */
async function settled(occupying = 1): Promise<void> {
  const deadline = performance.now() + SETTLED_MS_MAX
  for (;;) {
    const left = await whatIsLeft(sidecar, site)
    if (left.requests === occupying && left.attempts === occupying && left.waiting === 0 && left.open === occupying)
      return
    if (performance.now() > deadline) return void problems.push(`left behind: ${JSON.stringify(left)}`)
    await sleep(100)
  }
}

async function whatIsLeft({ adminUrl }: SidecarProcess, { open }: AbortSite) {
  return { ...(await underWay(adminUrl)), open }
}

function latencies(phase: Phase, all: readonly Aborted[]): string {
  const ours = all.filter((one) => one.phase === phase)
  const seen = seenAfter(ours)
  const figures = [0.5, 0.99, 1].map((share) => `${(quantile(seen, share)).toFixed(1)}`).join(' / ')
  return `${phase.padEnd(10)} ${ours.length} aborted, ${seen.length === 0 ? 'nothing to see' : `seen after ${figures} ms (p50 / p99 / max)`}`
}

function seenAfter(all: readonly Aborted[]): number[] {
  return all.flatMap(({ seenAfterMs }) => seenAfterMs ?? []).sort((a, b) => a - b)
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}
