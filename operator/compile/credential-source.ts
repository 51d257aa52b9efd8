import { credentialFile } from '../../contract/names.ts'
import type { SecretKeyReference } from '../resolve/inputs.ts'

/** A secret value that must be published beside the document: which one, and the file that the document names. */
export interface CredentialSource {
  /** Relative to the mounted directory. */
  file: string
  secret: SecretKeyReference
}

/**
 * `provider` is in the Secret's namespace: its references do not leave it. `name` is that of a credential, or begins with
 * `_` for what else a provider needs; credentials are DNS labels, so the two cannot meet.
 */
export function credentialSource(provider: string, name: string, secret: SecretKeyReference): CredentialSource {
  return { file: credentialFile(secret.namespace, provider, name), secret }
}
