// The keys of the configured providers, ready to be sent: which header carries them is worked out once per adoption, and
// the values sit in private fields, so nothing that prints or serialises one of these objects can show them. How a key is doing
// (refused, cooling down) goes over to the next configuration as long as its value is the same: a new value starts afresh.
import type { SecretValue } from '../../contract/secret.ts'
import type { CredentialConfig } from '../../contract/sidecar-config.ts'
import type { Model, Provider, Runtime } from '../config/runtime.ts'
import { authenticate } from '../providers/prepare.ts'
import { pickWeighted } from '../request/weighted.ts'
import type { CredentialStanding } from '../standing/credential-standing.ts'
import { Scrubber } from '../stream/scrub.ts'

/** A header value must be visible ASCII (RFC 9110 §5.5): anything else could add a header of its own. */
const KEY = /^[\x21-\x7e]+$/

export class Credential {
  readonly name: string
  readonly weight: number
  readonly scrubber: Scrubber
  /** Undefined for none: what no key was sent with cannot refuse one. */
  readonly standing: CredentialStanding | undefined
  readonly #headerLine: string

  constructor({ name, weight }: NameAndWeight, headerLine: string, key: string, standing?: CredentialStanding) {
    this.name = name
    this.weight = weight
    this.scrubber = new Scrubber(key)
    this.standing = standing
    this.#headerLine = headerLine
  }

  /** `name: value\r\n`, or '' for a provider that wants no key. Goes to the provider's socket and nowhere else. */
  headerLine(): string {
    return this.#headerLine
  }
}

type NameAndWeight = Pick<CredentialConfig, 'name' | 'weight'>

/** None can be used just now. */
export interface NoCredential {
  readonly state: 'Missing' | 'SetAside' | 'CoolingDown'
  /** Only our own guess stands in the way of one: `pick` finds it all the same. */
  readonly guessed: boolean
  /** When the first one can be used again, monotonic milliseconds; undefined when nobody knows. */
  readonly untilMs: number | undefined
}

type Files = ReadonlyMap<string, SecretValue>

const NO_CREDENTIAL = new Credential({ name: '', weight: 1 }, '', '')

export type CreateStanding = (provider: Provider, credential: string) => CredentialStanding

export class Credentials {
  /** What is wrong with which file, for status and log. */
  readonly problems: readonly string[]
  readonly #usable: ReadonlyMap<Provider, readonly Credential[]>

  /** As `createCredentials` makes them. */
  constructor(usable: ReadonlyMap<Provider, readonly Credential[]>, problems: readonly string[]) {
    this.#usable = usable
    this.problems = problems
  }

  of(provider: Provider): readonly Credential[] {
    return this.#usable.get(provider) ?? []
  }

  /** Those of the provider that had this id. */
  ofId(id: string): readonly Credential[] {
    for (const [provider, credentials] of this.#usable) if (provider.id === id) return credentials
    return []
  }

  /** The first key's header line, in use or not: for what asks only whether the provider answers. Undefined for none. */
  lineOf(provider: Provider): string | undefined {
    if (provider.config.credentials.length === 0) return NO_CREDENTIAL.headerLine()
    return this.of(provider)[0]?.headerLine()
  }

  /** By weight among those in use. One that we let cool down on our own guess is better than none. Takes nothing. */
  pick(provider: Provider, model: Model | undefined, nowMs: number, random: () => number): Credential | NoCredential {
    if (provider.config.credentials.length === 0) return NO_CREDENTIAL
    const all = this.of(provider)
    const name = standingName(model)
    const inUse = all.filter(({ standing }) => standing?.blocked(name, nowMs) === undefined)
    return pickWeighted(inUse, random) ?? guessed(all, name, nowMs) ?? lacking(all, name, nowMs)
  }

  /** Undefined when one is in use. */
  lacking(provider: Provider, model: Model | undefined, nowMs: number): NoCredential | undefined {
    if (provider.config.credentials.length === 0) return undefined
    const all = this.of(provider)
    const name = standingName(model)
    for (const { standing } of all) if (standing?.blocked(name, nowMs) === undefined) return undefined
    return lacking(all, name, nowMs)
  }
}

/** `files` maps a path relative to the mounted directory to what the file holds; `before` are those in use until now. */
export function createCredentials(
  { providers }: Pick<Runtime, 'providers'>,
  files: Files,
  before: Credentials | undefined,
  createStanding: CreateStanding,
): Credentials {
  const problems: string[] = []
  const usable = new Map<Provider, Credential[]>()
  for (const provider of providers) {
    const earlier = before?.ofId(provider.id) ?? []
    const credentials: Credential[] = []
    for (const config of provider.config.credentials) {
      const key = files.get(config.file)?.reveal().trim()
      if (key === undefined || !KEY.test(key)) {
        problems.push(`credential ${config.name} of provider ${provider.id}: file ${config.file} ${whyUnusable(key)}`)
        continue
      }
      const headerLine = authenticate(provider, key)
      const same = earlier.find((one) => one.name === config.name && one.headerLine() === headerLine)
      const standing = same?.standing ?? createStanding(provider, config.name)
      credentials.push(new Credential(config, headerLine, key, standing))
    }
    usable.set(provider, credentials)
  }
  return new Credentials(usable, problems)
}

function whyUnusable(key: string | undefined): string {
  return key === undefined ? 'is missing' : 'does not hold a key (one line of visible ASCII characters)'
}

/** What a model is called in a standing: names that clients think up would fill the memory. */
export function standingName(model: Model | undefined): string {
  return model?.source === 'Config' ? model.name : ''
}

/** The provider named no time, so it is our guess alone that stands in the way. */
function guessed(all: readonly Credential[], model: string, nowMs: number): Credential | undefined {
  let best: Credential | undefined
  let bestUntilMs = Number.POSITIVE_INFINITY
  for (const credential of all) {
    const blocked = credential.standing?.blocked(model, nowMs)
    if (blocked === undefined || !isGuess(blocked) || blocked.untilMs >= bestUntilMs) continue
    best = credential
    bestUntilMs = blocked.untilMs
  }
  return best
}

function lacking(all: readonly Credential[], model: string, nowMs: number): NoCredential {
  const blocked = all.flatMap(({ standing }) => standing?.blocked(model, nowMs) ?? [])
  if (blocked.length === 0) return { state: 'Missing', guessed: false, untilMs: undefined }
  const cooling = blocked.filter(({ state }) => state === 'CoolingDown')
  const first = cooling.length > 0 ? cooling : blocked
  const untilMs = Math.min(...first.map((one) => one.untilMs))
  return { state: cooling.length > 0 ? 'CoolingDown' : 'SetAside', guessed: blocked.some(isGuess), untilMs }
}

function isGuess({ state, told }: { state: NoCredential['state']; told: boolean }): boolean {
  return state === 'CoolingDown' && !told
}
