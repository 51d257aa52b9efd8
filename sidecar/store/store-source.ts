// Counts that live in Redis or Valkey, so that all sidecars of a limit meet in one count.
//
// In: rows and keys, as for local counters. Out: counters that spend small leases without a round trip, and wait for one when there is
// none: at most until the deadline, after which the declared policy decides (failure-policy.ts), as it does for everybody while the
// store has failed (store-gate.ts). What is taken without the store is told to it once when it is back.
//
// It never lets a request wait longer than the deadline, never blocks the start of the sidecar, and is asked by no health check. What
// it keeps for the store is bounded by the number of counters. Counts survive a sidecar; they survive the store as far as its own
// persistence and replication go, which is asynchronous: a failover can forget the last moments. A store that evicts keys forgets
// counts: it needs `maxmemory-policy noeviction`.
//
// Rejected: a round trip per request (a slow store would be felt by all), and counting here and comparing later (eight replicas admit
// eight times the limit until they notice).
import { randomUUID } from 'node:crypto'
import { createCalendars } from '../limits/calendar.ts'
import type { WallClock } from '../limits/calendar-counter.ts'
import type { CounterSource } from '../limits/counter.ts'
import type { CountedRow } from '../limits/limit-row.ts'
import { createLocalSource } from '../limits/local-source.ts'
import { AmountCounter } from './amount-counter.ts'
import { PeriodClock } from './amount-span.ts'
import { openConnection } from './connection.ts'
import type { CounterDeps } from './counter-deps.ts'
import { Deadlines } from './deadlines.ts'
import type { OnStoreFailure } from './failure-policy.ts'
import { FlushQueue } from './flush-queue.ts'
import { countName, type Identity } from './key-name.ts'
import { Presence } from './presence.ts'
import { SlotCounter } from './slot-counter.ts'
import { describeStore, type StoreAddress } from './store-address.ts'
import { type GateReport, type StoreChange, StoreGate } from './store-gate.ts'

export interface StoreOptions {
  readonly address: StoreAddress
  /** The longest that a request waits for the store. */
  readonly timeoutMs: number
  readonly onFailure: OnStoreFailure
  readonly identity: Identity
  /** The clock of `nowMs` everywhere: monotonic milliseconds. */
  readonly now: () => number
  readonly wallClock: WallClock
  readonly random: () => number
  /** What the operator has granted this pod of the row; undefined where it grants nothing to anybody. */
  readonly shareOf?: (row: CountedRow) => number | undefined
  readonly onState?: (change: StoreChange) => void
  /** For how long slots outlive a sidecar that was killed. */
  readonly slotTtlMs?: number
  /** The longest that the start waits for the store. */
  readonly startWaitMs?: number
}

export interface StoreReport extends GateReport {
  /** The address without credentials. */
  readonly store: string
  readonly onFailure: OnStoreFailure
  /** Seen last, of the whole store; itself included. */
  readonly sidecars: number
  /** Counters that have something for the store, or a lease of it. */
  readonly unsettled: number
}

export interface StoreSource extends CounterSource {
  report(): StoreReport
  /** Tells the store what is left to tell, for a moment, and leaves it. */
  close(): Promise<void>
}

const SLOT_TTL_MS = 10_000
const BEAT_MS = 3000
const EARLY_BEATS_MS = [200, 1000]
const START_WAIT_MS = 1000
const CLOSE_WAIT_MS = 500

/** Waits a moment for the store, and goes on without it. Throws when a file that the address names cannot be read. */
export async function createStoreSource(options: StoreOptions): Promise<StoreSource> {
  const { address, timeoutMs, onFailure, identity, now, wallClock, random } = options
  const instance = randomUUID()
  const deadlines = new Deadlines(timeoutMs, now)
  const presence = new Presence(address.keyPrefix, identity, instance, BEAT_MS)
  const gate: StoreGate = new StoreGate({
    timeoutMs,
    deadlines,
    now,
    random,
    probe: () => presence.beat((...call) => gate.probing(...call)),
    onState: (change) => options.onState?.(change),
  })
  const queue = new FlushQueue(now)
  const deps: CounterDeps = {
    gate,
    deadlines,
    now,
    wallClock,
    timeoutMs,
    onFailure,
    instance,
    sidecars: (scope) => presence.sidecars(scope),
    shareOf: options.shareOf ?? (() => undefined),
    schedule: (counter) => queue.add(counter),
  }
  gate.use(await openConnection(address, gate, random))
  const beats = setInterval(() => void keepPresent(gate, presence), BEAT_MS * (0.9 + 0.2 * random()))
  // Sidecars that start together learn soon that they are several, and how small a local share is.
  const early = EARLY_BEATS_MS.map((afterMs) => setTimeout(() => void keepPresent(gate, presence), afterMs))
  for (const timer of [beats, ...early]) timer.unref()
  await gate.untilUp(options.startWaitMs ?? START_WAIT_MS)
  return {
    create: counterFactory(options, deps),
    report: () => ({
      ...gate.report(),
      store: describeStore(address),
      onFailure,
      sidecars: presence.sidecars('Cluster'),
      unsettled: queue.size,
    }),
    async close() {
      clearInterval(beats)
      for (const timer of early) clearTimeout(timer)
      await queue.drain(gate.isUp ? CLOSE_WAIT_MS : 0)
      if (gate.isUp) await presence.leave((...call) => gate.call(...call)).catch(() => undefined)
      gate.close()
      deadlines.close()
    },
  }
}

function counterFactory(options: StoreOptions, deps: CounterDeps): CounterSource['create'] {
  const { address, identity, wallClock, slotTtlMs = SLOT_TTL_MS } = options
  const local = createLocalSource({ wallClock })
  const calendarOf = createCalendars()
  return (row, key, capacity, nowMs) => {
    const name = countName(address.keyPrefix, row, key, identity)
    const beside = local.create(row, key, capacity, nowMs)
    if (row.span.type === 'Open') return new SlotCounter(row, name, beside, slotTtlMs, deps)
    const periods = row.span.type === 'Calendar' ? new PeriodClock(calendarOf(row.span), wallClock, nowMs) : undefined
    return new AmountCounter(row, name, beside, periods, deps)
  }
}

/** What goes wrong is the gate's to notice. */
async function keepPresent(gate: StoreGate, presence: Presence): Promise<void> {
  if (gate.isUp) await presence.beat((...call) => gate.call(...call)).catch(() => undefined)
}
