import { type Flaw, nameList } from '../api/problem.ts'
import type { Reference, SecretKeyReference, TlsSecret } from './inputs.ts'
import type { SecretKeys } from './snapshot.ts'

export type SecretIndex = ReadonlyMap<string, SecretKeys>

interface SecretName {
  namespace: string
  name: string
}

const TLS_TYPE = 'kubernetes.io/tls'

export function indexSecrets(secrets: readonly SecretKeys[]): SecretIndex {
  return new Map(secrets.map((secret) => [secretId(secret), secret]))
}

/** One key of a Secret. `field` is the path of the object with `name` and `key`. */
export function findKey(
  secrets: SecretIndex,
  reference: SecretKeyReference,
  field: string,
): Reference<SecretKeyReference> {
  const secret = secrets.get(secretId(reference))
  if (!secret) return { broken: secretNotFound(reference, field) }
  if (!secret.keys.includes(reference.key)) return { broken: keyNotFound(secret, reference.key, `${field}.key`) }
  return { found: { ...reference, ...versionOf(secret) } }
}

/** Certificate and key of a Secret of type kubernetes.io/tls. `field` is the path of the object with `name`. */
export function findTlsSecret(secrets: SecretIndex, reference: SecretName, field: string): Reference<TlsSecret> {
  const secret = secrets.get(secretId(reference))
  if (!secret) return { broken: secretNotFound(reference, field) }
  if (secret.type !== undefined && secret.type !== TLS_TYPE) {
    const message = `Secret ${secretId(secret)} is of type ${secret.type}; a client certificate needs type ${TLS_TYPE}`
    return { broken: { field: `${field}.name`, reason: 'InvalidSecretType', message } }
  }
  const missing = ['tls.crt', 'tls.key'].find((key) => !secret.keys.includes(key))
  if (missing !== undefined) return { broken: keyNotFound(secret, missing, `${field}.name`) }
  const found = { ...reference, ...versionOf(secret) }
  return { found: { certificate: { ...found, key: 'tls.crt' }, key: { ...found, key: 'tls.key' } } }
}

function secretNotFound(reference: SecretName, field: string): Flaw {
  const message = `Secret ${secretId(reference)} does not exist; create it in namespace ${reference.namespace}`
  return { field: `${field}.name`, reason: 'SecretNotFound', message }
}

function keyNotFound(secret: SecretKeys, key: string, field: string): Flaw {
  const message = `Secret ${secretId(secret)} has no key "${key}"; it has: ${nameList(secret.keys.toSorted())}`
  return { field, reason: 'SecretKeyNotFound', message }
}

function versionOf({ version }: SecretKeys): Pick<SecretKeyReference, 'version'> {
  return version === undefined ? {} : { version }
}

function secretId({ namespace, name }: SecretName): string {
  return `${namespace}/${name}`
}
