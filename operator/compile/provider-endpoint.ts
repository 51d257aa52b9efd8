import type { HeaderConfig, ProviderConfig, ProviderType } from '../../contract/sidecar-config.ts'
import type { LLMProviderSpec } from '../api/llm-provider.ts'

/** What a provider's type says about it, still as written. */
export interface Endpoint {
  /** Where the user wrote `url`. */
  field: string
  url: string
  /** Continues `url`, so that the sidecar appends the same paths for every type. */
  path: string
  apiVersion?: string
  headers: HeaderConfig[]
  streamUsage: ProviderConfig['streamUsage']
}

/** One row for each type: what it reads of its member; undefined when the member is missing. Adding a provider adds a row. */
const ENDPOINTS: Record<ProviderType, (spec: LLMProviderSpec) => Endpoint | undefined> = {
  OpenAI: ({ openAI }) =>
    openAI && {
      ...plain('spec.openAI.baseURL', openAI.baseURL),
      headers: [...header('openai-organization', openAI.organization), ...header('openai-project', openAI.project)],
    },
  // `…/openai/v1` answers at OpenAI's paths. With a version it is the older API, whose paths name the deployment:
  // `…/openai/deployments/{upstreamName}/chat/completions?api-version=…`.
  AzureOpenAI: ({ azureOpenAI }) =>
    azureOpenAI && {
      ...plain('spec.azureOpenAI.endpoint', azureOpenAI.endpoint),
      ...(azureOpenAI.apiVersion === undefined
        ? { path: '/openai/v1' }
        : { path: '/openai', apiVersion: azureOpenAI.apiVersion }),
    },
  Anthropic: ({ anthropic }) =>
    anthropic && {
      ...plain('spec.anthropic.baseURL', anthropic.baseURL),
      headers: header('anthropic-version', anthropic.version),
    },
  Gemini: ({ gemini }) => gemini && plain('spec.gemini.baseURL', gemini.baseURL),
  Bedrock: ({ bedrock }) =>
    bedrock &&
    (bedrock.baseURL === undefined
      ? plain('spec.bedrock.region', `https://bedrock-runtime.${bedrock.region}.amazonaws.com`)
      : plain('spec.bedrock.baseURL', bedrock.baseURL)),
  OpenAICompatible: ({ openAICompatible }) =>
    openAICompatible && {
      ...plain('spec.openAICompatible.baseURL', openAICompatible.baseURL),
      streamUsage: openAICompatible.streamUsage,
    },
}

/**
 * Where the models are listed, after the base URL: the versions are in the base URL for some, in each path for others. Bedrock lists
 * them on another host.
 */
export const MODELS_PATHS: Record<ProviderType, string | undefined> = {
  OpenAI: '/models',
  AzureOpenAI: '/models',
  Anthropic: '/v1/models',
  Gemini: '/v1beta/models',
  Bedrock: undefined,
  OpenAICompatible: '/models',
}

export function endpointOf(spec: LLMProviderSpec): Endpoint | undefined {
  return ENDPOINTS[spec.type](spec)
}

function plain(field: string, url: string): Endpoint {
  return { field, url, path: '', headers: [], streamUsage: 'Requested' }
}

function header(name: string, value: string | undefined): HeaderConfig[] {
  return value === undefined ? [] : [{ name, value }]
}
