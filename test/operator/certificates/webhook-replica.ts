// Replicas of an operator around one fake API server, as far as the webhook's certificate goes; each check is made by the test.

import { contentOf, newShell, type SecretContent, secretObject } from '../../../operator/certificates/secret-content.ts'
import { certificatesOf } from '../../../operator/compile/certificate.ts'
import type { CertificateMode, Certificates } from '../../../operator/kube/certificates.ts'
import { type ServedCertificate, startCertificates } from '../../../operator/kube/certificates.ts'
import type { SetTimer } from '../../../operator/kube/timer.ts'
import { type Disturbance, FakeKube, type FakeObject } from '../../support/fake-kube-client.ts'
import { type RecordedLog, recordedLog } from '../../support/recorded-log.ts'

export const NAMESPACE = 'outrigger-system'
export const SECRET = 'outrigger-webhook-tls'
export const SERVICE = 'outrigger-webhook'
/** The name that an API server calls. */
export const HOST = `${SERVICE}.${NAMESPACE}.svc`
export const SECRET_PATH = `/api/v1/namespaces/${NAMESPACE}/secrets/${SECRET}`
export const CONFIGURATION_PATH =
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/outrigger-injection'

export interface Replica {
  readonly certificates: Certificates
  readonly log: RecordedLog
  /** What it was given to serve, the last at the end. */
  readonly served: ServedCertificate[]
  leads: boolean
}

export interface ReplicaOptions {
  mode?: CertificateMode
  leads?: boolean
  disturbance?: Disturbance
  webhookConfiguration?: string
  /** None: timers never fire. */
  startTimer?: SetTimer
}

export class Cluster {
  readonly kube = new FakeKube()
  readonly replicas: Replica[] = []
  nowMs: number

  constructor(nowMs: number, configuration: FakeObject | 'None' = webhookConfiguration()) {
    this.nowMs = nowMs
    if (configuration !== 'None') this.kube.put(CONFIGURATION_PATH, configuration)
  }

  /** Its first check is under way. */
  start(options: ReplicaOptions = {}): Replica {
    const { mode = 'SelfSigned', leads = false, disturbance = {} } = options
    const log = recordedLog()
    const served: ServedCertificate[] = []
    const replica: Replica = {
      log,
      served,
      leads,
      certificates: startCertificates({
        client: this.kube.client(disturbance),
        mode,
        namespace: NAMESPACE,
        secretName: SECRET,
        serviceName: SERVICE,
        webhookConfiguration: options.webhookConfiguration ?? 'outrigger-injection',
        isLeader: () => replica.leads,
        now: () => this.nowMs,
        log,
        onCertificate: (certificate) => served.push(certificate),
        startTimer: options.startTimer ?? (() => () => undefined),
      }),
    }
    this.replicas.push(replica)
    return replica
  }

  /** Every replica looks once, one after the other. */
  async check(): Promise<void> {
    for (const { certificates } of this.replicas) await certificates.check()
  }

  /** Time passes, and every replica looks. */
  async pass(durationMs: number): Promise<void> {
    this.nowMs += durationMs
    await this.check()
  }

  close(): void {
    for (const { certificates } of this.replicas) certificates.close()
  }

  /** Undefined when there is none. */
  content(): SecretContent | undefined {
    const secret = this.kube.objects.get(SECRET_PATH)
    return secret && contentOf(secret as { metadata: { name: string }; data?: Record<string, string> })
  }

  /** As somebody else would. */
  putContent(content: SecretContent | undefined): void {
    const object = content && secretObject(newShell(NAMESPACE, SECRET), content)
    this.kube.put(SECRET_PATH, object as FakeObject | undefined)
  }

  /** Certificates that the webhook at `index` trusts; undefined for none. */
  bundle(index = 0): string | undefined {
    return bundleAt(this.kube.objects.get(CONFIGURATION_PATH), index)
  }
}

export function webhookConfiguration(): FakeObject {
  const webhook = (name: string, service: string) => ({
    name,
    clientConfig: { service: { name: service, namespace: NAMESPACE, path: '/inject', port: 443 } },
  })
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'outrigger-injection' },
    webhooks: [
      webhook('pods.outrigger.dev', SERVICE),
      webhook('pods.example.com', 'somebody-else'),
      webhook('jobs.outrigger.dev', SERVICE),
    ],
  }
}

function bundleAt(configuration: FakeObject | undefined, index: number): string | undefined {
  const webhooks = configuration?.webhooks as { clientConfig: { caBundle?: string } }[] | undefined
  const encoded = webhooks?.[index]?.clientConfig.caBundle
  return encoded === undefined ? undefined : certificatesOf(Buffer.from(encoded, 'base64').toString('utf8'))
}
