// The webhook's Secret in the API server. Private keys leave their SecretValue in the requests made here.
import {
  contentOf,
  newShell,
  type SecretContent,
  type SecretObject,
  type SecretShell,
  secretObject,
} from '../certificates/secret-content.ts'
import { answerStatus } from './answer-status.ts'
import type { KubeClient } from './client.ts'
import { type OneObject, oneObject, type RequestLimits } from './one-object.ts'
import { SECRETS } from './resource.ts'

/** The Secret as it was read or written last. */
export interface StoredSecret {
  shell: SecretShell
  content: SecretContent
}

export interface CertificateSecret {
  /** `namespace/name`. */
  readonly place: string
  read(limits: RequestLimits): Promise<StoredSecret | undefined>
  /**
   * Creates it, or replaces what `stored` was read from. Undefined when somebody else was faster: theirs is to be read. Rejects
   * with the client's error.
   */
  write(
    stored: StoredSecret | undefined,
    content: SecretContent,
    limits: RequestLimits,
  ): Promise<StoredSecret | undefined>
  watch: OneObject<SecretObject>['watch']
}

export function certificateSecret(client: KubeClient, namespace: string, name: string): CertificateSecret {
  const secret = oneObject<SecretObject>(client, SECRETS, { namespace, name })
  return {
    place: secret.place,
    async read(limits) {
      const found = await secret.read(limits)
      return found && storedSecret(found)
    },
    async write(stored, content, limits) {
      const object = secretObject(stored?.shell ?? newShell(namespace, name), content)
      try {
        return storedSecret(await (stored === undefined ? secret.create : secret.replace)(object, limits))
      } catch (error) {
        const status = answerStatus(error)
        const deletedSince = status === 404 && stored !== undefined
        if (status !== 409 && !deletedSince) throw error
        return undefined
      }
    },
    watch: secret.watch,
  }
}

function storedSecret(object: SecretObject): StoredSecret {
  const { type, metadata } = object
  return { shell: { ...(type !== undefined && { type }), metadata }, content: contentOf(object) }
}
