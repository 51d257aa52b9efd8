// The webhook's Secret: which key holds what. Values are decoded here and encoded here; between the two a private key is a
// SecretValue. `ca.crt`, `tls.crt` and `tls.key` are the names that cert-manager uses too.
import { MANAGED_BY, MANAGED_BY_LABEL } from '../../contract/names.ts'
import { SecretValue } from '../../contract/secret.ts'

/** As found: any part may be missing, or be nonsense. */
export interface SecretContent {
  /** What the webhook serves, with its chain. PEM. */
  cert?: string
  key?: SecretValue
  /** What clients should trust. PEM, in an existing Secret possibly several. */
  ca?: string
  caKey?: SecretValue
  /** The CA before `ca`, while something that it issued may be in use. */
  previousCa?: string
}

/** A v1 Secret, as far as it is looked at. */
export interface SecretObject {
  apiVersion?: string
  kind?: string
  type?: string
  metadata: { name: string; namespace?: string; resourceVersion?: string; labels?: Readonly<Record<string, string>> }
  data?: Readonly<Record<string, string>>
}

export function contentOf({ data = {} }: SecretObject): SecretContent {
  const text = (key: string): string | undefined => {
    const value = data[key]
    return value ? Buffer.from(value, 'base64').toString('utf8') : undefined
  }
  const secret = (key: string): SecretValue | undefined => {
    const value = text(key)
    return value === undefined ? undefined : new SecretValue(value)
  }
  return present({
    cert: text('tls.crt'),
    key: secret('tls.key'),
    ca: text('ca.crt'),
    caKey: secret('ca.key'),
    previousCa: text('previous-ca.crt'),
  })
}

/** What a Secret is made of that is there already: its type cannot be changed. */
export type SecretShell = Pick<SecretObject, 'type' | 'metadata'>

export function newShell(namespace: string, name: string): SecretShell {
  return { type: 'kubernetes.io/tls', metadata: { name, namespace, labels: { [MANAGED_BY_LABEL]: MANAGED_BY } } }
}

/** For the request to the API server, and nothing else: it holds the keys as they are. */
export function secretObject({ type, metadata }: SecretShell, content: SecretContent): SecretObject {
  const data = present({
    'tls.crt': content.cert,
    'tls.key': content.key?.reveal(),
    'ca.crt': content.ca,
    'ca.key': content.caKey?.reveal(),
    'previous-ca.crt': content.previousCa,
  })
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    ...(type !== undefined && { type }),
    metadata,
    data: Object.fromEntries(encoded),
  }
}

type Present<Parts> = { [Name in keyof Parts]?: Exclude<Parts[Name], undefined> }

function present<Parts extends object>(parts: Parts): Present<Parts> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Present<Parts>
}
