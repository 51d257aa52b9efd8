// How the providers of this pod are doing at one moment, for metrics and the admin pages: what the standings and the
// credentials tell, put together. Times are relative, so that no reader needs to know which clock they were taken from.
import type { Operation } from '../../contract/sidecar-config.ts'
import type { Adopted } from '../config/configuration.ts'
import type { Provider } from '../config/runtime.ts'
import type { CircuitState } from '../standing/circuit-breaker.ts'

export interface ProviderReport {
  /** Provider id. */
  provider: string
  /** Attempts under way. */
  inFlight: number
  /** Of the active checks; undefined where none is configured, or none has come to a result. */
  health: HealthReport | undefined
  /** One for each operation that was used since the provider was configured. */
  circuits: readonly CircuitReport[]
  /** Retries that its budget did not allow, since the start. */
  retriesDenied: number
  credentials: readonly CredentialReport[]
}

export interface HealthReport {
  state: 'Healthy' | 'Unhealthy'
  /** How long it has been so. */
  forMs: number
  /** What the last check saw; '' when all is well. */
  why: string
}

export interface CircuitReport {
  operation: Operation
  state: CircuitState
  /** How long it has been so. */
  forMs: number
  /** Until the next probe may go; undefined unless it is open. */
  leftMs: number | undefined
  /** Milliseconds, a running average that follows peaks; 0 while nothing was measured. */
  timeToFirstByteMs: number
  /** Times it opened, since the start. */
  opened: number
  /** Why it is not closed; '' when it is. */
  why: string
}

export interface CredentialReport {
  name: string
  /** Empty while it is in use for everything. */
  blocks: readonly BlockReport[]
  /** Times it was set aside or cooled down, by a reason of a closed set, since the start. */
  setAside: Readonly<Record<string, number>>
}

export interface BlockReport {
  /** `SetAside`: the provider refused it. `CoolingDown`: it was used too fast. `Missing`: its file holds no key. */
  state: 'SetAside' | 'CoolingDown' | 'Missing'
  /** The only model that it concerns; undefined for the whole key. */
  model: string | undefined
  /** Until it is tried again; undefined when time alone mends nothing. */
  leftMs: number | undefined
  why: string
}

const MISSING: Omit<CredentialReport, 'name'> = {
  blocks: [{ state: 'Missing', model: undefined, leftMs: undefined, why: 'its file holds no key' }],
  setAside: {},
}

/** Of the providers that this pod may use. `standings` are all providers'; `nowMs` is monotonic. */
export function providerReports(
  { runtime, credentials }: Pick<Adopted, 'runtime' | 'credentials'>,
  standings: readonly Omit<ProviderReport, 'credentials'>[],
  nowMs: number,
): ProviderReport[] {
  return runtime.usable.flatMap((provider) => {
    const standing = standings.find((one) => one.provider === provider.id)
    return standing === undefined ? [] : { ...standing, credentials: credentialReports(provider, credentials, nowMs) }
  })
}

function credentialReports(provider: Provider, credentials: Adopted['credentials'], nowMs: number): CredentialReport[] {
  const usable = credentials.of(provider)
  return provider.config.credentials.map(({ name }) => {
    const report = usable.find((one) => one.name === name)?.standing?.report(nowMs)
    return { name, ...(report ?? MISSING) }
  })
}

/** Why it serves less than it should, a sentence for people; undefined when all is well. Names no host, path or key. */
export function ailment({ provider, health, circuits, credentials }: ProviderReport): string | undefined {
  const open = circuits.filter(({ state }) => state === 'Open').map(({ operation }) => operation)
  if (credentials.length > 0 && credentials.every(isOut)) return `${provider} has no usable credential`
  if (health?.state === 'Unhealthy') return `${provider} fails its health checks`
  if (open.length > 0) return `${provider}: circuit open for ${open.join(', ')}`
  return undefined
}

/** For every model. */
function isOut({ blocks }: CredentialReport): boolean {
  return blocks.some(({ model }) => model === undefined)
}
