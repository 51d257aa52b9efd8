// The standings of all providers, kept over reloads: a new document does not make an ill provider well. What is the same provider is
// decided by id and base URL; another base URL is another server, and begins anew.
import type { Operation } from '../../contract/sidecar-config.ts'
import type { Provider } from '../config/runtime.ts'
import type { CircuitState } from './circuit-breaker.ts'
import type { CredentialChange } from './credential-standing.ts'
import { ProviderStanding, type StandingReport } from './provider-standing.ts'

/** What people and metrics want to know at once. `provider` is an id, `credential` a name. */
export interface StandingEvents {
  onCircuit(change: { provider: string; operation: Operation; from: CircuitState; to: CircuitState; why: string }): void
  onHealth(change: { provider: string; healthy: 'Healthy' | 'Unhealthy'; why: string }): void
  onCredential(change: CredentialChange & { provider: string; credential: string }): void
}

export class Standings {
  readonly #random: () => number
  readonly #events: Pick<StandingEvents, 'onCircuit' | 'onHealth'>
  /** Weak, since requests that began with an older runtime still end. */
  readonly #byProvider = new WeakMap<Provider, ProviderStanding>()
  /** By what makes a provider the same, in the order of the document. */
  #current = new Map<string, ProviderStanding>()
  /** Those that are gone, while requests are under way: they may come back with the next document. */
  #leaving = new Map<string, ProviderStanding>()

  /** `random` returns [0, 1). */
  constructor(random: () => number, events: Pick<StandingEvents, 'onCircuit' | 'onHealth'>) {
    this.#random = random
    this.#events = events
  }

  adopt(providers: readonly Provider[]): void {
    const current = new Map<string, ProviderStanding>()
    for (const provider of providers) {
      const key = identityOf(provider)
      const known = this.#current.get(key) ?? this.#leaving.get(key)
      known?.configure(provider.config)
      const standing = known ?? this.#create(provider)
      current.set(key, standing)
      this.#byProvider.set(provider, standing)
    }
    const gone = [...this.#leaving, ...this.#current].filter(([key, { inFlight }]) => !current.has(key) && inFlight > 0)
    this.#leaving = new Map(gone)
    this.#current = current
  }

  of(provider: Provider): ProviderStanding {
    const standing = this.#byProvider.get(provider)
    if (standing === undefined) throw new Error(`provider ${provider.id} was never adopted`)
    return standing
  }

  /** Of the providers in force, in the document's order. */
  report(nowMs: number): StandingReport[] {
    return [...this.#current.values()].map((standing) => standing.report(nowMs))
  }

  #create({ id, config }: Provider): ProviderStanding {
    return new ProviderStanding(config, this.#random, {
      onCircuit: (change) => this.#events.onCircuit({ provider: id, ...change }),
      onHealth: (change) => this.#events.onHealth({ provider: id, ...change }),
    })
  }
}

/** Neither holds a line break. */
function identityOf({ id, config }: Provider): string {
  return `${id}\n${config.baseURL}`
}
