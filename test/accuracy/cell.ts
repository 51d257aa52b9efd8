// One row of the table: a fleet, a burst of ten times each limit within two seconds, then twice the limit for the rest of the time. The four
// limits are under load one after the other, so that their bursts do not meet, and are counted side by side.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import type { SidecarSettings } from '../../sidecar/settings.ts'
import { type Random, seeded } from '../support/random.ts'
import { meanOpenIn, mostAdmittedIn, mostArrivedIn, mostOpen, type Phase, sumIn } from './figures.ts'
import { type Counted, type Fleet, startFleet, wallClock } from './fleet.ts'
import { KINDS, type Kind, type Limits, WINDOW_MS } from './kinds.ts'
import { type Load, type Outcome, playClients, playRate } from './load.ts'

export interface Cell {
  readonly counted: Counted
  readonly sidecars: number
  readonly aim: 'Even' | 'OneSided'
}

export interface Size {
  readonly limits: Limits
  /** Requests that use about as much as the limits of requests, tokens and money allow in a window. */
  readonly requests: number
  /** Between the bursts. */
  readonly apartMs: number
  /** After the burst. */
  readonly steadyMs: number
  /** Of the sidecars, where they are not the defaults. */
  readonly settings?: Partial<SidecarSettings>
}

/** Parts of the limit. */
export interface Figure {
  /** The most in any span of a window: sent and arrived within it. Of open requests, the most at once. */
  readonly admitted: number
  /** The same by arrivals alone: delays on the way may bring together what was admitted apart. */
  readonly arrived: number
  /** The most that the sidecars said they held. */
  readonly held: number
  /** Of the limit of all whole windows after the burst's, how much was used. Undefined where there is none. */
  readonly usable: number | undefined
}

export interface Result {
  readonly figures: Readonly<Record<Kind, Figure>>
  /** How often each kind of end was met. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly warnings: readonly string[]
  /** The longest that this process was held up: by others on the machine, or by itself in a burst. */
  readonly heldUpMs: number
}

/** To each sidecar; more than are open at once but in bursts. */
const CONNECTIONS_MAX = 256
const BURST_FACTOR = 10
const BURST_MS = 2000
const STEADY_FACTOR = 2
const LOOK_MS = 500

export async function playCell(cell: Cell, size: Size, seed = 1): Promise<Result> {
  const fleet = await startFleet(cell, size.limits, size.settings ?? {})
  const dispatcher = new Agent({ connections: CONNECTIONS_MAX })
  const outcomes = new Map<string, number>()
  const noteOutcome = (kind: Kind) => (outcome: Outcome) => {
    const name = `${kind}: ${outcome}`
    outcomes.set(name, (outcomes.get(name) ?? 0) + 1)
  }
  const urls = cell.aim === 'Even' ? fleet.urls : fleet.urls.slice(0, 1)
  const random: Random = seeded(seed)
  const loads = KINDS.map((kind) => ({ kind, urls, random, dispatcher, onOutcome: noteOutcome(kind) }))
  const delay = monitorEventLoopDelay()
  delay.enable()
  const watch = watchHeld(fleet)
  const phases = await Promise.all(loads.map((load, at) => play(load, at * size.apartMs, size)))
  const held = await watch.stop()
  await dispatcher.close()
  await fleet.stop()
  const figures = Object.fromEntries(
    KINDS.map((kind, at) => [kind, figureOf(kind, fleet, { size, held, phase: phases[at] })]),
  ) as Record<Kind, Figure>
  return { figures, outcomes, warnings: fleet.warnings(), heldUpMs: delay.max / 1e6 }
}

/** Resolves with the whole windows that follow the one which begins with the burst. */
async function play(load: Load, afterMs: number, { limits, requests, steadyMs }: Size): Promise<Phase> {
  await sleep(afterMs)
  const beganMs = wallClock()
  const isOpen = load.kind === 'Concurrency'
  const burst = playRate(load, BURST_FACTOR * (isOpen ? limits.Concurrency : requests), BURST_MS)
  await sleep(BURST_MS)
  const steady = isOpen
    ? playClients(load, STEADY_FACTOR * limits.Concurrency, steadyMs)
    : playRate(load, (STEADY_FACTOR * requests * steadyMs) / WINDOW_MS, steadyMs)
  await Promise.all([burst, steady])
  const windows = Math.floor((BURST_MS + steadyMs) / WINDOW_MS)
  return { fromMs: beganMs + WINDOW_MS, toMs: beganMs + windows * WINDOW_MS }
}

function figureOf(
  kind: Kind,
  { served }: Fleet,
  { size, held, phase }: { size: Size; held: Readonly<Record<Kind, number>>; phase: Phase | undefined },
): Figure {
  const limit = size.limits[kind]
  const all = served[kind]
  const windows = phase === undefined ? 0 : (phase.toMs - phase.fromMs) / WINDOW_MS
  const isMeasured = phase !== undefined && windows > 0
  if (kind === 'Concurrency') {
    const most = mostOpen(all) / limit
    const usable = isMeasured ? meanOpenIn(all, phase) / limit : undefined
    return { admitted: most, arrived: most, held: held[kind] / limit, usable }
  }
  return {
    admitted: mostAdmittedIn(all, WINDOW_MS) / limit,
    arrived: mostArrivedIn(all, WINDOW_MS) / limit,
    held: held[kind] / limit,
    usable: isMeasured ? sumIn(all, phase) / (limit * windows) : undefined,
  }
}

function watchHeld(fleet: Fleet): { stop(): Promise<Record<Kind, number>> } {
  const most: Record<Kind, number> = { Requests: 0, Tokens: 0, Cost: 0, Concurrency: 0 }
  let isOver = false
  const looking = (async () => {
    while (!isOver) {
      const held = await fleet.held()
      for (const kind of KINDS) most[kind] = Math.max(most[kind], held[kind])
      await sleep(LOOK_MS)
    }
  })()
  return {
    async stop() {
      isOver = true
      await looking
      return most
    },
  }
}
