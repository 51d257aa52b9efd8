// The Secret from which sidecars get the URL of the store that they count limits in, and what TLS to it takes. It is the
// installation's, not a provider's: no resource is wrong when it is, so no condition can tell. The log does, and the admin page.
import type { Log } from '../../process/log.ts'
import type { SecretKeyReference, StoreInput } from '../resolve/inputs.ts'
import { findKey, indexSecrets } from '../resolve/secret.ts'
import type { SecretKeys } from '../resolve/snapshot.ts'

export interface StoreSecret {
  /** `namespace/name` of what must be read: one, or none where there is no store. */
  readonly wanted: readonly string[]
  /** In its version; undefined when the URL is not to be found. */
  found(secrets: readonly SecretKeys[]): StoreInput | undefined
  /** Why it is not, with the chart's field; undefined when it is, or none is wanted. */
  problem(secrets: readonly SecretKeys[]): string | undefined
  /** Tells the log of a problem once, and when it is over. */
  note(secrets: readonly SecretKeys[]): void
}

/** Of the chart. */
const FIELD = 'store.existingSecret'
/** As cert-manager names them, and charts of stores. */
const TLS_KEYS: readonly (readonly [part: Exclude<keyof StoreInput, 'url'>, key: string])[] = [
  ['ca', 'ca.crt'],
  ['certificate', 'tls.crt'],
  ['key', 'tls.key'],
]

export function createStoreSecret(reference: SecretKeyReference | undefined, log: Log): StoreSecret {
  if (reference === undefined) {
    return { wanted: [], found: () => undefined, problem: () => undefined, note: () => {} }
  }
  const place = `${reference.namespace}/${reference.name}`
  const fields = { object: `Secret ${place}`, key: reference.key }
  let told: string | undefined
  const find = (secrets: readonly SecretKeys[], key = reference.key) =>
    findKey(indexSecrets(secrets), { ...reference, key }, FIELD)
  const problem: StoreSecret['problem'] = (secrets) => {
    const outcome = find(secrets)
    return 'broken' in outcome ? `${outcome.broken.field}: ${outcome.broken.message}` : undefined
  }
  return {
    wanted: [place],
    found(secrets) {
      const url = find(secrets)
      if ('broken' in url) return undefined
      const store: StoreInput = { url: url.found }
      for (const [part, key] of TLS_KEYS) {
        const outcome = find(secrets, key)
        if ('found' in outcome) store[part] = outcome.found
      }
      return store
    },
    problem,
    note(secrets) {
      const now = problem(secrets)
      if (now === told) return
      if (now === undefined) log.info('sidecars are told where the store is', fields)
      else log.error('sidecars are not told where the store is', { ...fields, problem: now })
      told = now
    },
  }
}
