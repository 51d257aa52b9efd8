// Whom API servers should trust: the `caBundle` of each webhook that calls our Service. In: the Secret's content, and the
// MutatingWebhookConfiguration as it is. Out: the bundle, and a JSON patch of nothing but that field. Other webhooks in the same
// object belong to somebody else.
import { certificatesOf } from '../compile/certificate.ts'
import { isIssuedBy, isValidAt, readCertificate } from './certificate.ts'
import type { SecretContent } from './secret-content.ts'

/** As far as it is looked at. */
export interface WebhookConfiguration {
  metadata: { name: string; resourceVersion?: string }
  webhooks?: readonly Webhook[]
}

interface Webhook {
  name: string
  clientConfig: { service?: { name: string; namespace: string }; caBundle?: string }
}

export interface ServiceName {
  name: string
  namespace: string
}

/** Each once, the newest first. Undefined when there is none that can be read. */
export function bundleOf({ ca, previousCa }: SecretContent, nowMs: number): string | undefined {
  const previous = readCertificate(previousCa)
  const both = previous !== undefined && isValidAt(previous, nowMs) ? `${ca ?? ''}\n${previousCa}` : (ca ?? '')
  return certificatesOf(both)
}

/**
 * Operations of RFC 6902; none when every webhook has this bundle. They are for the version that was read: a process that was
 * stopped since then must not bring an old bundle back, nor hit another webhook that has moved to the same index.
 */
export function patchOf(configuration: WebhookConfiguration, service: ServiceName, bundle: string): unknown[] {
  const value = Buffer.from(bundle).toString('base64')
  const additions = (configuration.webhooks ?? []).flatMap((webhook, index) => {
    const fits = !calls(webhook, service) || trustedBy(webhook) === bundle
    return fits ? [] : [{ op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value }]
  })
  const { resourceVersion } = configuration.metadata
  return additions.length === 0
    ? []
    : [{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }, ...additions]
}

/** For people: the configuration is there, but cannot be meant for our Service. */
export function serviceProblem(
  configuration: WebhookConfiguration | undefined,
  service: ServiceName,
): string | undefined {
  if (configuration === undefined || isCalled(configuration, service)) return undefined
  const { namespace, name } = service
  return `MutatingWebhookConfiguration ${configuration.metadata.name}: no webhooks[].clientConfig.service is ${namespace}/${name}`
}

/** Whether something asks for our certificate at all. */
export function isCalled(configuration: WebhookConfiguration | undefined, service: ServiceName): boolean {
  return (configuration?.webhooks ?? []).some((webhook) => calls(webhook, service))
}

/** Whether each webhook that calls our Service would trust all of `ca`. */
export function trusts(configuration: WebhookConfiguration | undefined, service: ServiceName, ca: string): boolean {
  const blocks = blocksOf(certificatesOf(ca))
  return (configuration?.webhooks ?? [])
    .filter((webhook) => calls(webhook, service))
    .every((webhook) => {
      const trusted = blocksOf(trustedBy(webhook))
      return blocks.every((block) => trusted.includes(block))
    })
}

/** The CA in the Secret that vouches for what is served; undefined when none does directly, as with a chain. */
export function issuerOf({ cert, ca, previousCa }: SecretContent): string | undefined {
  const leaf = readCertificate(cert)
  return [ca, previousCa].find((pem) => {
    const issuer = readCertificate(pem)
    return leaf !== undefined && issuer !== undefined && isIssuedBy(leaf, issuer)
  })
}

function calls({ clientConfig }: Webhook, { name, namespace }: ServiceName): boolean {
  return clientConfig.service?.name === name && clientConfig.service.namespace === namespace
}

function trustedBy({ clientConfig }: Webhook): string | undefined {
  return certificatesOf(Buffer.from(clientConfig.caBundle ?? '', 'base64').toString('utf8'))
}

function blocksOf(pem: string | undefined): string[] {
  return (pem ?? '').split(/(?<=-----END CERTIFICATE-----)\n/).filter((block) => block !== '')
}
