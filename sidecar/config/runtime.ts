// The document, compiled for one pod: everything that can be worked out before a request comes.
//
// In: a SidecarConfig that contract/parse has accepted, and the pod's labels. Out: a frozen Runtime, swapped whole when a
// document is adopted; a request keeps the one that it began with. It resolves every id to an object, keeps only the
// routes that select this pod, compiles patterns, merges timeouts and encodes body fields once. It never reads a file
// or a key: credentials stay paths. A rule without backends stays, because it must refuse and not fall through.
import type { UnknownPrice } from '../../contract/limit-config.ts'
import { matchesSelector } from '../../contract/selector.ts'
import type {
  BackendConfig,
  BodyFieldConfig,
  Dialect,
  ModelConfig,
  ProviderConfig,
  RouteConfig,
  RuleConfig,
  SidecarConfig,
  TimeoutsConfig,
} from '../../contract/sidecar-config.ts'
import { type AttemptLimits, createAttemptLimits } from '../limits/attempt-limits.ts'
import { isMeasured } from '../limits/demand.ts'
import { type CountedRow, createBudgetRow, createLimitRow, isPerRequest, type RowOwner } from '../limits/limit-row.ts'
import { MAX_TOKENS_FIELDS } from '../limits/max-tokens.ts'
import { createHeaderFilter, type HeaderFilter } from '../providers/headers.ts'
import { PROVIDER_ROWS, type ProviderRow } from '../providers/rows.ts'
import { fieldsToRead } from '../request/decode.ts'
import type { BodyEdit } from '../request/edit-body.ts'
import { compileMatch, type Match } from '../request/match.ts'

export interface Runtime {
  readonly config: SidecarConfig
  /** In the document's order. */
  readonly providers: readonly Provider[]
  /** Routes that select this pod, in the document's order. None: the pod may use every provider by its model names. */
  readonly routes: readonly Route[]
  /** All rules of `routes`, in the order in which they are tried. */
  readonly rules: readonly Rule[]
  /** Top-level body fields that decode must find: those that a rule fills in or replaces, and where tokens are limited, what bounds them. */
  readonly readFields: readonly string[]
  /** All limits and budgets that concern this pod. */
  readonly rows: readonly CountedRow[]
  /** What a pod without routes may use. */
  readonly unrouted: Unrouted
  /** Providers that this pod may use: those that its rules name, or all when it has no routes. In the document's order. */
  readonly usable: readonly Provider[]
}

export interface Provider {
  readonly config: ProviderConfig
  /** `namespace/name`. */
  readonly id: string
  readonly row: ProviderRow
  readonly dialect: Dialect
  /** By the name that clients use. Empty: open, any name passes unchanged. */
  readonly models: ReadonlyMap<string, Model>
  readonly base: BaseURL
  readonly headers: HeaderFilter
  /** Its own quota, taken with each attempt. */
  readonly rows: readonly CountedRow[]
}

export interface Model extends ModelConfig {
  /** `Client`: the name came with a request, so it is no metric label, and its price is unknown. */
  readonly source: 'Config' | 'Client'
}

export interface BaseURL {
  readonly protocol: 'http:' | 'https:'
  /** Name or address to connect to; IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Value of the Host header: the port only where it is not the protocol's own. */
  readonly authority: string
  /** Without a trailing slash; '' for none. */
  readonly path: string
}

export interface Route {
  /** `namespace/name`. */
  readonly id: string
  readonly rules: readonly Rule[]
}

export interface Rule {
  readonly config: RuleConfig
  readonly name: string
  /** Of the LLMRoute. */
  readonly routeId: string
  /** Any of; never empty. */
  readonly matches: readonly Match[]
  /** Those with a weight, by priority, else in the document's order. */
  readonly backends: readonly Backend[]
  /** Why there is none; present exactly when `backends` is empty. */
  readonly unavailable: string | undefined
  readonly limited: Limited
}

/** Limits and budgets of a rule and of its route. */
export interface Limited {
  /** Taken once, before the first attempt. */
  readonly perRequest: readonly CountedRow[]
  /** Taken with each attempt, beside those of its provider. */
  readonly perAttempt: readonly CountedRow[]
  readonly unknownPrice: UnknownPrice
}

