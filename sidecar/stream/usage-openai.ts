// Usage as OpenAI and the servers that speak its dialect report it.
import { boundedUsage, members, NO_TOKENS, tokenCount, type Usage } from './usage.ts'

/**
 * Reads the `usage` object of Chat Completions, Completions and Embeddings (`prompt_tokens`, `completion_tokens`), of
 * Responses, Images and Audio (`input_tokens`, `output_tokens`), and of rerankers (`total_tokens` alone, or Cohere's
 * `billed_units`). Audio may be counted by its length instead (`{"type": "duration", "seconds": 9}`). Undefined without any
 * count: rerankers billed by search.
 *
 * The prompt includes what came from and went to the cache, the completion includes reasoning. Except at xAI, which
 * reports reasoning beside the completion: the total tells which of the two it is.
 */
export function readOpenAiUsage(object: unknown): Usage | undefined {
  const usage = members(object)
  const input = tokenCount(usage.prompt_tokens) ?? tokenCount(usage.input_tokens)
  const output = tokenCount(usage.completion_tokens) ?? tokenCount(usage.output_tokens)
  const total = tokenCount(usage.total_tokens)
  if (input === undefined && output === undefined && total === undefined) return readAudioUsage(usage.seconds)

  const outputTokens = output ?? 0
  const inputTokens = input ?? Math.max(0, (total ?? 0) - outputTokens)
  const inputDetails = members(usage.prompt_tokens_details ?? usage.input_tokens_details)
  const outputDetails = members(usage.completion_tokens_details ?? usage.output_tokens_details)
  const reasoningTokens = tokenCount(outputDetails.reasoning_tokens) ?? 0
  const reasoningBeside = reasoningTokens > 0 && total === inputTokens + outputTokens + reasoningTokens
  return boundedUsage({
    inputTokens,
    // DeepSeek's older form is `prompt_cache_hit_tokens`.
    cachedInputTokens: tokenCount(inputDetails.cached_tokens) ?? tokenCount(usage.prompt_cache_hit_tokens) ?? 0,
    cacheWriteTokens: tokenCount(inputDetails.cache_write_tokens) ?? 0,
    outputTokens: reasoningBeside ? outputTokens + reasoningTokens : outputTokens,
    reasoningTokens,
  })
}

/**
 * Reads a number of seconds: `usage.seconds` of a transcription, or the `duration` that others put beside its text. Rounded to the
 * millisecond, so that what is charged stays a whole number. Undefined for anything else.
 */
export function readAudioUsage(seconds: unknown): Usage | undefined {
  const audioMs = typeof seconds === 'number' ? tokenCount(Math.round(seconds * 1000)) : undefined
  return audioMs === undefined ? undefined : { ...NO_TOKENS, audioMs }
}
