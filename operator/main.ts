// Wires one replica: the client, what follows the cluster and writes to it (replica.ts), the webhook that every replica
// serves, and the admin pages. Called by the entry point, and by tests with a client of their own.
//
// It is ready when it can answer the API server (webhook) and knows the cluster (stores). Alive is only a question of the
// process: an API server that is away is waited for. On the way out the lease is given up first, so that the other replica
// writes on while this one still answers the requests that come.
import { readFile } from 'node:fs/promises'
import type { Check } from '../process/admin/health.ts'
import { type AdminServer, createAdminServer } from '../process/admin/server.ts'
import type { Log } from '../process/log.ts'
import { type InjectionSettings, parseInjectionSettings } from './inject/settings.ts'
import { createSidecarAsker } from './kube/ask-sidecar.ts'
import { createKubeClient, type KubeClient } from './kube/client.ts'
import { systemClock } from './kube/clock.ts'
import { collectProcessMetrics, createOperatorMetrics, type OperatorMetrics } from './metrics.ts'
import { type Replica, startReplica } from './replica.ts'
import { type ServedWebhook, serveWebhook } from './serve-webhook.ts'
import type { OperatorSettings } from './settings.ts'

export interface OperatorOptions {
  settings: OperatorSettings
  version: string
  log: Log
  /** In place of one by the settings. */
  client?: KubeClient
}

export interface Operator {
  readonly adminPort: number
  /** Gives up the lease, answers what is under way, and closes. */
  stop(): Promise<void>
}

/** What the operator was started with is wrong: exit code 1. */
export class OperatorInputError extends Error {}

const SIDECARS_ASKED_AT_ONCE = 64

export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const { settings, version, log } = options
  const injection = settings.injectionMode === 'Off' ? undefined : await readInjection(settings.injectionFile)
  const client = options.client ?? clientBy(settings, version)
  const asker = createSidecarAsker(SIDECARS_ASKED_AT_ONCE)
  const stopping = new AbortController()
  let replica: Replica | undefined
  let webhook: ServedWebhook | undefined
  let knowsCluster = false

  const metrics = createOperatorMetrics(version, {
    leads: () => replica?.isLeader() ?? false,
    queued: () => replica?.queued ?? 0,
    watchSilentMs: () => replica?.watchSilentMs ?? 0,
    certificateExpiresAtMs: () => webhook?.certificateExpiresAtMs(),
  })
  collectProcessMetrics(metrics)
  const admin = createAdmin({
    metrics,
    log,
    isLeader: () => replica?.isLeader() ?? false,
    watches: () => (knowsCluster ? '' : 'the first lists are not complete'),
    webhook: () => webhook?.problem() ?? '',
    shutdown: () => (stopping.signal.aborted ? 'shutting down' : ''),
    ...(settings.storeSecret && { store: () => (knowsCluster && replica?.storeProblem()) || '' }),
  })
  const { port } = await admin.listen(settings.admin.host, settings.admin.port)
  log.info('operator started', { version, adminPort: port, injectionMode: settings.injectionMode })

  const common = { client, log, clock: systemClock, random: () => Math.random() }
  replica = startReplica({
    ...{ ...common, settings, asker, metrics },
    sidecarImage: injection?.image,
    // The API server cannot reach the webhook before a leader has told it the CA.
    onLeading: () => webhook?.checkCertificate(),
  })
  void replica.ready.then(() => {
    knowsCluster = true
  })
  if (settings.injectionMode === 'Webhook' && injection !== undefined) {
    const isLeader = (): boolean => replica?.isLeader() ?? false
    webhook = serveWebhook({ ...common, settings, injection, isLeader, admitted: metrics.admitted })
  }

  return {
    adminPort: port,
    async stop() {
      stopping.abort()
      await replica?.stop()
      await webhook?.close()
      asker.close()
      await admin.close()
      client.close()
    },
  }
}

function clientBy({ kubeconfig }: OperatorSettings, version: string): KubeClient {
  try {
    return createKubeClient({ kubeconfig, userAgent: `outrigger-operator/${version}` })
  } catch (error) {
    throw new OperatorInputError((error as Error).message)
  }
}

interface AdminOptions {
  metrics: OperatorMetrics
  log: Log
  isLeader(): boolean
  /** What keeps it from being ready; empty: nothing. */
  watches(): string
  webhook(): string
  shutdown(): string
  /** Keeps nobody from being ready: what sidecars do without it was declared. Absent: none is declared. */
  store?(): string
}

function createAdmin(options: AdminOptions): AdminServer {
  const { metrics, log, isLeader } = options
  return createAdminServer({
    checks: () => [
      checked('watches', options.watches(), ['ready']),
      checked('webhook', options.webhook(), ['ready']),
      checked('shutdown', options.shutdown(), ['ready']),
      ...(options.store === undefined ? [] : [checked('store', options.store(), [])]),
    ],
    details: () => ({ leader: isLeader() }),
    pages: {},
    registry: metrics.registry,
    log,
  })
}

function checked(name: string, message: string, kinds: Check['kinds']): Check {
  return { name, ok: message === '', message, kinds }
}

async function readInjection(file: string): Promise<InjectionSettings> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new OperatorInputError(`--injection-file ${file}: ${error.message}`)
  })
  const parsed = parseInjectionSettings(text)
  if ('settings' in parsed) return parsed.settings
  throw new OperatorInputError(parsed.problems.map((problem) => `${file}: ${problem}`).join('\n'))
}
