// What an answer used that broke off, or whose client left, before the provider had said it all.
//
// What the provider did say stands: Anthropic's message_start has the input, Gemini's every chunk a running total. The rest is
// counted: output from the text that passed, input from what was expected when the request was sent. A provider that was cut off
// bills what it had done, so the answer to "what did it use" is never nothing.
import type { BodyReader } from './body-reader.ts'
import { NO_TOKENS, type Usage } from './usage.ts'

export interface Assumed {
  /** Expected when it was sent. */
  inputTokens: number
  /** Of an answer of which nothing was seen. */
  outputTokens: number
  /** Output tokens that so many bytes of text stand for. */
  outputOf(contentBytes: number): number
}

/**
 * The provider's own usage where it is all there, else the same filled up and marked as estimated. Undefined where nothing is metered, and
 * for answers that are not read.
 */
export function usageSoFar(
  reader: Pick<BodyReader, 'usage' | 'contentBytes'>,
  { inputTokens, outputOf }: Pick<Assumed, 'inputTokens' | 'outputOf'>,
): Usage | undefined {
  const told = reader.usage()
  const bytes = reader.contentBytes()
  if (bytes === undefined || (told !== undefined && told.estimated === undefined)) return told
  const outputTokens = bytes === 0 ? 0 : outputOf(bytes)
  if (told === undefined) return { ...NO_TOKENS, inputTokens, outputTokens, estimated: true }
  return { ...told, outputTokens: Math.max(told.outputTokens, outputTokens) }
}

/**
 * Of an answer that was asked for and given up before any of it was seen. A stream has begun with its input; a document comes when all of
 * it is made.
 */
export function usageUnseen({ inputTokens, outputTokens }: Assumed, answer: 'Stream' | 'Document'): Usage | undefined {
  // Files and the like use none.
  if (inputTokens === 0 && outputTokens === 0) return undefined
  return { ...NO_TOKENS, inputTokens, outputTokens: answer === 'Stream' ? 0 : outputTokens, estimated: true }
}
