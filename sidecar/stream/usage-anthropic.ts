// Usage as Anthropic Messages reports it.
import { boundedUsage, members, tokenCount, type Usage } from './usage.ts'

/**
 * Reads the `usage` of a message, or of a stream whose `message_start` and `message_delta` were merged. `input_tokens`
 * leaves out what was read from and written to the prompt cache, so the prompt is the sum of the three; output includes
 * thinking. Undefined when neither input nor output is there.
 */
export function readAnthropicUsage(object: unknown): Usage | undefined {
  const usage = members(object)
  const uncached = tokenCount(usage.input_tokens)
  const output = tokenCount(usage.output_tokens)
  if (uncached === undefined && output === undefined) return undefined

  const cachedInputTokens = tokenCount(usage.cache_read_input_tokens) ?? 0
  const cacheWriteTokens = tokenCount(usage.cache_creation_input_tokens) ?? cacheWritesByLifetime(usage.cache_creation)
  return boundedUsage({
    inputTokens: (uncached ?? 0) + cachedInputTokens + cacheWriteTokens,
    cachedInputTokens,
    cacheWriteTokens,
    outputTokens: output ?? 0,
    reasoningTokens: tokenCount(members(usage.output_tokens_details).thinking_tokens) ?? 0,
  })
}

/** The same writes, split by how long they live; compatible hosts may send only the split. */
function cacheWritesByLifetime(value: unknown): number {
  const split = members(value)
  return (tokenCount(split.ephemeral_5m_input_tokens) ?? 0) + (tokenCount(split.ephemeral_1h_input_tokens) ?? 0)
}
