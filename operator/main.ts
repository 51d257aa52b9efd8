// Wires one replica: the client, the stores that every replica keeps, the webhook that every replica serves, and the term of
// the one that leads. Called by the entry point, and by tests with a client of their own.
//
// It is ready when it can answer the API server (webhook) and knows the cluster (stores). Alive is only a question of the
// process: an API server that is away is waited for. On the way out the lease is given up first, so that the other replica
// writes on while this one still answers the requests that come.
import { readFile } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAdminServer } from '../process/admin/server.ts'
import type { Log } from '../process/log.ts'
import { type InjectionSettings, parseInjectionSettings } from './inject/settings.ts'
import { createSidecarAsker } from './kube/ask-sidecar.ts'
import { type Certificates, startCertificates } from './kube/certificates.ts'
import { createKubeClient } from './kube/client.ts'
import { type LeaderElection, startLeaderElection } from './kube/leader.ts'
import { startStores } from './kube/stores.ts'
import { startTerm, type Term } from './kube/term.ts'
import { createOperatorMetrics } from './metrics.ts'
import type { OperatorSettings } from './settings.ts'
import { type ServingCertificate, startWebhook, type Webhook } from './webhook.ts'

export interface OperatorOptions {
  settings: OperatorSettings
  version: string
  log: Log
}

export interface Operator {
  /** Gives up the lease, answers what is under way, and closes. */
  stop(): Promise<void>
}

/** What the operator was started with is wrong: exit code 1. */
export class OperatorInputError extends Error {}

const LEASE = 'outrigger-operator'
const SIDECARS_ASKED_AT_ONCE = 64
/** Until kube-proxies and the API server have heard that this replica leaves. */
const WEBHOOK_LINGER_MS = 3_000

export async function startOperator({ settings, version, log }: OperatorOptions): Promise<Operator> {
  const injection = settings.injectionMode === 'Off' ? undefined : await readInjection(settings.injectionFile)
  const client = createKubeClient({ kubeconfig: settings.kubeconfig, userAgent: `outrigger-operator/${version}` })
  const asker = createSidecarAsker(SIDECARS_ASKED_AT_ONCE)
  let term: Term | undefined
  let election: LeaderElection | undefined
  let certificates: Certificates | undefined
  let webhook: Webhook | undefined
  let storesReady = false
  let stopping = false

  const metrics = createOperatorMetrics(version, {
    leads: () => election?.isLeader() ?? false,
    queued: () => term?.queued ?? 0,
    watchSilentMs: () => stores.watches.silentMs(),
    certificateExpiresAtMs: () => certificates?.expiresAtMs(),
  })
  const common = { client, log, random: () => Math.random(), uptime: () => performance.now() }
  const stores = startStores({
    ...common,
    namespaces: settings.watchNamespaces,
    now: common.uptime,
    onAffected: (namespace) => term?.add(namespace),
    onPod: (change) => term?.pod(change),
    onOwnObject: (kind, change) => term?.ownObject(kind, change),
    onGone: (uid) => term?.gone(uid),
  })
  const admin = createAdminServer({
    checks: () => [
      {
        name: 'watches',
        ok: storesReady,
        message: storesReady ? '' : 'the first lists are not complete',
        kinds: ['ready'],
      },
      { name: 'webhook', ...webhookCheck(settings, webhook), kinds: ['ready'] },
      { name: 'shutdown', ok: !stopping, message: stopping ? 'shutting down' : '', kinds: ['ready'] },
    ],
    details: () => ({ leader: election?.isLeader() ?? false }),
    pages: {},
    registry: metrics.registry,
    log,
  })
  const { port } = await admin.listen(settings.admin.host, settings.admin.port)
  log.info('operator started', { version, adminPort: port, injectionMode: settings.injectionMode })

  const started = begin().catch((error: unknown) => {
    if (!stopping) throw error
  })

  async function begin(): Promise<void> {
    const serving = settings.injectionMode === 'Webhook' && injection ? serveWebhook(injection) : undefined
    await stores.ready
    storesReady = true
    log.info('the cluster is known', { namespaces: stores.namespaces().size })
    if (!stopping) lead()
    await serving
  }

  async function serveWebhook(injectionSettings: InjectionSettings): Promise<void> {
    let serving: ServingCertificate | undefined
    certificates = startCertificates({
      ...common,
      now: Date.now,
      mode: settings.certificates,
      namespace: settings.namespace,
      secretName: settings.certificateSecret,
      serviceName: settings.webhookService,
      webhookConfiguration: settings.webhookConfiguration,
      isLeader: () => election?.isLeader() ?? false,
      onCertificate: (certificate) => {
        serving = certificate
        webhook?.swapCertificate()
      },
    })
    await certificates.ready
    if (stopping) return
    webhook = await startWebhook({
      address: settings.webhook,
      certificate: () => serving as ServingCertificate,
      settings: () => injectionSettings,
      admitted: metrics.admitted,
      log,
      linger: () => sleep(WEBHOOK_LINGER_MS),
    })
    log.info('webhook serves', { port: webhook.port })
  }

  function lead(): void {
    election = startLeaderElection({
      ...common,
      namespace: settings.namespace,
      name: LEASE,
      identity: settings.podName,
      now: Date.now,
      onStarted: (signal) => {
        log.info('leading')
        const own = startTerm({
          ...common,
          ...{ stores, asker, metrics },
          instance: settings.podName,
          nudgeRate: settings.nudgeRate,
          nudgePodsMax: settings.nudgePodsMax,
          sidecarImage: injection?.image,
        })
        term = own
        // The API server cannot reach the webhook before a leader has told it the CA.
        void certificates?.check()
        signal.addEventListener('abort', () => {
          if (term === own) term = undefined
          void own.end()
        })
      },
      onLost: () => log.warn('the lease is lost; another replica leads'),
    })
  }

  return {
    async stop() {
      stopping = true
      const ended = term?.end()
      await ended
      await election?.release()
      await webhook?.close()
      certificates?.close()
      await stores.close()
      asker.close()
      await admin.close()
      client.close()
      await started
    },
  }
}

function webhookCheck(
  { injectionMode }: OperatorSettings,
  webhook: Webhook | undefined,
): { ok: boolean; message: string } {
  const ok = injectionMode !== 'Webhook' || webhook !== undefined
  return { ok, message: ok ? '' : 'no certificate yet' }
}

async function readInjection(file: string): Promise<InjectionSettings> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new OperatorInputError(`--injection-file ${file}: ${error.message}`)
  })
  const parsed = parseInjectionSettings(text)
  if ('settings' in parsed) return parsed.settings
  throw new OperatorInputError(parsed.problems.map((problem) => `${file}: ${problem}`).join('\n'))
}
