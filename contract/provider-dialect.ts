import type { Dialect, ProviderType } from './sidecar-config.ts'

/** Which API each type of provider speaks; a request is served by a provider of its own dialect only. */
export const DIALECTS: Readonly<Record<ProviderType, Dialect>> = {
  OpenAI: 'OpenAI',
  AzureOpenAI: 'OpenAI',
  OpenAICompatible: 'OpenAI',
  Anthropic: 'Anthropic',
  Gemini: 'Gemini',
  Bedrock: 'Bedrock',
}
