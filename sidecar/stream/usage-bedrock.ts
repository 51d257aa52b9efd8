// Usage as Amazon Bedrock reports it: in Converse's answers, in the metrics of invocations and in their headers.
import { boundedUsage, members, tokenCount, type Usage } from './usage.ts'
import { readAnthropicUsage } from './usage-anthropic.ts'
import { readOpenAiUsage } from './usage-openai.ts'

/**
 * Reads Converse's `usage` (`inputTokens`) and the metrics of an invocation (`inputTokenCount`). Input leaves out what was read from
 * and written to the prompt cache, so the prompt is the sum of the three. Undefined when neither input nor output is there.
 */
export function readBedrockUsage(object: unknown): Usage | undefined {
  const usage = members(object)
  const count = (name: string) => tokenCount(usage[`${name}s`]) ?? tokenCount(usage[`${name}Count`])
  const uncached = count('inputToken')
  const output = count('outputToken')
  if (uncached === undefined && output === undefined) return undefined

  const cachedInputTokens = count('cacheReadInputToken') ?? 0
  const cacheWriteTokens = count('cacheWriteInputToken') ?? 0
  return boundedUsage({
    inputTokens: (uncached ?? 0) + cachedInputTokens + cacheWriteTokens,
    cachedInputTokens,
    cacheWriteTokens,
    outputTokens: output ?? 0,
    reasoningTokens: 0,
  })
}

/** Reads the `usage` of any answer that is one document: Converse's, or that of a model that was invoked, in its maker's form. */
export function readBedrockAnswerUsage(object: unknown): Usage | undefined {
  return readBedrockUsage(object) ?? readAnthropicUsage(object) ?? readOpenAiUsage(object)
}

const HEADERS: ReadonlyMap<string, string> = new Map([
  ['x-amzn-bedrock-input-token-count', 'inputTokens'],
  ['x-amzn-bedrock-output-token-count', 'outputTokens'],
  ['x-amzn-bedrock-cache-read-input-token-count', 'cacheReadInputTokens'],
  ['x-amzn-bedrock-cache-write-input-token-count', 'cacheWriteInputTokens'],
])

/** What InvokeModel says in its headers, for every model; the documents of some say nothing. `rawHeaders` are name, value, … */
export function readBedrockHeaders(rawHeaders: readonly string[]): Usage | undefined {
  const counts: Record<string, number> = {}
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const count = HEADERS.get((rawHeaders[i] as string).toLowerCase())
    const value = rawHeaders[i + 1] as string
    if (count !== undefined && /^\d{1,15}$/.test(value)) counts[count] = Number(value)
  }
  return readBedrockUsage(counts)
}