export interface Backend {
  readonly provider: Provider
  /** Undefined: the model that the client names. */
  readonly model: Model | undefined
  /** At least 1. */
  readonly weight: number
  readonly priority: number
  /** For people, why it may be chosen: `weight 9 of 10`. */
  readonly share: string
  readonly timeouts: TimeoutsConfig
  /** The rule's defaults and overrides. */
  readonly edits: readonly BodyEdit[]
  /** Some of them bound the output, which is not the client's to say then. */
  readonly setsMaxTokens: boolean
  /** Whose answers are alike: its rule, or the provider where none decides. */
  readonly owner: string
  readonly limits: AttemptLimits
}

export interface Unrouted {
  /** By model name: the providers that list it, in the document's order. */
  readonly listed: ReadonlyMap<string, readonly Backend[]>
  /** Providers that list no models, in the document's order. */
  readonly open: readonly Backend[]
}

type ProvidersById = ReadonlyMap<string, Provider>

const MATCH_ALL = compileMatch({ models: [], headers: [], operations: [] })

/** `podLabels` are the labels of the pod that this sidecar runs in. */
export function createRuntime(config: SidecarConfig, podLabels: Readonly<Record<string, string>>): Runtime {
  const providers = config.providers.map(createProvider)
  const byId: ProvidersById = new Map(providers.map((provider) => [provider.id, provider]))
  const routes = config.routes
    .filter((route) => matchesSelector(route.workloads, podLabels))
    .map((route) => createRoute(route, byId))
  const rules = routes.flatMap((route) => route.rules)
  const named = new Set(rules.flatMap((rule) => rule.backends.map(({ provider }) => provider)))
  const usable = routes.length === 0 ? providers : providers.filter((provider) => named.has(provider))
  const rows = [...new Set([...rules.flatMap(rowsOf), ...usable.flatMap((provider) => provider.rows)])]
  return Object.freeze({
    config,
    providers,
    routes,
    rules,
    readFields: fieldsToRead([
      ...rules.flatMap((rule) => editsOf(rule.config).map(({ field }) => field)),
      ...(rows.some(({ what }) => isMeasured(what)) ? MAX_TOKENS_FIELDS : []),
    ]),
    rows,
    unrouted: createUnrouted(providers),
    usable,
  })
}

function createProvider(config: ProviderConfig): Provider {
  const row = PROVIDER_ROWS[config.type]
  return Object.freeze({
    config,
    id: config.id,
    row,
    dialect: row.dialect,
    models: new Map(config.models.map((model) => [model.name, Object.freeze({ ...model, source: 'Config' as const })])),
    base: parseBaseURL(config.baseURL),
    headers: createHeaderFilter(config.headers, row.negotiable),
    rows: config.limits.map((limit) => createLimitRow(limit, { type: 'Provider', id: config.id })),
  })
}

function parseBaseURL(baseURL: string): BaseURL {
  const url = new URL(baseURL)
  const protocol = url.protocol === 'http:' ? 'http:' : 'https:'
  return Object.freeze({
    protocol,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (protocol === 'http:' ? 80 : 443) : Number(url.port),
    authority: url.host,
    path: url.pathname.replace(/\/+$/, ''),
  })
}

function createRoute(config: RouteConfig, providers: ProvidersById): Route {
  const rows = createRows(config, { type: 'Route', id: config.id })
  return Object.freeze({
    id: config.id,
    rules: config.rules.map((rule) => createRule(rule, config.id, rows, providers)),
  })
}

function createRows({ limits, budgets }: Pick<RuleConfig, 'limits' | 'budgets'>, owner: RowOwner): CountedRow[] {
  return [
    ...limits.map((limit) => createLimitRow(limit, owner)),
    ...budgets.map((budget) => createBudgetRow(budget, owner)),
  ]
}

