// One row per provider type: all that preparing a request must know about it. Adding a provider is adding a row; code
// outside this file asks the row and never compares the type. Sources: each provider's API reference, and the paths that
// its own SDK calls.
import { DIALECTS } from '../../contract/provider-dialect.ts'
import type { Dialect, HeaderConfig, ProviderType } from '../../contract/sidecar-config.ts'
import { Refusal } from '../errors.ts'
import { parameterName } from '../request/request-target.ts'

/** Where a request goes, before it is written as one provider's path and query. */
export interface Destination {
  /** Path of the base URL without a trailing slash; '' for none. */
  basePath: string
  /** Azure's, from the configuration. */
  apiVersion: string | undefined
  /** As in DecodedRequest: may hold the literal `{model}`. */
  endpoint: string
  /** As in DecodedRequest: may hold the parameter `model={model}` or, from an Azure client, `deployment={model}`. */
  query: string
  /** The provider's name for the model; undefined for requests that name none. */
  model: string | undefined
}

export interface ProviderRow {
  /** Of `DIALECTS`, where compile finds it too. */
  readonly dialect: Dialect
  /** Path and query of the request line. Throws Refusal `model_not_found` for a model that no path can name. */
  readonly target: (to: Destination) => string
  /** Name and value of the header that carries the key; the name is lower case. */
  readonly keyHeader: (key: string) => HeaderConfig
  /** A header that the provider demands and the client may choose; configuration may give another default value. */
  readonly negotiable: HeaderConfig | undefined
}

const OPENAI: ProviderRow = {
  dialect: DIALECTS.OpenAI,
  target: (to) => withQuery(to.basePath + to.endpoint, modelAs('model', to)),
  keyHeader: (key) => ({ name: 'authorization', value: `Bearer ${key}` }),
  negotiable: undefined,
}

export const PROVIDER_ROWS: Readonly<Record<ProviderType, ProviderRow>> = {
  OpenAI: OPENAI,
  OpenAICompatible: { ...OPENAI, dialect: DIALECTS.OpenAICompatible },
  AzureOpenAI: {
    dialect: DIALECTS.AzureOpenAI,
    target: azureTarget,
    keyHeader: (key) => ({ name: 'api-key', value: key }),
    negotiable: undefined,
  },
  Anthropic: {
    dialect: DIALECTS.Anthropic,
    target: ({ basePath, endpoint, query }) => withQuery(basePath + endpoint, query),
    keyHeader: (key) => ({ name: 'x-api-key', value: key }),
    negotiable: { name: 'anthropic-version', value: '2023-06-01' },
  },
  Gemini: {
    dialect: DIALECTS.Gemini,
    target: (to) => withQuery(to.basePath + geminiPath(to), to.query),
    keyHeader: (key) => ({ name: 'x-goog-api-key', value: key }),
    negotiable: undefined,
  },
  Bedrock: {
    dialect: DIALECTS.Bedrock,
    target: (to) => withQuery(to.basePath + bedrockPath(to), to.query),
    // An API key for Amazon Bedrock; requests are not signed.
    keyHeader: (key) => ({ name: 'authorization', value: `Bearer ${key}` }),
    negotiable: undefined,
  },
}

/** APIs that lie beside the deployments, with the model in body or query (https://learn.microsoft.com/azure/ai-services/openai/reference-preview). */
const AZURE_WITHOUT_DEPLOYMENT: ReadonlySet<string> = new Set([
  '/responses',
  '/responses/compact',
  '/responses/input_tokens',
  '/realtime',
])

function azureTarget(to: Destination): string {
  const { basePath, apiVersion, endpoint, model } = to
  if (apiVersion === undefined) return withQuery(basePath + endpoint, modelAs('model', to))
  const named = model !== undefined && !AZURE_WITHOUT_DEPLOYMENT.has(endpoint)
  const deployment = named ? `/deployments/${pathSegment(model)}` : ''
  const version = `api-version=${encodeURIComponent(apiVersion)}`
  const query = withoutParameter(modelAs('deployment', to), 'api-version')
  return withQuery(basePath + deployment + endpoint, query === '' ? version : `${query}&${version}`)
}

// The endpoint begins with the API version that the client chose, /v1 or /v1beta. Tuned models are a collection of their
// own, and their names begin with it.
const TUNED = 'tunedModels/'

function geminiPath({ endpoint, model }: Destination): string {
  if (model === undefined) return endpoint
  return model.startsWith(TUNED)
    ? endpoint.replace('models/{model}', () => TUNED + pathSegment(model.slice(TUNED.length)))
    : endpoint.replace('{model}', () => pathSegment(model))
}

function bedrockPath({ endpoint, model }: Destination): string {
  return model === undefined ? endpoint : endpoint.replace('{model}', () => pathSegment(model))
}

/** The query with the model, where it names one, under the name that the provider's realtime API gives it. */
function modelAs(name: 'model' | 'deployment', { query, model }: Destination): string {
  if (query === '' || model === undefined) return query
  return query.replace(/(?<=^|&)(?:model|deployment)=\{model\}/, () => `${name}=${encodeURIComponent(model)}`)
}

/** `query` less every parameter of that name, which is lower case; the others stay as they are spelled. */
export function withoutParameter(query: string, name: string): string {
  if (query === '') return query
  return query
    .split('&')
    .filter((parameter) => parameterName(parameter) !== name)
    .join('&')
}

function withQuery(path: string, query: string): string {
  return query === '' ? path : `${path}?${query}`
}

// Dots cannot be escaped: servers resolve `%2e%2e` like `..`, and the request would arrive at another endpoint.
function pathSegment(model: string): string {
  if (/^\.{0,2}$/.test(model)) throw new Refusal('model_not_found', `"${model}" cannot be a model's name.`)
  return encodeURIComponent(model)
}
