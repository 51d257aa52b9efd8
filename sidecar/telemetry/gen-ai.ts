// The OpenTelemetry GenAI semantic conventions, as far as a sidecar can fill them in: names, values and bucket bounds of
// https://github.com/open-telemetry/semantic-conventions-genai (docs/gen-ai/gen-ai-metrics.md, development status).
import type { Operation, ProviderType } from '../../contract/sidecar-config.ts'

export const TOKEN_USAGE_BOUNDS = [
  1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
] as const

/** Seconds; for the duration of an operation and for the time to its first chunk. */
export const DURATION_BOUNDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
] as const

// The conventions leave room for names of one's own. A compatible server gets one, so that its tokens are not counted
// as OpenAI's.
const PROVIDER_NAMES: Record<ProviderType, string> = {
  OpenAI: 'openai',
  AzureOpenAI: 'azure.ai.openai',
  Anthropic: 'anthropic',
  Gemini: 'gcp.gemini',
  Bedrock: 'aws.bedrock',
  OpenAICompatible: 'openai_compatible',
}

// Undefined: no inference, so no GenAI metric. Images, audio and rerank have no name in the conventions.
const OPERATION_NAMES: Record<Operation, string | undefined> = {
  Chat: 'chat',
  Responses: 'chat',
  Messages: 'chat',
  Completions: 'text_completion',
  Embeddings: 'embeddings',
  Images: 'images',
  Audio: 'audio',
  Rerank: 'rerank',
  Models: undefined,
  Other: undefined,
}

export function genAiProviderName(type: ProviderType): string {
  return PROVIDER_NAMES[type]
}

/** Undefined for what is no inference. Gemini's own chat method has a name of its own in the conventions. */
export function genAiOperationName(operation: Operation, type: ProviderType): string | undefined {
  const name = OPERATION_NAMES[operation]
  return name === 'chat' && type === 'Gemini' ? 'generate_content' : name
}
