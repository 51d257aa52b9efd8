// Wires one sidecar: a directory to follow, a data plane, an admin server, and a drain. Called by the entry points (in a
// cluster over the mounted volume, on a laptop over the folder that file mode publishes to) and by tests, with port 0.
import { performance } from 'node:perf_hooks'
import { type AdminDeps, createAdminServer } from './admin/server.ts'
import { makeAttempt } from './attempt.ts'
import { type Adopted, Configuration, type Rejection } from './config/configuration.ts'
import { watchDirectory } from './config/watch.ts'
import { type Deps, handle } from './handle.ts'
import { BodyBudget } from './listen/body-budget.ts'
import { type Drainable, listen } from './listen/listener.ts'
import { recordRefused } from './listen/refuse.ts'
import { createRequestIds } from './listen/request-ids.ts'
import { ResponseHeaderFilter } from './providers/response-headers.ts'
import type { Address, SidecarSettings } from './settings.ts'
import { createAccessLog } from './telemetry/access-log.ts'
import type { Log } from './telemetry/log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import type { Output } from './telemetry/output.ts'
import { createRecorder } from './telemetry/recorder.ts'
import { adoptedConfig } from './telemetry/targets.ts'
import { Upgrades } from './upgrade.ts'
import { Upstream } from './upstream/upstream.ts'

export interface SidecarOptions {
  settings: SidecarSettings
  version: string
  /** The mounted directory. */
  directory: string
  log: Log
  /** Where access log lines go. */
  output: Output
}

export interface Sidecar {
  readonly dataPlane: Address
  readonly admin: Address
  readonly configuration: Configuration
  /** Reads the directory now; resolves when what it found is in force or rejected. */
  check(): Promise<void>
  /** Not ready, no new connections, open requests to their end within the drain timeout. Resolves when all is closed. */
  drain(): Promise<void>
}

const POLL_MS = 2000

export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { settings, log, output, directory, version } = options
  const now = (): number => performance.now()
  const random = (): number => Math.random()

  const upstream = new Upstream(now)
  const accessLog = settings.accessLog === 'on' ? createAccessLog({ write: output.write, now: Date.now }) : undefined
  const metrics = createMetrics({
    version,
    accessLogDropped: () => accessLog?.dropped() ?? 0,
    connections: () => upstream.connections(),
  })
  const configuration = new Configuration({
    podLabels: settings.labels,
    upstream,
    wallClock: Date.now,
    events: {
      onAdopted: (adopted) => noteAdopted(adopted, metrics, log),
      onRejected: (rejection) => noteRejected(rejection, metrics, log),
    },
  })
  const attemptDeps = { upstream, responseHeaders: new ResponseHeaderFilter(), random, now }
  const deps: Deps = {
    allowed: { allowedHosts: settings.allowHost, allowedOrigins: settings.allowOrigin },
    current: () => configuration.current,
    attempt: (attempt, context) => makeAttempt(attempt, context, attemptDeps),
    recorder: createRecorder({ metrics, accessLog, log, now }),
    random,
  }

  const newRequestId = createRequestIds()
  const upgrades = new Upgrades({ deps, upstream, newRequestId })

  const watch = watchDirectory({
    directory,
    pollMs: POLL_MS,
    onPublished: (published) => configuration.publish(published),
    onError: (error) => configuration.reject(`The configuration cannot be read: ${error.message}`),
  })
  await watch.check()
  const dataPlane = await listen(settings.listen, {
    headBytesMax: settings.headersMax,
    headTimeoutMs: settings.headersTimeout,
    requestTimeoutMs: settings.requestTimeout,
    body: { bytesMax: settings.bodyMax, budget: new BodyBudget(settings.bodyTotalMax) },
    newRequestId,
    now,
    onExchange: (exchange) => {
      handle(exchange, deps).catch((cause: unknown) => log.error('a request could not be ended properly', { cause }))
    },
    onRefused: (request, refusal, bytesOut) => recordRefused(deps.recorder, request, refusal, bytesOut),
    onUpgrade: (message, socket, head) => upgrades.handle(message, socket, head),
  })
  let draining = false
  const adminServer = createAdminServer(adminDeps(configuration, upstream, metrics, log, () => draining))
  const admin = await adminServer.listen(settings.admin.host, settings.admin.port)

  return {
    dataPlane: dataPlane.address,
    admin: { host: admin.address, port: admin.port },
    configuration,
    check: () => watch.check(),
    async drain() {
      draining = true
      log.info('draining', { inFlight: metrics.requestsInFlight(), timeoutMs: settings.drainTimeout })
      await drainWithin([dataPlane, upgrades], settings.drainTimeout, log)
      watch.close()
      upstream.close()
      await adminServer.close()
      await accessLog?.close()
    },
  }
}

async function drainWithin(open: readonly Drainable[], timeoutMs: number, log: Log): Promise<void> {
  const timer = setTimeout(() => {
    log.warn('drain timeout: open requests are broken off')
    for (const each of open) each.destroy()
  }, timeoutMs)
  await Promise.all(open.map((each) => each.drain()))
  clearTimeout(timer)
}

function noteAdopted({ runtime, credentials }: Adopted, metrics: Metrics, log: Log): void {
  const { revision, providers } = runtime.config
  metrics.configAdopted(adoptedConfig(runtime, Date.now()))
  log.info('configuration adopted', { revision, providers: providers.length, routes: runtime.routes.length })
  for (const problem of credentials.problems) log.warn('credential cannot be used', { problem })
}

function noteRejected({ message }: Rejection, metrics: Metrics, log: Log): void {
  metrics.configRejected()
  log.error('configuration rejected; the last good one stays in force', { reason: message })
}

function adminDeps(
  configuration: Configuration,
  upstream: Upstream,
  metrics: Metrics,
  log: Log,
  draining: () => boolean,
): AdminDeps {
  const providers = (): object => {
    const ids = configuration.current?.runtime.usable.map(({ id }) => id) ?? []
    return upstream.connections().filter(({ provider }) => ids.includes(provider))
  }
  return {
    checks: () => [
      {
        name: 'config',
        ok: configuration.current !== undefined,
        message: notReadyMessage(configuration),
        kinds: ['ready'],
      },
      { name: 'drain', ok: !draining(), message: 'shutting down', kinds: ['ready'] },
    ],
    status: () => statusOf(configuration, providers()),
    config: () => configuration.current?.runtime.config ?? null,
    providers,
    registry: metrics.registry,
    log,
  }
}

function notReadyMessage({ rejection }: Configuration): string {
  return rejection?.message ?? 'no configuration has been loaded yet'
}

function statusOf(configuration: Configuration, providers: object): object {
  const { current, adoptedAtMs, rejection } = configuration
  return {
    revision: current?.runtime.config.revision ?? null,
    loadedAt: adoptedAtMs === undefined ? null : new Date(adoptedAtMs).toISOString(),
    lastError:
      rejection === undefined ? null : { message: rejection.message, at: new Date(rejection.atMs).toISOString() },
    problems: [...configuration.problems, ...(current?.credentials.problems ?? [])],
    providers,
  }
}
