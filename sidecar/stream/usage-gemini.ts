// Usage as the Gemini API and Vertex AI report it.
import { boundedUsage, members, tokenCount, type Usage } from './usage.ts'

/**
 * Reads `usageMetadata`. Thoughts are counted beside the candidates, and what tools put into the prompt beside the
 * prompt; cached content is part of the prompt. Undefined when no count is there.
 */
export function readGeminiUsage(object: unknown): Usage | undefined {
  const usage = members(object)
  const prompt = tokenCount(usage.promptTokenCount)
  const candidates = tokenCount(usage.candidatesTokenCount)
  const thoughts = tokenCount(usage.thoughtsTokenCount)
  if (prompt === undefined && candidates === undefined && thoughts === undefined) return undefined

  const reasoningTokens = thoughts ?? 0
  return boundedUsage({
    inputTokens: (prompt ?? 0) + (tokenCount(usage.toolUsePromptTokenCount) ?? 0),
    cachedInputTokens: tokenCount(usage.cachedContentTokenCount) ?? 0,
    cacheWriteTokens: 0,
    outputTokens: (candidates ?? 0) + reasoningTokens,
    reasoningTokens,
  })
}
