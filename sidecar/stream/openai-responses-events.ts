// Responses streams. One terminal event ends them and alone carries usage; an `error` event ends them too, and may be
// followed by `response.failed`. OpenRouter sends no event names, so the type is then read from the JSON.
import type { EventWatch } from './event-watch.ts'
import { memberFromEnd, parseJson } from './json-from-end.ts'
import { errorWord } from './provider-error.ts'
import type { SseEvent } from './sse-grammar.ts'
import { members, type Usage } from './usage.ts'
import { readOpenAiUsage } from './usage-openai.ts'

const HINT = /response\.(?:completed|incomplete|failed)|"error"(?!\s*:\s*null)|event: ?error/
const TERMINAL = /^response\.(?:completed|incomplete|failed)$/
/** The first member of an event, which is its type wherever keys are not sorted. */
const LEADING_TYPE = /^\s*\{\s*"type"\s*:\s*"([^"\\]*)"/

export class OpenAiResponsesEvents implements EventWatch {
  complete = false
  providerError: string | undefined
  #usage: Usage | undefined

  wants(text: string): boolean {
    return HINT.test(text)
  }

  read({ name, data }: SseEvent): 'Forward' {
    const event = members(parseJson(data))
    const type = String(event.type ?? name)
    if (TERMINAL.test(type)) this.#end(type, members(event.response))
    else if (type === 'error' || name === 'error') {
      // Nested under `error` as recorded, or flat as documented.
      this.providerError ??= errorWord(event.error ?? { code: event.code, type })
      this.complete = true
    } else {
      // Compatible servers send a chat-like `{"error": …}`, which SDKs raise whatever its type.
      this.providerError ??= errorWord(event.error)
    }
    return 'Forward'
  }

  /** A terminal event repeats the whole answer, images included. */
  readOversized({ name, data }: SseEvent, tail: Buffer): void {
    const type = name === '' ? LEADING_TYPE.exec(data)?.[1] : name
    if (type !== undefined && TERMINAL.test(type)) this.#end(type, { usage: memberFromEnd(tail, '"usage"', 2) })
  }

  usage(): Usage | undefined {
    return this.#usage
  }

  #end(type: string, response: Record<string, unknown>): void {
    this.complete = true
    this.#usage = readOpenAiUsage(response.usage) ?? this.#usage
    if (type === 'response.failed') this.providerError ??= errorWord(response.error) ?? type
  }
}
