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

/**
 * Reads the `usage` of an interaction. As in `usageMetadata`, thoughts are counted beside the output and what tools put into the prompt
 * beside the input: the total is the sum of the four. Undefined when no count is there.
 */
export function readInteractionUsage(object: unknown): Usage | undefined {
  const usage = members(object)
  const input = tokenCount(usage.total_input_tokens)
  const output = tokenCount(usage.total_output_tokens)
  const thoughts = tokenCount(usage.total_thought_tokens)
  if (input === undefined && output === undefined && thoughts === undefined) return undefined

  const reasoningTokens = thoughts ?? 0
  return boundedUsage({
    inputTokens: (input ?? 0) + (tokenCount(usage.total_tool_use_tokens) ?? 0),
    cachedInputTokens: tokenCount(usage.total_cached_tokens) ?? 0,
    cacheWriteTokens: 0,
    outputTokens: (output ?? 0) + reasoningTokens,
    reasoningTokens,
  })
}
