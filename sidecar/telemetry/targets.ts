// What the metrics take from a config: which label sets it makes possible, so that their counters stand at 0 before the
// first request. A series that appears with its first value hides that value from `rate()`.
import type { ProviderType } from '../../contract/sidecar-config.ts'
import type { Model, Runtime } from '../config/runtime.ts'

/** Where a request went. Empty strings where nothing was decided. */
export interface Target {
  /** `namespace/name` of the LLMRoute. */
  route: string
  rule: string
  provider: string
  model: string
}

export interface KnownTarget extends Target {
  /** False: the price is unknown, so there is no cost series, which would read as free of charge. */
  priced: boolean
}

export interface AdoptedConfig {
  revision: string
  /** Milliseconds since the epoch. */
  atMs: number
  /** By provider id. */
  providerTypes: ReadonlyMap<string, ProviderType>
  /** Ids of the providers that this pod may use. */
  usable: readonly string[]
  targets: readonly KnownTarget[]
}

/** No config value holds a line break, so the parts cannot run into each other. */
export function targetKey(route: string, rule: string, provider: string, model: string): string {
  return `${route}\n${rule}\n${provider}\n${model}`
}

export function adoptedConfig(runtime: Runtime, atMs: number): AdoptedConfig {
  return {
    revision: runtime.config.revision,
    atMs,
    providerTypes: new Map(runtime.providers.map((provider) => [provider.id, provider.config.type])),
    usable: runtime.usable.map(({ id }) => id),
    targets: runtime.routes.length === 0 ? unroutedTargets(runtime) : routedTargets(runtime),
  }
}

function unroutedTargets(runtime: Runtime): KnownTarget[] {
  return runtime.providers.flatMap((provider) =>
    [...provider.models.values()].map((model) => knownTarget('', '', provider.id, model)),
  )
}

function routedTargets(runtime: Runtime): KnownTarget[] {
  return runtime.rules.flatMap((rule) =>
    rule.backends.flatMap(({ provider, model }) =>
      (model === undefined ? [...provider.models.values()] : [model]).map((one) =>
        knownTarget(rule.routeId, rule.name, provider.id, one),
      ),
    ),
  )
}

function knownTarget(route: string, rule: string, provider: string, model: Model): KnownTarget {
  return { route, rule, provider, model: model.name, priced: model.price !== undefined }
}
