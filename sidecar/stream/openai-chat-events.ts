// Chat Completions and Completions streams, OpenAI's and those of everyone who speaks its dialect.
//
// Usage comes in a last chunk of its own (`choices: []`), beside choices, under `x_groq`, or as a running total in every
// chunk: the last one counts, nothing is ever added up. The stream is whole when `[DONE]` came. Not every chunk with
// `choices: []` is the usage chunk: Azure begins with one that holds filter results.
import { OPENAI_TEXT } from './content-bytes.ts'
import type { EventWatch } from './event-watch.ts'
import { parseJson } from './json-from-end.ts'
import { type ProviderError, readProviderError } from './provider-error.ts'
import type { SseEvent } from './sse-grammar.ts'
import { members, type Usage } from './usage.ts'
import { readOpenAiUsage } from './usage-openai.ts'

// `"usage":null` and `"error":null` stand in every chunk of some servers and say nothing. Three searches, since each begins with a
// character of its own: as one expression they took twice the time (Node 26, 3 KB: 2.6 against 1.3 µs).
const HINT = /"(?:usage"\s*:\s*\{|error"\s*:\s*[^n\s])/
const ERROR_NAME = /event: ?error/
const DONE = '[DONE]'

export class OpenAiChatEvents implements EventWatch {
  readonly content = OPENAI_TEXT
  complete = false
  providerError: ProviderError | undefined
  readonly #usageChunk: 'Forward' | 'Strip'
  #usage: Usage | undefined

  constructor(stripUsage: 'Strip' | 'Keep') {
    this.#usageChunk = stripUsage === 'Strip' ? 'Strip' : 'Forward'
  }

  wants(text: string): boolean {
    return HINT.test(text) || text.includes(DONE) || ERROR_NAME.test(text)
  }

  read({ name, data }: SseEvent): 'Forward' | 'Strip' {
    // The Python SDK takes anything that begins so, the Node SDK the exact word.
    if (data.startsWith(DONE)) {
      this.complete = true
      return 'Forward'
    }
    const chunk = members(parseJson(data))
    const error = chatError(name, chunk)
    this.providerError ??= error
    const usage = readOpenAiUsage(chunk.usage) ?? readOpenAiUsage(members(chunk.x_groq).usage)
    this.#usage = usage ?? this.#usage
    const isUsageChunk = Boolean(chunk.usage) && isEmptyArray(chunk.choices) && error === undefined
    return isUsageChunk ? this.#usageChunk : 'Forward'
  }

  usage(): Usage | undefined {
    return this.#usage
  }
}

function isEmptyArray(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

/** The error that a chunk reports, beside choices or alone; `name` is the SSE name. */
export function chatError(name: string, chunk: Record<string, unknown>): ProviderError | undefined {
  return readProviderError(chunk.error ?? (name === 'error' ? chunk : undefined))
}
