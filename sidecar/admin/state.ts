// What the admin server tells of the configuration and the providers at this moment. Holds no secret: credentials appear by
// name, in problems as file names, and the document names files only.
//
// A provider that is ill makes the whole degraded, for people; it never makes the sidecar unready or dead. Taken out of service
// it could help nobody, and a restart would mend no provider.
import type { AdminDeps } from '../../process/admin/server.ts'
import type { Configuration } from '../config/configuration.ts'
import { ailment, type ProviderReport } from '../telemetry/provider-report.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { providerState } from './provider-state.ts'

export interface StateOptions {
  configuration: Pick<Configuration, 'current' | 'adoptedAtMs' | 'rejection' | 'problems'>
  upstream: Pick<Upstream, 'connections'>
  /** Of the providers that this pod may use. */
  standings(): readonly ProviderReport[]
  draining(): boolean
  /** Milliseconds since the epoch. */
  wallClock(): number
}

export function createState(options: StateOptions): Pick<AdminDeps, 'checks' | 'details' | 'pages'> {
  const { configuration, draining, standings } = options
  const providers = (): object => providerStates(options)
  return {
    checks: () => {
      const ailing = standings().flatMap((report) => ailment(report) ?? [])
      return [
        { name: 'config', ...verdict(configuration.current !== undefined, notLoaded(configuration)), kinds: ['ready'] },
        { name: 'drain', ...verdict(!draining(), 'shutting down'), kinds: ['ready'] },
        { name: 'providers', ...verdict(ailing.length === 0, ailing.join('; ')), kinds: [] },
      ]
    },
    details: () => ({ state: statusOf(configuration, providers()), providers: providers() }),
    pages: {
      '/health/providers': providers,
      '/health/cache': () => ({ enabled: false }),
      '/status': () => statusOf(configuration, providers()),
      '/config': () => configuration.current?.runtime.config ?? null,
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

function notLoaded({ rejection }: StateOptions['configuration']): string {
  return rejection?.message ?? 'no configuration has been loaded yet'
}

function statusOf(configuration: StateOptions['configuration'], providers: object): object {
  const { current, adoptedAtMs, rejection } = configuration
  return {
    revision: current?.runtime.config.revision ?? null,
    complete: current?.complete ?? false,
    loadedAt: adoptedAtMs === undefined ? null : new Date(adoptedAtMs).toISOString(),
    lastError:
      rejection === undefined ? null : { message: rejection.message, at: new Date(rejection.atMs).toISOString() },
    problems: [...configuration.problems, ...(current?.credentials.problems ?? [])],
    providers,
  }
}
