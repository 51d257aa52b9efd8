// Outrigger's own answer to "which models are there": those that this pod may call, in the shape that the client's SDK
// expects. No provider is asked: its list would show what the pod may not call, and hide the names that rules invent.
//
// Listed is exactly what `route` would serve to this client: for the names that are known (models of providers, Exact
// values of rules), the rule that would decide is asked, with the headers of this very request. Names that only a Prefix
// or Glob could match are unbounded and appear as far as a backend lists them. Sources for the shapes:
// https://platform.openai.com/docs/api-reference/models, https://docs.claude.com/en/api/models-list,
// https://ai.google.dev/api/models.
import type { Dialect } from '../../contract/sidecar-config.ts'
import type { Backend, Model, Rule, Runtime } from '../config/runtime.ts'
import { Refusal } from '../errors.ts'
import type { DecodedRequest } from './decoded-request.ts'
import { matchesModel } from './match.ts'
import { modelAt, speaks, unroutedBackends } from './route.ts'

export interface ModelsAnswer {
  status: 200
  /** JSON. */
  body: string
}

interface CallableModel {
  /** As this client has to spell it. */
  name: string
  /** Id of the provider that would be asked first. */
  owner: string
  /** Tokens. */
  contextWindow: number | undefined
}

/**
 * Answers GET of the models list and of one model, `request.model`. Throws Refusal `model_not_found` for a model that
 * this pod may not call.
 */
export function modelsList(runtime: Runtime, request: DecodedRequest): ModelsAnswer {
  const shape = SHAPES[request.dialect]
  if (shape === undefined) throw new Refusal('unknown_path')
  const { model } = request
  if (model === undefined) {
    const callable = knownNames(runtime).flatMap((name) => callableModel(runtime, request, name) ?? [])
    return { status: 200, body: JSON.stringify(shape.list(callable, new URLSearchParams(request.query))) }
  }
  const found = callableModel(runtime, request, model)
  if (found === undefined) throw new Refusal('model_not_found', 'GET the list for those that can be called.')
  return { status: 200, body: JSON.stringify(shape.one(found)) }
}

/** In the document's order, each once. */
function knownNames(runtime: Runtime): string[] {
  if (runtime.routes.length === 0) return [...runtime.unrouted.listed.keys()]
  return [...new Set(runtime.rules.flatMap((rule) => [...exactNames(rule), ...rule.backends.flatMap(namesOf)]))]
}

function exactNames({ config }: Rule): string[] {
  return config.matches.flatMap(({ models }) => models.filter(({ type }) => type === 'Exact').map(({ value }) => value))
}

function namesOf({ provider, model }: Backend): string[] {
  return model === undefined ? [...provider.models.keys()] : [model.name]
}

function callableModel(runtime: Runtime, request: DecodedRequest, name: string): CallableModel | undefined {
  for (const backend of backendsFor(runtime, request, name)) {
    const model = speaks(backend.provider, request.dialect) ? modelAt(backend, name) : undefined
    if (model !== undefined) return describe(name, backend, model)
  }
  return undefined
}

function describe(name: string, { provider }: Backend, { contextWindow }: Model): CallableModel {
  return { name, owner: provider.id, contextWindow }
}

/** Backends of every rule that could decide about the name: up to the first that decides whatever the operation. */
function backendsFor(runtime: Runtime, request: DecodedRequest, name: string): readonly Backend[] {
  if (runtime.routes.length === 0) return unroutedBackends(runtime, request.dialect, name)
  const backends: Backend[] = []
  for (const rule of runtime.rules) {
    const holding = rule.matches.filter(
      (match) => matchesModel(match, name) && (match.headers === undefined || match.headers(request.head)),
    )
    if (holding.length > 0) backends.push(...rule.backends)
    if (holding.some((match) => match.operations === undefined)) break
  }
  return backends
}

interface Shape {
  list: (models: readonly CallableModel[], query: URLSearchParams) => unknown
  one: (model: CallableModel) => unknown
}

// Bedrock's runtime has no list: its SDKs ask another service for it.
const SHAPES: { readonly [dialect in Dialect]?: Shape } = {
  OpenAI: {
    list: (models) => ({ object: 'list', data: models.map(openAIModel) }),
    one: openAIModel,
  },
  Anthropic: {
    list: anthropicPage,
    one: anthropicModel,
  },
  Gemini: {
    list: (models) => ({ models: models.map(geminiModel) }),
    one: geminiModel,
  },
}

function openAIModel({ name, owner }: CallableModel): unknown {
  return { id: name, object: 'model', created: 0, owned_by: owner }
}

// The epoch is what the API itself gives for a release date that is not known; null stands for what nobody told us.
function anthropicModel({ name, contextWindow }: CallableModel): unknown {
  return {
    type: 'model',
    id: name,
    display_name: name,
    created_at: '1970-01-01T00:00:00Z',
    lifecycle: 'active',
    line: null,
    capabilities: null,
    max_input_tokens: contextWindow ?? null,
    max_tokens: null,
    deprecated_at: null,
    retires_at: null,
  }
}

const ANTHROPIC_PAGE_MAX = 1000

/** The page behind `after_id` or before `before_id`; without a limit, as much as a page can hold. */
function anthropicPage(models: readonly CallableModel[], query: URLSearchParams): unknown {
  const limit = Math.min(Math.max(Number(query.get('limit')) || ANTHROPIC_PAGE_MAX, 1), ANTHROPIC_PAGE_MAX)
  const after = models.findIndex(({ name }) => name === query.get('after_id'))
  const before = models.findIndex(({ name }) => name === query.get('before_id'))
  const rest = before < 0 ? models.slice(after + 1) : models.slice(0, before)
  const page = before < 0 ? rest.slice(0, limit) : rest.slice(-limit)
  return {
    data: page.map(anthropicModel),
    has_more: page.length < rest.length,
    first_id: page.at(0)?.name ?? null,
    last_id: page.at(-1)?.name ?? null,
  }
}

function geminiModel({ name, contextWindow }: CallableModel): unknown {
  return {
    name: `models/${name}`,
    displayName: name,
    supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens', 'embedContent'],
    ...(contextWindow === undefined ? {} : { inputTokenLimit: contextWindow }),
  }
}
