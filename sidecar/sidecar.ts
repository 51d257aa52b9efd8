// Wires one sidecar: a directory to follow, a data plane, an admin server, and a drain. Called by the entry points (in a
// cluster over the mounted volume, on a laptop over the folder that file mode publishes to) and by tests, with port 0.
import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { createAdminServer } from '../process/admin/server.ts'
import type { Address } from '../process/flag.ts'
import type { Log } from '../process/log.ts'
import type { Output } from '../process/output.ts'
import { createState } from './admin/state.ts'
import { usageReport } from './admin/usage-page.ts'
import { admit } from './attempt/allowance.ts'
import { makeAttempts } from './attempt/attempts.ts'
import { KeepAlive } from './attempt/keep-alive.ts'
import { type Adopted, Configuration, type Rejection } from './config/configuration.ts'
import { watchDirectory } from './config/watch.ts'
import { type Deps, handle } from './handle.ts'
import { createLimiting } from './limiting.ts'
import { Admission } from './listen/admission.ts'
import { AnswerBudget } from './listen/answer-budget.ts'
import { BodyBudget } from './listen/body-budget.ts'
import { type Drainable, listen } from './listen/listener.ts'
import { recordRefused } from './listen/refuse.ts'
import { ResponseHeaderFilter } from './providers/response-headers.ts'
import type { SidecarSettings } from './settings.ts'
import { CredentialStanding } from './standing/credential-standing.ts'
import { Standings } from './standing/standings.ts'
import { createAccessLog } from './telemetry/access-log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import { type ProviderReport, providerReports } from './telemetry/provider-report.ts'
import { createRecorder } from './telemetry/recorder.ts'
import { logStandings } from './telemetry/standing-log.ts'
import { adoptedConfig } from './telemetry/targets.ts'
import { UsageLedger } from './telemetry/usage-ledger.ts'
import { Upgrades } from './upgrade/upgrade.ts'
import { HealthChecks } from './upstream/health-checks.ts'
import { Upstream } from './upstream/upstream.ts'

export interface SidecarOptions {
  settings: SidecarSettings
  version: string
  /** The mounted directory. */
  directory: string
  log: Log
  /** Where access log lines go. */
  output: Output
  /** Milliseconds since the epoch. Default: `Date.now`; tests let days pass. */
  wallClock?: () => number
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
/** A bound, so that a request that is lost by a fault of ours cannot hold the process. */
const RECORD_TURNS_MAX = 1000

export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { settings, log, output, directory, version, wallClock = Date.now } = options
  const now = (): number => performance.now()
  const random = (): number => Math.random()

  const upstream = new Upstream(now)
  const events = logStandings(log)
  const standings = new Standings(random, events)
  const reports = (): ProviderReport[] => {
    const { current } = configuration
    return current === undefined ? [] : providerReports(current, standings.report(now()), now())
  }
  const identity = {
    pod: settings.pod,
    workload: settings.workload,
    get namespace() {
      return configuration.current?.runtime.config.namespace ?? ''
    },
  }
  const limiting = await createLimiting({ settings, identity, log, now, wallClock, random })
  const usage = new UsageLedger({ now: wallClock })
  const accessLog = settings.accessLog === 'on' ? createAccessLog({ write: output.write, now: wallClock }) : undefined
  const metrics = createMetrics({
    version,
    accessLogDropped: () => accessLog?.dropped() ?? 0,
    connections: () => upstream.connections(),
    standings: reports,
    limits: limiting.reports,
    store: limiting.store,
  })
  const healthChecks = new HealthChecks({
    upstream,
    standingOf: (provider) => standings.of(provider),
    credentialLine: (provider) => configuration.current?.credentials.lineOf(provider),
    now,
    random,
  })
  const configuration = new Configuration({
    podLabels: settings.labels,
    upstream,
    createStanding: ({ id }, credential) =>
      new CredentialStanding(random, (change) => events.onCredential({ provider: id, credential, ...change })),
    wallClock,
    events: {
      onAdopted: (adopted) => {
        standings.adopt(adopted.runtime.providers)
        limiting.adopt(adopted.runtime)
        healthChecks.adopt(adopted.runtime.usable)
        noteAdopted(adopted, metrics, log)
      },
      onRejected: (rejection) => noteRejected(rejection, metrics, log),
      onShares: (shares) => limiting.assign(shares),
      onSharesRejected: (problem) => log.warn('shares of limits cannot be used; the last ones stay', { problem }),
    },
  })
  const keepAlive = new KeepAlive({ everyMs: settings.streamKeepAlive, now })
  const responseHeaders = new ResponseHeaderFilter()
  const answers = new AnswerBudget(settings.answersMax)
  const attemptsDeps = {
    upstream,
    standings,
    estimator: limiting.estimator,
    keepAlive,
    responseHeaders,
    answers,
    random,
    now,
    wallClock,
  }
  const deps: Deps = {
    allowed: { allowedHosts: settings.allowHost, allowedOrigins: settings.allowOrigin },
    current: () => configuration.current,
    admit: (choice, request, record) => admit(choice, request, record, limiting),
    attempts: (choice, context) => makeAttempts(choice, context, attemptsDeps),
    recorder: createRecorder({ metrics, accessLog, usage, log, now }),
  }

