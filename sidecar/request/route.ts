// Who may answer a request.
//
// In: the Runtime and a decoded request. Out: a Choice, or a Refusal that tells the caller what would work. The first rule
// that matches decides alone: when it cannot serve, the request is refused and no later rule is tried, so that a broken
// reference never moves traffic to where its owner did not send it. All of a rule's backends that can serve are candidates;
// `plan` puts them in order. A pod that no route selects has no say in failover either: there the document's order decides
// for one provider, so the same name always goes to the same one. A request without a model (files, batches, …) has one
// candidate, too: what one call stores, the next must find. It never looks at load, limits or health.
import type { Balance, Dialect, RetryConfig } from '../../contract/sidecar-config.ts'
import {
  type Backend,
  type Limited,
  type Model,
  modelNamed,
  type Provider,
  type Rule,
  type Runtime,
  unruled,
} from '../config/runtime.ts'
import { Refusal } from '../errors.ts'
import type { DecodedRequest } from './decoded-request.ts'
import { matches } from './match.ts'

/** Who may answer, and by which policy. */
export interface Choice {
  /** `namespace/name` of the LLMRoute and its rule; both undefined where none decided. */
  readonly route: string | undefined
  readonly rule: string | undefined
  /** That the client names. */
  readonly model: string | undefined
  /** Never empty, by priority; each serves the model that the client names. */
  readonly candidates: readonly Backend[]
  readonly balance: Balance
  readonly retry: RetryConfig
  readonly panicPercent: number
  /** Undefined where no rule decided. */
  readonly limited: Limited | undefined
}

/** One provider's part in a request. */
export interface Attempt {
  readonly backend: Backend
  readonly provider: Provider
  /** What the backend makes of the client's; undefined for requests that name none. */
  readonly model: Model | undefined
}

/** What the resources default to, for requests that no rule decides. */
const UNROUTED_RETRY: RetryConfig = {
  attempts: 3,
  on: ['ConnectFailure', 'ProviderRefused', 'RateLimited', 'ServerError', 'Timeout'],
  statuses: [],
  backoff: { initialMs: 200, maxMs: 5000 },
}

/** How many names a detail lists: enough to see what is meant, too few to fill a log. */
const NAMES_MAX = 5
const NAME_LENGTH_MAX = 120

/** Throws Refusal. */
export function route(runtime: Runtime, request: DecodedRequest): Choice {
  const { model } = request
  if (model === undefined) return chooseWithoutModel(runtime, request)
  if (runtime.routes.length === 0) return chooseUnrouted(runtime, request, model)
  const rule = firstMatch(runtime.rules, request)
  if (rule === undefined) {
    throw new Refusal('model_not_found', `No rule of ${routeNames(runtime)} matches ${quote(model)}.`)
  }
  const candidates = able(available(rule), request.dialect, model)
  return candidates.length > 0 ? choiceOf(rule, candidates, model) : refuseModel(rule.backends, request, model)
}

/** What the backend is asked for, where the client names `model`. */
export function attemptOf(backend: Backend, model: string | undefined): Attempt {
  return { backend, provider: backend.provider, model: model === undefined ? undefined : modelAt(backend, model) }
}

/** The one place that says whose clients a provider can answer. */
export function speaks(provider: Provider, dialect: Dialect): boolean {
  return provider.dialect === dialect
}

/** What a backend makes of the model that the client names; undefined when it does not serve it. */
export function modelAt(backend: Backend, name: string): Model | undefined {
  return backend.model ?? modelNamed(backend.provider, name, 'Client')
}

/** Backends of a pod without routes, for one name: those that list it, else those that take any. */
export function unroutedBackends({ unrouted }: Runtime, dialect: Dialect, name: string): readonly Backend[] {
  return unrouted.listed.get(name) ?? unrouted.open.filter(({ provider }) => speaks(provider, dialect))
}

function chooseUnrouted(runtime: Runtime, request: DecodedRequest, model: string): Choice {
  const backends = unroutedBackends(runtime, request.dialect, model)
  const backend = backends.find(({ provider }) => speaks(provider, request.dialect))
  if (backend !== undefined) return choiceOf(undefined, [backend], model)
  if (backends.length > 0) return refuseModel(backends, request, model)
  const callable = [...runtime.unrouted.listed]
    .filter(([, candidates]) => candidates.some(({ provider }) => speaks(provider, request.dialect)))
    .map(([name]) => name)
  throw new Refusal(
    'model_not_found',
    callable.length === 0
      ? noProvider(request.dialect)
      : `No provider lists ${quote(model)}. Models that can be called here: ${list(callable)}.`,
  )
}

