// streamGenerateContent, as events or as the elements of a JSON array. There is no terminator: the answer is whole once
// a candidate has a finish reason, or the prompt was blocked.
//
// Usage is a running total in nearly every chunk, of which the last one counts. So a chunk that says nothing else is
// only remembered, and parsed when usage is asked for. Chunks with a function call are read at once: its arguments are
// the one place where a `usageMetadata` could stand that is not the answer's.
import { GEMINI_TEXT } from './content-bytes.ts'
import type { EventWatch } from './event-watch.ts'
import { memberFromEnd, parseJson } from './json-from-end.ts'
import { type ProviderError, readProviderError } from './provider-error.ts'
import { readEvents, type SseEvent } from './sse-grammar.ts'
import { members, type Usage } from './usage.ts'
import { readGeminiUsage } from './usage-gemini.ts'

const HINT = /"(?:finishReason|blockReason|error|args)"/
const USAGE = /usageMetadata"/

export class GeminiEvents implements EventWatch {
  readonly content = GEMINI_TEXT
  complete = false
  providerError: ProviderError | undefined
  #usage: Usage | undefined
  /** Events that hold newer usage than #usage. */
  #unread = ''

  wants(text: string): boolean {
    if (HINT.test(text)) return true
    if (USAGE.test(text)) this.#unread = text
    return false
  }

  read({ data }: SseEvent): 'Forward' {
    const chunk = members(parseJson(data))
    this.#take(chunk.usageMetadata)
    const candidates = Array.isArray(chunk.candidates) ? chunk.candidates : []
    if (candidates.some((candidate) => isGiven(members(candidate).finishReason))) this.complete = true
    if (isGiven(members(chunk.promptFeedback).blockReason)) this.complete = true
    this.providerError ??= readProviderError(chunk.error)
    return 'Forward'
  }

  /** An image is one part, and stands in one event with the answer's end. */
  readOversized(_head: SseEvent, tail: Buffer): void {
    this.#take(memberFromEnd(tail, '"usageMetadata"', 1))
    // candidates[n].finishReason
    if (isGiven(memberFromEnd(tail, '"finishReason"', 3))) this.complete = true
  }

  /** There was more, whatever came before said: Google's older answers say in each event that it is the last one. */
  torn(): void {
    this.complete = false
  }

  usage(): Usage | undefined {
    for (const { data } of readEvents(this.#unread)) this.#take(members(parseJson(data)).usageMetadata)
    return this.#usage
  }

  #take(usageMetadata: unknown): void {
    const usage = readGeminiUsage(usageMetadata)
    if (usage === undefined) return
    this.#usage = usage
    this.#unread = ''
  }
}

/** An enum with a value: a word, or a number when the client asked for `enum-encoding=int`, where 0 is unspecified. */
export function isGiven(value: unknown): boolean {
  return Boolean(value) && !String(value).endsWith('_UNSPECIFIED')
}
