// What the admin server tells of the configuration and the providers at this moment. Holds no secret: credentials appear by
// name, in problems as file names, and the document names files only.
//
// A provider that is ill makes the whole degraded, for people; it never makes the sidecar unready or dead. Taken out of service
// it could help nobody, and a restart would mend no provider.
import type { LimitsReport } from '../../contract/limit-shares.ts'
import { USAGE_PATH, type UsageReport } from '../../contract/usage-report.ts'
import type { AdminDeps } from '../../process/admin/server.ts'
import type { Configuration } from '../config/configuration.ts'
import type { RowReport } from '../limits/row-counts.ts'
import type { StoreReport } from '../store/store-source.ts'
import { ailment, type ProviderReport } from '../telemetry/provider-report.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { limitSummaries, limitsPage } from './limit-state.ts'
import { providerState } from './provider-state.ts'

export interface StateOptions {
  configuration: Pick<Configuration, 'current' | 'adoptedAtMs' | 'rejection' | 'problems'>
  upstream: Pick<Upstream, 'connections'>
  /** Of the providers that this pod may use. */
  standings(): readonly ProviderReport[]
  limits: LimitsView
  usage(): UsageReport
  draining(): boolean
  /** Milliseconds since the epoch. */
  wallClock(): number
}

export interface LimitsView {
  /** Of the rows that concern this pod. */
  reports(): readonly RowReport[]
  /** What the operator divides by. */
  shares(): LimitsReport
  /** Why this pod cannot count yet what it shares with others. */
  awaits(): string | undefined
  /** Undefined without a store. */
  store(): StoreReport | undefined
}

export function createState(options: StateOptions): Pick<AdminDeps, 'checks' | 'details' | 'pages'> {
  const { configuration, draining, standings, limits, usage, wallClock } = options
  const parts = (): object => ({
    providers: providerStates(options),
    limits: limitSummaries(limits.reports()),
    ...(limits.store() && { store: limits.store() }),
  })
  const status = (): object => ({ ...statusOf(configuration), ...parts() })
  return {
    checks: () => {
      const ailing = standings().flatMap((report) => ailment(report) ?? [])
      const awaited = limits.awaits()
      const store = limits.store()
      return [
        { name: 'config', ...verdict(configuration.current !== undefined, notLoaded(configuration)), kinds: ['ready'] },
        { name: 'drain', ...verdict(!draining(), 'shutting down'), kinds: ['ready'] },
        { name: 'limits', ...verdict(awaited === undefined, awaited ?? ''), kinds: ['ready'] },
        // What happens without it was declared; a pod that is taken out of service because of it would help nobody.
        ...(store ? [{ name: 'store', ...storeVerdict(store), kinds: [] }] : []),
        { name: 'providers', ...verdict(ailing.length === 0, ailing.join('; ')), kinds: [] },
      ]
    },
    details: () => ({ state: status(), ...parts() }),
    pages: {
      '/health/providers': () => providerStates(options),
      '/health/cache': () => ({ enabled: false }),
      '/status': status,
      '/config': () => configuration.current?.runtime.config ?? null,
      '/limits': () => limitsPage(limits.shares(), limits.reports(), wallClock()),
      [USAGE_PATH]: () => usage(),
    },
  }
}

function providerStates({ configuration, upstream, standings, wallClock }: StateOptions): object[] {
  const ids = configuration.current?.runtime.usable.map(({ id }) => id) ?? []
  const reports = standings()
  const nowMs = wallClock()
  return upstream
    .connections()
    .filter(({ provider }) => ids.includes(provider))
    .map((connections) => {
      const report = reports.find(({ provider }) => provider === connections.provider)
      return { ...connections, ...(report === undefined ? {} : providerState(report, nowMs)) }
    })
}

function verdict(ok: boolean, otherwise: string): { ok: boolean; message: string } {
  return { ok, message: ok ? '' : otherwise }
}

function storeVerdict({ state, why, store, evictionPolicy }: StoreReport): { ok: boolean; message: string } {
  const address = store === null ? '' : `${store}: `
  if (state !== 'Up') return verdict(false, `the store of limits is away: ${address}${why}`)
  const forgets = `maxmemory-policy ${evictionPolicy} makes it forget counts, it must be noeviction`
  return verdict(evictionPolicy === null, `the store of limits evicts: ${address}${forgets}`)
}

function notLoaded({ rejection }: StateOptions['configuration']): string {
  return rejection?.message ?? 'no configuration has been loaded yet'
}

function statusOf(configuration: StateOptions['configuration']): object {
  const { current, adoptedAtMs, rejection } = configuration
  return {
    revision: current?.runtime.config.revision ?? null,
    complete: current?.complete ?? false,
    loadedAt: adoptedAtMs === undefined ? null : new Date(adoptedAtMs).toISOString(),
    lastError:
      rejection === undefined ? null : { message: rejection.message, at: new Date(rejection.atMs).toISOString() },
    problems: [...configuration.problems, ...(current?.credentials.problems ?? [])],
  }
}
