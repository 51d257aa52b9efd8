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
import type { CounterDeps } from './counter-deps.ts'
import { Deadlines } from './deadlines.ts'
import { localShare, type OnStoreFailure } from './failure-policy.ts'
import { FlushQueue } from './flush-queue.ts'
import { countName, type Identity } from './key-name.ts'
import { Presence } from './presence.ts'
import { SlotCounter } from './slot-counter.ts'
import { describeStore, type StoreAddress } from './store-address.ts'
import { type GateReport, type StoreChange, StoreGate } from './store-gate.ts'
import { StoreLink } from './store-link.ts'

export interface StoreOptions {
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
  readonly onState?: (change: SourceChange) => void
  /** Without credentials: from now on it is the one that is used. */
  readonly onAddress?: (store: string) => void
  /** Why the newest address is not used, once for each reason; free of credentials. */
  readonly onProblem?: (why: string) => void
  /** Once for each connection to a store that may forget counts. */
  readonly onEviction?: (eviction: Eviction) => void
  /** For how long slots outlive a sidecar that was killed. */
  readonly slotTtlMs?: number
  /** The longest that `connect` waits for the store. */
  readonly startWaitMs?: number
}

export interface SourceChange extends StoreChange {
  /** The address without credentials; null while there is none. */
  readonly store: string | null
}

export interface Eviction {
  readonly store: string | null
  /** Its `maxmemory-policy`. */
  readonly policy: string
}

export interface StoreReport extends GateReport {
  /** The address without credentials; null while there is none. */
  readonly store: string | null
  /**
   * The `maxmemory-policy` by which the store may forget counts, as it was when we connected; null where it forgets none, or does
   * not tell.
   */
  readonly evictionPolicy: string | null
  /** What is wrong with the file of the address, else why the newest address is not used; null where it is. */
  readonly problem: string | null
  readonly onFailure: OnStoreFailure
  /** Seen last, of the whole store; itself included. */
  readonly sidecars: number
  /** Counters that have something for the store, or a lease of it. */
  readonly unsettled: number
}

export interface StoreSource extends CounterSource {
  /**
   * The store is there from now on; another one, or the same by another password, takes over when it lets us in. Not twice at once.
   * Waits a moment for it while there is none. Rejects when a file that the address names cannot be read, and changes nothing.
   */
  connect(address: StoreAddress): Promise<void>
  /** Why there is no address, or none but the last one; undefined: there is no such reason any more. */
  explain(why: string | undefined): void
  report(): StoreReport
  /** What this process may count of it while the store is away. */
  shareOf(row: CountedRow): number
  /** Tells the store what is left to tell, for a moment, and leaves it. */
  close(): Promise<void>
}

const SLOT_TTL_MS = 10_000
const BEAT_MS = 3000
const EARLY_BEATS_MS = [200, 1000]
const START_WAIT_MS = 1000
const CLOSE_WAIT_MS = 500

/** Without an address the declared policy decides, as it does whenever the store has failed. */
export function createStoreSource(options: StoreOptions): StoreSource {
  const { timeoutMs, onFailure, identity, now, wallClock, random } = options
  const instance = randomUUID()
  const deadlines = new Deadlines(timeoutMs, now)
  const presence = new Presence(identity, instance, BEAT_MS)
  const gate: StoreGate = new StoreGate({
    timeoutMs,
    deadlines,
    now,
    random,
    probe: () => presence.beat((...call) => gate.probing(...call)),
    onState: (change) => options.onState?.({ ...change, store: usedStore() }),
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
  let evictionPolicy: string | undefined
  /** Of the file that addresses come from, and of the newest address: each is over by itself. */
  const problems: { file?: string | undefined; link?: string | undefined } = {}
  const note = (of: keyof typeof problems, why: string | undefined): void => {
    if (why !== undefined && why !== problems[of]) options.onProblem?.(why)
    problems[of] = why
  }
  const link = new StoreLink(gate, random, {
    onUsed(address) {
      note('link', undefined)
      options.onAddress?.(describeStore(address))
    },
    onProblem: (why) => note('link', why),
    onEvictionPolicy(policy) {
      evictionPolicy = policy
      if (policy !== undefined) options.onEviction?.({ store: usedStore(), policy })
    },
  })
  const usedStore = () => (link.address === undefined ? null : describeStore(link.address))
  const beats = setInterval(() => void keepPresent(gate, presence), BEAT_MS * (0.9 + 0.2 * random()))
  // Sidecars that start together learn soon that they are several, and how small a local share is.
  const early = EARLY_BEATS_MS.map((afterMs) => setTimeout(() => void keepPresent(gate, presence), afterMs))
  for (const timer of [beats, ...early]) timer.unref()
  return {
    create: counterFactory(options, deps),
    async connect(address) {
      await link.use(address)
      await gate.untilUp(options.startWaitMs ?? START_WAIT_MS)
    },
    explain(why) {
      note('file', why)
      if (why !== undefined) gate.explain(why)
    },
    report: () => ({
      ...gate.report(),
      store: usedStore(),
      evictionPolicy: evictionPolicy ?? null,
      problem: problems.file ?? problems.link ?? null,
      onFailure,
      sidecars: presence.sidecars('Cluster'),
      unsettled: queue.size,
    }),
    shareOf: (row) => localShare(row.limit, deps.shareOf(row), presence.sidecars(row.scope)),
    async close() {
      clearInterval(beats)
      for (const timer of early) clearTimeout(timer)
      await queue.drain(gate.isUp ? CLOSE_WAIT_MS : 0)
      if (gate.isUp) await presence.leave((...call) => gate.call(...call)).catch(() => undefined)
      gate.close()
      link.close()
      deadlines.close()
    },
  }
}

function counterFactory(options: StoreOptions, deps: CounterDeps): CounterSource['create'] {
  const { identity, wallClock, slotTtlMs = SLOT_TTL_MS } = options
  const local = createLocalSource({ wallClock })
  const calendarOf = createCalendars()
  return (row, key, capacity, nowMs) => {
    const name = countName(row, key, identity)
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