function createRule(
  config: RuleConfig,
  routeId: string,
  routeRows: readonly CountedRow[],
  providers: ProvidersById,
): Rule {
  const id = `${routeId}/${config.name}`
  const limited = createLimited(config, [...routeRows, ...createRows(config, { type: 'Rule', id })])
  const common: RuleParts = { config, id, edits: editsOf(config), limited }
  const chosen = config.backends.filter(({ weight }) => weight > 0).sort((a, b) => a.priority - b.priority)
  return Object.freeze({
    config,
    name: config.name,
    routeId,
    matches: config.matches.length === 0 ? [MATCH_ALL] : config.matches.map(compileMatch),
    backends: chosen.map((backend) => createBackend(backend, common, providers)),
    unavailable: config.unavailable,
    limited,
  })
}

function createLimited({ unknownPrice }: RuleConfig, rows: readonly CountedRow[]): Limited {
  return Object.freeze({
    perRequest: rows.filter(isPerRequest),
    perAttempt: rows.filter((row) => !isPerRequest(row)),
    unknownPrice,
  })
}

function rowsOf({ limited }: Rule): CountedRow[] {
  return [...limited.perRequest, ...limited.perAttempt]
}

/** What the backends of a rule have in common. */
interface RuleParts {
  config: RuleConfig
  /** `namespace/name/rule`. */
  id: string
  edits: readonly BodyEdit[]
  limited: Limited
}

function createBackend(
  config: BackendConfig,
  { config: rule, id: owner, edits, limited }: RuleParts,
  providers: ProvidersById,
): Backend {
  const provider = checked(providers.get(config.provider))
  const model = config.model === undefined ? undefined : checked(modelNamed(provider, config.model, 'Config'))
  const timeouts = { ...provider.config.timeouts, ...rule.timeouts }
  const { weight, priority } = config
  const limits = createAttemptLimits([...limited.perAttempt, ...provider.rows])
  return Object.freeze({
    provider,
    model,
    weight,
    priority,
    share: shareOf(config, rule),
    timeouts,
    edits,
    setsMaxTokens: edits.some(({ field }) => MAX_TOKENS_FIELDS.includes(field)),
    owner,
    limits,
  })
}

function shareOf({ weight, priority }: BackendConfig, { backends, balance }: RuleConfig): string {
  const tier = backends.filter((other) => other.priority === priority)
  const total = tier.reduce((sum, other) => sum + other.weight, 0)
  const where = backends.length > tier.length ? `priority ${priority}, ` : ''
  return tier.length === 1 ? `${where}the only one` : `${where}${balance}, weight ${weight} of ${total}`
}

/** What contract/parse has verified to exist. */
function checked<T>(found: T | undefined): T {
  if (found === undefined) throw new Error('A document with a dangling name passed contract/parse')
  return found
}

/** What the provider makes of a model name; undefined when it lists its models and this is none of them. */
export function modelNamed(provider: Provider, name: string, source: Model['source']): Model | undefined {
  return provider.models.size === 0 ? { name, upstreamName: name, source } : provider.models.get(name)
}

function createUnrouted(providers: readonly Provider[]): Unrouted {
  const listed = new Map<string, Backend[]>()
  const open: Backend[] = []
  for (const provider of providers) {
    const backend = unruled(provider, 'no route selects this pod')
    if (provider.models.size === 0) open.push(Object.freeze({ ...backend, model: undefined }))
    for (const model of provider.models.values()) {
      const others = listed.get(model.name) ?? []
      listed.set(model.name, [...others, Object.freeze({ ...backend, model })])
    }
  }
  return { listed, open }
}

/** A backend that no rule declares. `share`: why it may be chosen, for people. */
export function unruled(provider: Provider, share: string): Omit<Backend, 'model'> {
  const { timeouts } = provider.config
  const limits = createAttemptLimits(provider.rows)
  const asSent = { edits: [], setsMaxTokens: false }
  return { provider, weight: 1, priority: 0, share, timeouts, ...asSent, owner: provider.id, limits }
}

// In this order, so that a field in both lists is replaced.
function editsOf({ defaults, overrides }: RuleConfig): readonly BodyEdit[] {
  return [...defaults.map((field) => bodyEdit('default', field)), ...overrides.map((field) => bodyEdit('set', field))]
}

function bodyEdit(kind: BodyEdit['kind'], { name, value }: BodyFieldConfig): BodyEdit {
  return { kind, field: name, value: Buffer.from(JSON.stringify(value)) }
}