function chooseWithoutModel(runtime: Runtime, request: DecodedRequest): Choice {
  const rule = firstMatch(runtime.rules, request)
  if (rule !== undefined) {
    const backend = available(rule).find(({ provider }) => speaks(provider, request.dialect))
    if (backend !== undefined) return choiceOf(rule, [backend], undefined)
    const others = list([...new Set(rule.backends.map(({ provider }) => provider.dialect))])
    throw new Refusal('dialect_mismatch', `The backends of rule "${rule.name}" of ${rule.routeId} speak ${others}.`)
  }
  // A model that is left to the provider is no way around the rules; files, batches and the like have none.
  if (runtime.routes.length > 0 && request.operation !== 'Other') {
    throw new Refusal('missing_model', `No rule of ${routeNames(runtime)} takes requests without one.`)
  }
  const providers = runtime.usable.filter((provider) => speaks(provider, request.dialect))
  const [provider] = providers
  if (provider === undefined) throw new Refusal('model_not_found', noProvider(request.dialect))
  if (providers.length > 1) throw new Refusal('ambiguous_provider', howToChoose(providers, request))
  return choiceOf(undefined, [onlyProvider(provider)], undefined)
}

function firstMatch(rules: readonly Rule[], request: DecodedRequest): Rule | undefined {
  for (const rule of rules) {
    for (const match of rule.matches) if (matches(match, request)) return rule
  }
  return undefined
}

function available(rule: Rule): readonly Backend[] {
  if (rule.unavailable === undefined) return rule.backends
  throw new Refusal('rule_unavailable', `Rule "${rule.name}" of ${rule.routeId}: ${rule.unavailable}`)
}

function able(backends: readonly Backend[], dialect: Dialect, model: string): readonly Backend[] {
  const serves = (backend: Backend) => speaks(backend.provider, dialect) && modelAt(backend, model) !== undefined
  // Nearly always all of them, which then need no list of their own.
  return backends.every(serves) ? backends : backends.filter(serves)
}

function choiceOf(rule: Rule | undefined, candidates: readonly Backend[], model: string | undefined): Choice {
  return {
    route: rule?.routeId,
    rule: rule?.name,
    model,
    candidates,
    balance: rule?.config.balance ?? 'Weighted',
    retry: rule?.config.retry ?? UNROUTED_RETRY,
    panicPercent: rule?.config.panicPercent ?? 0,
    limited: rule?.limited,
  }
}

function onlyProvider(provider: Provider): Backend {
  return { ...unruled(provider, 'the only provider of its dialect'), model: undefined }
}

/** No backend can serve: because nobody has the model, or because who has it is addressed in another dialect. */
function refuseModel(backends: readonly Backend[], request: DecodedRequest, model: string): never {
  const other = backends.find((backend) => modelAt(backend, model) !== undefined)
  if (other === undefined) throw new Refusal('model_not_found', `No backend of its rule has the model ${quote(model)}.`)
  const { dialect } = other.provider
  const article = /^[AO]/.test(dialect) ? 'an' : 'a'
  throw new Refusal(
    'dialect_mismatch',
    `${quote(model)} is served by ${article} ${dialect} provider: ${callInstead(dialect, request, model)}`,
  )
}

const CONVERSATIONS: ReadonlySet<DecodedRequest['operation']> = new Set([
  'Chat',
  'Completions',
  'Responses',
  'Messages',
])

function callInstead(dialect: Dialect, { operation }: DecodedRequest, model: string): string {
  if (!CONVERSATIONS.has(operation)) return `use an API of ${dialect}.`
  return `call ${CONVERSATION_APIS[dialect](model)}.`
}

const CONVERSATION_APIS: Readonly<Record<Dialect, (model: string) => string>> = {
  OpenAI: () => 'POST /v1/chat/completions',
  Anthropic: () => 'POST /v1/messages',
  Gemini: (model) => `POST /v1beta/models/${shorten(model)}:generateContent`,
  Bedrock: (model) => `POST /model/${shorten(model)}/converse`,
}

function howToChoose(providers: readonly Provider[], { operation, dialect }: DecodedRequest): string {
  const ids = list(providers.map(({ id }) => id))
  return `The ${dialect} providers ${ids} could. An LLMRoute rule with operations: [${operation}], no models and one backend chooses.`
}

function noProvider(dialect: Dialect): string {
  return `This pod may use no provider that speaks ${dialect}.`
}

function routeNames({ routes }: Runtime): string {
  return `the ${routes.length === 1 ? 'route' : 'routes'} ${list(routes.map(({ id }) => id))}`
}

function list(names: readonly string[]): string {
  const rest = names.length - NAMES_MAX
  return rest > 0 ? `${names.slice(0, NAMES_MAX).join(', ')} and ${rest} more` : names.join(', ')
}

/** A model's name for a message, which a client may have made long. */
export function quote(model: string): string {
  return `"${shorten(model)}"`
}

function shorten(text: string): string {
  return text.length > NAME_LENGTH_MAX ? `${text.slice(0, NAME_LENGTH_MAX)}…` : text
}
