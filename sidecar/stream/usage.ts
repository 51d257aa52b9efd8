// Token usage as every provider's numbers are normalised to. Sources: the providers' usage objects, see each reader.
//
// A reader (`usage-*.ts`) takes the provider's own object and gives this form, or undefined where the object says
// nothing about tokens. It believes whole numbers from 0 up and ignores everything else: a missing count is 0 here,
// but an object without any count is no usage at all.

/** Of tokens, each a whole number from 0 up. */
export interface TokenCounts {
  /** The whole prompt: uncached + read from cache + written to cache. */
  inputTokens: number
  /** Of inputTokens: read from the provider's prompt cache. */
  cachedInputTokens: number
  /** Of inputTokens: written to the provider's prompt cache, for however long it keeps them. */
  cacheWriteTokens: number
  /** All that is billed as output, reasoning included. */
  outputTokens: number
  /** Of outputTokens. */
  reasoningTokens: number
}

export interface Usage extends TokenCounts {
  /** Made. Absent where the answer is of no images. */
  images?: number
  /** Of the audio that was read, milliseconds; providers tell seconds with a fraction. Absent where they tell none. */
  audioMs?: number
  /** The provider has not told all of it, because the answer broke off: what is missing was counted by what passed. */
  estimated?: true
  /** The provider's name of the model that this is billed as, where the answer says that another one than was asked took over. */
  model?: string
  /** Of the counts above: calls of models that the provider made on the way, each billed by itself. */
  parts?: readonly UsagePart[]
}

export interface UsagePart extends TokenCounts {
  /** The provider's name; undefined: the model that answered. */
  model: string | undefined
}

/** Nothing counted. */
export const NO_TOKENS: Readonly<TokenCounts> = Object.freeze({
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
})

/** The members of a JSON object; none for anything else, so that a missing level reads as missing members. */
export function members(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** A count of tokens as providers send it, undefined for anything that is none. */
export function tokenCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** Holds the parts within their wholes: providers round, and some count reasoning that they do not bill. */
export function boundedUsage(usage: TokenCounts): TokenCounts {
  const cachedInputTokens = Math.min(usage.cachedInputTokens, usage.inputTokens)
  return {
    inputTokens: usage.inputTokens,
    cachedInputTokens,
    cacheWriteTokens: Math.min(usage.cacheWriteTokens, usage.inputTokens - cachedInputTokens),
    outputTokens: usage.outputTokens,
    reasoningTokens: Math.min(usage.reasoningTokens, usage.outputTokens),
  }
}
