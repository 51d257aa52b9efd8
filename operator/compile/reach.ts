import type {
  BackendConfig,
  MatchConfig,
  ModelConfig,
  Operation,
  ProviderConfig,
} from '../../contract/sidecar-config.ts'
import { compileString } from '../../contract/string-match.ts'

/** A backend that the document has, with what it was compiled from. */
export interface BackendInUse {
  /** Its path in the LLMRoute. */
  field: string
  config: BackendConfig
  provider: ProviderConfig
}

/** A backend that requests of its rule can come to. */
export interface ReachedBackend {
  /** Its path in the LLMRoute. */
  field: string
  provider: ProviderConfig
  /** That requests come to, at least one, sorted by name; `Any`: those that clients name, unknown here. */
  models: ModelConfig[] | 'Any'
  /** Whether it answers with its own model, whatever a client names. */
  fixed: boolean
}

/** Those without a weight, or without a model that the rule matches, are left out: nothing comes to them. */
export function reachedBackends(backends: readonly BackendInUse[], matches: readonly MatchConfig[]): ReachedBackend[] {
  return backends.flatMap(({ field, config: { model, weight }, provider }) => {
    const models = modelsAt(provider, model, matches)
    if (weight === 0 || models.length === 0) return []
    return [{ field, provider, models, fixed: model !== undefined }]
  })
}

/** Files, batches and lists of models: operations whose requests need not name a model, and then cost nothing that is counted. */
const WITHOUT_MODEL: ReadonlySet<Operation> = new Set(['Other', 'Models'])

/** Whether requests that name a model come to a rule with these matches. */
export function takesModels(matches: readonly MatchConfig[]): boolean {
  if (matches.length === 0) return true
  return matches.some(
    ({ operations }) => operations.length === 0 || operations.some((each) => !WITHOUT_MODEL.has(each)),
  )
}

function modelsAt(
  { models }: ProviderConfig,
  model: string | undefined,
  matches: readonly MatchConfig[],
): ModelConfig[] | 'Any' {
  if (models.length === 0) return 'Any'
  if (model !== undefined) return models.filter(({ name }) => name === model)
  return models.filter(({ name }) => matches.length === 0 || matches.some((match) => namesModel(match, name)))
}

function namesModel({ models }: MatchConfig, name: string): boolean {
  return models.length === 0 || models.some((pattern) => compileString(pattern)(name))
}
