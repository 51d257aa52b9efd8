// Brings webhook and certificate together: it is served once there is a certificate, and exchanges it when there is a new
// one. What keeps it from being served is tried again, and told by readiness: an operator without a webhook still brings
// configuration to the pods that run.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../process/log.ts'
import type { InjectionSettings } from './inject/settings.ts'
import { type Certificates, startCertificates } from './kube/certificates.ts'
import type { KubeClient } from './kube/client.ts'
import type { Clock } from './kube/clock.ts'
import type { OperatorSettings } from './settings.ts'
import { type AdmissionResult, type ServingCertificate, startWebhook, type Webhook } from './webhook.ts'

export interface ServeWebhookOptions {
  client: KubeClient
  settings: OperatorSettings
  injection: InjectionSettings
  isLeader(): boolean
  admitted(result: AdmissionResult): void
  clock: Clock
  random(): number
  log: Log
}

export interface ServedWebhook {
  /** What keeps it from being served; empty: it is. */
  problem(): string
  certificateExpiresAtMs(): number | undefined
  /** Looks at once whether something is to be done about the certificate. */
  checkCertificate(): void
  close(): Promise<void>
}

/** Until kube-proxies and the API server have heard that this replica leaves. */
const LINGER_MS = 3_000
const RETRY_MS = 5_000

export function serveWebhook(options: ServeWebhookOptions): ServedWebhook {
  const { settings, clock } = options
  const closing = new AbortController()
  let problem = 'no certificate yet'
  let serving: ServingCertificate | undefined
  let webhook: Webhook | undefined
  const certificates: Certificates = startCertificates({
    ...options,
    ...{ now: clock.now, uptime: clock.uptime, startTimer: clock.startTimer },
    mode: settings.certificates,
    namespace: settings.namespace,
    secretName: settings.certificateSecret,
    serviceName: settings.webhookService,
    webhookConfiguration: settings.webhookConfiguration,
    onCertificate: (certificate) => {
      serving = certificate
      webhook?.swapCertificate()
    },
  })
  const begun = certificates.ready.then(serve)

  async function serve(): Promise<void> {
    while (webhook === undefined && !closing.signal.aborted) {
      webhook = await startServing().catch(async (error: Error) => {
        if (problem !== error.message) options.log.error('the webhook cannot be served', { error })
        problem = error.message
        await sleep(RETRY_MS, undefined, { signal: closing.signal }).catch(() => {})
        return undefined
      })
    }
  }

  async function startServing(): Promise<Webhook> {
    const first = serving
    const started = await startWebhook({
      address: settings.webhook,
      certificate: () => serving as ServingCertificate,
      settings: () => options.injection,
      admitted: options.admitted,
      log: options.log,
      linger: () => sleep(LINGER_MS),
    })
    problem = ''
    if (serving !== first) started.swapCertificate()
    options.log.info('webhook serves', { port: started.port })
    return started
  }

  return {
    problem: () => problem,
    certificateExpiresAtMs: () => certificates.expiresAtMs(),
    checkCertificate: () => void certificates.check(),
    async close() {
      closing.abort()
      certificates.close()
      // Without a certificate nothing was begun, and nothing will be.
      if (serving !== undefined) await begun
      await webhook?.close()
    },
  }
}
