// Wires limits: where counts live, in this process or in a store; what of a shared limit this pod may count; what is learnt of models.
//
// With a store it counts for all sidecars, and shares are what its absence leaves to each. Without one, in a cluster, shares are all there
// is; a process alone has the whole of every limit.
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { LimitShares, LimitsReport } from '../contract/limit-shares.ts'
import type { Log } from '../process/log.ts'
import type { AllowanceDeps } from './attempt/allowance.ts'
import type { Runtime } from './config/runtime.ts'
import type { WallClock } from './limits/calendar-counter.ts'
import type { CounterSource } from './limits/counter.ts'
import { Estimator } from './limits/estimate.ts'
import type { CountedRow } from './limits/limit-row.ts'
import { Limits } from './limits/limits.ts'
import { createLocalSource } from './limits/local-source.ts'
import { Shares } from './limits/shares.ts'
import { createTokenizers, type Tokenizer } from './limits/tokenizer.ts'
import type { SidecarSettings } from './settings.ts'
import { followAddressFile } from './store/address-file.ts'
import type { Identity } from './store/key-name.ts'
import type { StoreAddress, StoreFile } from './store/store-address.ts'
import type { StoreReport, StoreSource } from './store/store-source.ts'
import { createLimitReports } from './telemetry/limit-families.ts'

export interface LimitingOptions {
  settings: SidecarSettings
  identity: Identity
  log: Log
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since the epoch. */
  wallClock(): number
  /** In [0, 1). */
  random(): number
}

export interface Limiting extends AllowanceDeps {
  readonly limits: Limits
  readonly estimator: Estimator
  readonly reports: ReturnType<typeof createLimitReports>
  /** Of this process, among those that share a limit. */
  readonly instance: string
  adopt(runtime: Runtime): void
  assign(shares: LimitShares | undefined): void
  /** What the operator divides by. */
  sharesReport(): LimitsReport
  /** Why this pod cannot count yet what it shares with others; undefined when it can. */
  awaits(): string | undefined
  /** Undefined without a store. */
  store(): StoreReport | undefined
  /**
   * Nothing is open and nothing more will be admitted. Resolves when it was asked what was used in the end, by the operator as a rule, so
   * that the rest of this pod's shares goes to others; or after some seconds, or at once where it shares nothing.
   */
  end(): Promise<void>
  close(): Promise<void>
}

/** A pod that gets no share all the same is not kept from what no limit concerns. */
const SHARES_WAIT_MS = 30_000
const ADDRESS_POLL_MS = 1000
/** An operator asks pods that are about to end every second. */
const LAST_REPORT_WAIT_MS = 3000

/** Throws when the store's address names a file that cannot be read. */
export async function createLimiting(options: LimitingOptions): Promise<Limiting> {
  const { settings, log, now, wallClock } = options
  const clock: WallClock = (nowMs) => nowMs + wallClock() - now()
  const sharing = settings.limitShares === 'assigned' ? 'Assigned' : 'Whole'
  const assigned = new Shares(sharing, randomUUID(), now(), clock)
  const store = settings.store && (await openStore(settings.store, options, assigned, clock))
  const source: CounterSource = store ?? createLocalSource({ wallClock: clock })
  const whole = new Shares('Whole', assigned.instance, now(), clock)
  const limits = new Limits(source, store === undefined ? assigned : whole)
  let shared: Runtime['rows'] = []
  let phase: 'Running' | 'Ended' = 'Running'
  const lastReport = Promise.withResolvers<void>()
  // A store that is up counts for all, and where nothing or all is refused without it, shares change nothing.
  const needsShares = (): boolean =>
    store === undefined || (store.report().state !== 'Up' && settings.onStoreFailure === 'LocalShare')
  return {
    limits,
    estimator: new Estimator(settings.tokenizer === 'on' ? tokenizers(log) : undefined),
    now,
    wallClock,
    reports: createLimitReports(limits, now),
    instance: assigned.instance,
    adopt({ rows }) {
      limits.adopt(rows, now())
      // It comes beside the first document.
      void store?.checkAddress()
      shared = rows.filter((row) => assigned.isShared(row))
    },
    assign(shares) {
      assigned.assign(shares)
      limits.assign(shares, now())
    },
    sharesReport() {
      const report = limits.sharesReport(now())
      if (phase === 'Ended' && limits.open === 0) {
        lastReport.resolve()
        return { ...report, ended: true }
      }
      if (store === undefined) return report
      const shares = new Map(shared.map((row) => [row.id, store.shareOf(row)]))
      const divided = report.limits.map((limit) => ({ ...limit, share: shares.get(limit.id) ?? limit.share }))
      return { ...report, limits: divided, store: store.report().state === 'Up' ? 'Up' : 'Away' }
    },
    awaits() {
      if (shared.length === 0 || assigned.isGranted || !needsShares()) return undefined
      return now() - assigned.startedAtMs > SHARES_WAIT_MS ? undefined : 'no share of shared limits has come yet'
    },
    store: () => store?.report(),
    async end() {
      if (store !== undefined || shared.length === 0 || !assigned.isGranted) return
      phase = 'Ended'
      await Promise.race([lastReport.promise, setTimeout(LAST_REPORT_WAIT_MS, undefined, { ref: false })])
    },
    close: async () => store?.close(),
  }
}

interface OpenStore extends StoreSource {
  /** Looks whether there is another address. */
  checkAddress(): Promise<void>
}

async function openStore(
  setting: StoreAddress | StoreFile,
  options: LimitingOptions,
  assigned: Shares,
  wallClock: WallClock,
): Promise<OpenStore> {
  const source = await createStore(options, assigned, wallClock)
  if (!('file' in setting)) {
    await source.connect(setting)
    return { ...source, checkAddress: async () => {} }
  }
  const followed = followAddressFile({
    file: setting.file,
    pollMs: ADDRESS_POLL_MS,
    onAddress: source.connect,
    onProblem: source.explain,
  })
  await followed.check()
  return {
    ...source,
    checkAddress: followed.check,
    close() {
      followed.close()
      return source.close()
    },
  }
}

/** Loaded only where there is one: its client is a megabyte. */
async function createStore(options: LimitingOptions, assigned: Shares, wallClock: WallClock): Promise<StoreSource> {
  const { settings, identity, log, now, random } = options
  const { createStoreSource } = await import('./store/store-source.ts')
  return createStoreSource({
    timeoutMs: settings.storeTimeout,
    onFailure: settings.onStoreFailure,
    identity,
    now,
    wallClock,
    random,
    // In a cluster nothing before the operator has granted it: how many share a limit is not known to a pod that comes while the store
    // is away.
    shareOf: (row) => (assigned.isShared(row) ? grantedOf(assigned, row) : undefined),
    onState: ({ from, to, why, store }) => {
      if (to === 'Failed')
        log.warn('the store of limits has failed', { store, why, onFailure: settings.onStoreFailure })
      else if (from === 'Failed') log.info('the store of limits is back')
    },
    onAddress: (store) => log.info('the store of limits has an address', { store }),
    onProblem: (problem) => log.warn('the address of the store of limits cannot be used yet', { problem }),
    onEviction: (eviction) => log.warn('the store of limits may forget counts: it must not evict', { ...eviction }),
  })
}

function grantedOf(assigned: Shares, row: CountedRow): number {
  return assigned.isGranted ? assigned.capacityOf(row) : 0
}

function tokenizers(log: Log): (model: string) => Tokenizer | undefined {
  return createTokenizers(
    () => import('./vocabulary.ts'),
    (cause) => log.warn('the tokenizer cannot be loaded; input is estimated by its size', { cause }),
  )
}
