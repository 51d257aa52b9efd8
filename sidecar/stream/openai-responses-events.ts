// Responses streams. One terminal event ends them and alone carries usage; an `error` event ends them too, and may be
// followed by `response.failed`. OpenRouter sends no event names, so the type is then read from the JSON.
import { RESPONSES_TEXT } from './content-bytes.ts'
import type { EventWatch } from './event-watch.ts'
import { memberFromEnd, parseJson } from './json-from-end.ts'
import { type ProviderError, readProviderError } from './provider-error.ts'
import type { SseEvent } from './sse-grammar.ts'
import { members, type Usage } from './usage.ts'
import { readOpenAiUsage } from './usage-openai.ts'

const HINT = /response\.(?:completed|incomplete|failed)|"error"(?!\s*:\s*null)|event: ?error/
const FAILED = 'response.failed'
const TERMINAL = /^response\.(?:completed|incomplete|failed)$/
/** The first member of an event, which is its type wherever keys are not sorted. */
const LEADING_TYPE = /^\s*\{\s*"type"\s*:\s*"([^"\\]*)"/

export class OpenAiResponsesEvents implements EventWatch {
  readonly content = RESPONSES_TEXT
  complete = false
  providerError: ProviderError | undefined
  #usage: Usage | undefined

  wants(text: string): boolean {
    return HINT.test(text)
  }

  read({ name, data }: SseEvent): 'Forward' {
    const event = members(parseJson(data))
    const type = String(event.type ?? name)
    this.providerError ??= responsesError(name, event)
    if (TERMINAL.test(type)) this.#end(members(event.response).usage)
    else if (type === 'error' || name === 'error') this.complete = true
    return 'Forward'
  }

  /** A terminal event repeats the whole answer, images included. */
  readOversized({ name, data }: SseEvent, tail: Buffer): void {
    const type = name === '' ? leadingType(data) : name
    if (!TERMINAL.test(type)) return
    this.#end(memberFromEnd(tail, '"usage"', 2))
    if (type === FAILED) this.providerError ??= { word: FAILED, status: undefined }
  }

  usage(): Usage | undefined {
    return this.#usage
  }

  #end(usage: unknown): void {
    this.complete = true
    this.#usage = readOpenAiUsage(usage) ?? this.#usage
  }
}

/** The error that an event reports; `name` is the SSE name, `event` its data. */
export function responsesError(name: string, event: Record<string, unknown>): ProviderError | undefined {
  const type = event.type ?? name
  if (type === FAILED) return readProviderError(members(event.response).error || FAILED)
  // Nested under `error` as recorded, or flat as documented.
  if (type === 'error' || name === 'error') return readProviderError(event.error ?? { ...event, type: 'error' })
  // Compatible servers send a chat-like `{"error": …}`, which SDKs raise whatever its type.
  return readProviderError(event.error)
}

/** The `type` of an event whose data begins with it, '' for any other. */
export function leadingType(data: string): string {
  return LEADING_TYPE.exec(data)?.[1] ?? ''
}
