// Usage as Anthropic Messages reports it.
//
// `iterations` lists the model calls behind one answer. The top level is the sum of those of the model that answered; it leaves
// out what is billed besides: summaries (`compaction`), another model that was consulted (`advisor_message`), one that
// declined. "To calculate total tokens consumed and billed for a request, sum across all entries in the `usage.iterations`
// array" (https://platform.claude.com/docs/en/build-with-claude/compaction). One that declined before its first word is listed and
// not counted here: a refusal without output is not billed.
import { boundedUsage, members, type TokenCounts, tokenCount, type Usage, type UsagePart } from './usage.ts'

/**
 * Reads the `usage` of a message, or of a stream whose `message_start` and `message_delta` were merged. `input_tokens`
 * leaves out what was read from and written to the prompt cache, so the prompt is the sum of the three; output includes
 * thinking. Undefined when neither input nor output is there.
 */
export function readAnthropicUsage(object: unknown): Usage | undefined {
  const usage = members(object)
  const counts = readCounts(usage)
  if (counts === undefined || !Array.isArray(usage.iterations)) return counts

  const model = modelThatTookOver(usage.iterations)
  const parts = readParts(usage.iterations, model)
  return {
    ...parts.reduce(added, counts),
    ...(model !== undefined && { model }),
    ...(parts.length > 0 && { parts }),
  }
}

function readCounts(usage: Record<string, unknown>): TokenCounts | undefined {
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

/** A fallback's name stands in the entry of its last call; its calls before that are `message`, as are those of who declined. */
function modelThatTookOver(iterations: readonly unknown[]): string | undefined {
  const last = members(iterations.findLast((iteration) => members(iteration).type === 'fallback_message'))
  return modelOf(last)
}

function readParts(iterations: readonly unknown[], tookOver: string | undefined): UsagePart[] {
  return iterations.flatMap((value) => {
    const iteration = members(value)
    const counts = readCounts(iteration)
    return counts !== undefined && isApart(iteration, counts, tookOver)
      ? [{ ...counts, model: modelOf(iteration) }]
      : []
  })
}

/** Whether the top level leaves it out. */
function isApart(iteration: Record<string, unknown>, counts: TokenCounts, tookOver: string | undefined): boolean {
  if (iteration.type === 'compaction' || iteration.type === 'advisor_message') return true
  const declined = tookOver !== undefined && iteration.type === 'message' && modelOf(iteration) !== tookOver
  return declined && counts.outputTokens > 0
}

function modelOf({ model }: Record<string, unknown>): string | undefined {
  return typeof model === 'string' ? model : undefined
}

function added(sum: TokenCounts, part: TokenCounts): TokenCounts {
  return {
    inputTokens: sum.inputTokens + part.inputTokens,
    cachedInputTokens: sum.cachedInputTokens + part.cachedInputTokens,
    cacheWriteTokens: sum.cacheWriteTokens + part.cacheWriteTokens,
    outputTokens: sum.outputTokens + part.outputTokens,
    reasoningTokens: sum.reasoningTokens + part.reasoningTokens,
  }
}
