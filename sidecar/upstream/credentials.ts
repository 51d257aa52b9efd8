// The keys of the configured providers, ready to be sent: which header carries them is worked out once per adoption, and
// the values sit in private fields, so nothing that prints or serialises one of these objects can show them.
import type { SecretValue } from '../../contract/secret.ts'
import type { CredentialConfig } from '../../contract/sidecar-config.ts'
import type { Provider, Runtime } from '../config/runtime.ts'
import { Refusal } from '../errors.ts'
import { authenticate } from '../providers/prepare.ts'
import { pickWeighted } from '../request/weighted.ts'
import { Scrubber } from '../stream/scrub.ts'

/** A header value must be visible ASCII (RFC 9110 §5.5): anything else could add a header of its own. */
const KEY = /^[\x21-\x7e]+$/

export class Credential {
  readonly name: string
  readonly weight: number
  readonly scrubber: Scrubber
  readonly #headerLine: string

  constructor(config: Pick<CredentialConfig, 'name' | 'weight'>, headerLine: string, key: string) {
    this.name = config.name
    this.weight = config.weight
    this.scrubber = new Scrubber(key)
    this.#headerLine = headerLine
  }

  /** `name: value\r\n`, or '' for a provider that wants no key. Goes to the provider's socket and nowhere else. */
  headerLine(): string {
    return this.#headerLine
  }
}

export interface Credentials {
  /** Weighted choice; throws `credential_unavailable`. */
  pick(provider: Provider, random: () => number): Credential
  /** What is wrong with which file, for status and log. */
  readonly problems: readonly string[]
}

const NO_CREDENTIAL = new Credential({ name: '', weight: 1 }, '', '')

/** `files` maps a path relative to the mounted directory to what the file holds. */
export function createCredentials(runtime: Runtime, files: ReadonlyMap<string, SecretValue>): Credentials {
  const problems: string[] = []
  const usable = new Map<Provider, Credential[]>()
  for (const provider of runtime.providers) {
    const credentials = provider.config.credentials.map((config) => {
      const key = files.get(config.file)?.reveal().trim()
      if (key !== undefined && KEY.test(key)) return new Credential(config, authenticate(provider, key), key)
      const why = key === undefined ? 'is missing' : 'does not hold a key (one line of visible ASCII characters)'
      problems.push(`credential ${config.name} of provider ${provider.id}: file ${config.file} ${why}`)
      return undefined
    })
    usable.set(
      provider,
      credentials.filter((credential) => credential !== undefined),
    )
  }
  return {
    problems,
    pick(provider, random) {
      if (provider.config.credentials.length === 0) return NO_CREDENTIAL
      const picked = pickWeighted(usable.get(provider) ?? [], random)
      if (picked === undefined) throw new Refusal('credential_unavailable')
      return picked
    },
  }
}
