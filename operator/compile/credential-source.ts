import { createHash } from 'node:crypto'
import { credentialFile } from '../../contract/names.ts'
import type { SecretKeyReference } from '../resolve/inputs.ts'

/** A secret value that must be published beside the document: which one, and the file that the document names. */
export interface CredentialSource {
  /** In the mounted directory, and key of the published Secret. */
  file: string
  secret: SecretKeyReference
}

/** What Kubernetes allows for a key of a Secret. */
const KEY = /^(?!\.\.)[-._a-zA-Z0-9]{1,253}$/
const KEPT_CHARACTERS = 180

/**
 * `provider` is in the Secret's namespace: its references do not leave it. `name` is that of a credential, or begins with
 * `_` for what else a provider needs; credentials are DNS labels, so the two cannot meet.
 */
export function credentialSource(provider: string, name: string, secret: SecretKeyReference): CredentialSource {
  return { file: legalKey(credentialFile(secret.namespace, provider, name, secret.version)), secret }
}

/**
 * A provider's name may be nearly as long as a key alone, and a version is whatever an API server makes it: what is no key
 * becomes one by a hash of all of it. No other name has two dots in a row, so it can be taken for none.
 */
function legalKey(file: string): string {
  if (KEY.test(file)) return file
  const digest = createHash('sha256').update(file).digest('hex')
  return `${file.slice(0, KEPT_CHARACTERS).replaceAll(/[^-._a-zA-Z0-9]/g, '-')}..${digest}`
}
