// What the admin server tells of the configuration and the providers at this moment. Holds no secret: credentials appear as
// file names in problems, and the document names files only.
import type { AdminDeps } from '../../process/admin/server.ts'
import type { Configuration } from '../config/configuration.ts'
import type { Upstream } from '../upstream/upstream.ts'

export interface StateOptions {
  configuration: Configuration
  upstream: Upstream
  draining(): boolean
}

export function createState(options: StateOptions): Pick<AdminDeps, 'checks' | 'details' | 'pages'> {
  const { configuration, upstream, draining } = options
  const providers = (): object => {
    const ids = configuration.current?.runtime.usable.map(({ id }) => id) ?? []
    return upstream.connections().filter(({ provider }) => ids.includes(provider))
  }
  return {
    checks: () => [
      { name: 'config', ...verdict(configuration.current !== undefined, notLoaded(configuration)), kinds: ['ready'] },
      { name: 'drain', ...verdict(!draining(), 'shutting down'), kinds: ['ready'] },
    ],
    details: () => ({ state: statusOf(configuration, providers()), providers: providers() }),
    pages: {
      '/health/providers': providers,
      '/health/cache': () => ({ enabled: false }),
      '/status': () => statusOf(configuration, providers()),
      '/config': () => configuration.current?.runtime.config ?? null,
    },
  }
}

function verdict(ok: boolean, otherwise: string): { ok: boolean; message: string } {
  return { ok, message: ok ? '' : otherwise }
}

function notLoaded({ rejection }: Configuration): string {
  return rejection?.message ?? 'no configuration has been loaded yet'
}

function statusOf(configuration: Configuration, providers: object): object {
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