  const upgrades = new Upgrades({
    deps,
    upstream,
    standings,
    newRequestId: randomUUID,
    random,
    now,
    wallClock,
  })

  const watch = watchDirectory({
    directory,
    pollMs: POLL_MS,
    onPublished: (published) => configuration.adopt(published),
    onError: (error) => configuration.reject(`The configuration cannot be read: ${error.message}`),
  })
  await watch.check()
  const dataPlane = await listen(settings.listen, {
    headBytesMax: settings.headersMax,
    headTimeoutMs: settings.headersTimeout,
    requestTimeoutMs: settings.requestTimeout,
    body: { bytesMax: settings.bodyMax, budget: new BodyBudget(settings.bodyTotalMax) },
    admission: new Admission({ connectionsMax: settings.connectionsMax, requestsMax: settings.requestsMax, answers }),
    // The other half is for what began in this one.
    drainAcceptMs: settings.drainTimeout / 2,
    newRequestId: randomUUID,
    now,
    onExchange: (exchange) => {
      handle(exchange, deps).catch((cause: unknown) => log.error('a request could not be ended properly', { cause }))
    },
    onRefused: (request, refusal, bytesOut) => recordRefused(deps.recorder, request, refusal, bytesOut),
    onUpgrade: (message, socket, head) => upgrades.handle(message, socket, head),
  })
  let draining = false
  const adminServer = createAdminServer({
    ...createState({
      configuration,
      upstream,
      standings: reports,
      limits: { ...limiting, shares: () => limiting.sharesReport() },
      usage: () => usageReport(usage, { instance: limiting.instance, ...identity }),
      draining: () => draining,
      wallClock,
    }),
    registry: metrics.registry,
    log,
  })
  const admin = await adminServer.listen(settings.admin.host, settings.admin.port).catch((error: unknown) => {
    dataPlane.destroy()
    void dataPlane.drain()
    watch.close()
    throw error
  })

  return {
    dataPlane: dataPlane.address,
    admin: { host: admin.address, port: admin.port },
    configuration,
    check: () => watch.check(),
    async drain() {
      draining = true
      log.info('draining', { inFlight: metrics.requestsInFlight(), timeoutMs: settings.drainTimeout })
      await drainWithin([dataPlane, upgrades], settings.drainTimeout, log)
      await recordsOf(metrics)
      await accessLog?.close()
      await limiting.end()
      watch.close()
      healthChecks.close()
      upstream.close()
      await limiting.close()
      await adminServer.close()
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

/** What was broken off still has to leave its record, some turns of the event loop after its socket closed. */
async function recordsOf(metrics: Metrics): Promise<void> {
  for (let turn = 0; turn < RECORD_TURNS_MAX && metrics.requestsInFlight() > 0; turn++) await setImmediate()
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
