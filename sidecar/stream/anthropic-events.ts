// Messages streams. `message_start` and `message_delta` both carry usage: the later one replaces the fields that it has
// and leaves the others; adding would count twice. What the first says of output is provisional. The stream is whole when
// `message_stop` came. SDKs go by the SSE name alone and drop an event without one, so it decides here too.
// A `fallback` block says that another model goes on, at its own price; message_start named the first one.
import { ANTHROPIC_TEXT } from './content-bytes.ts'
import type { EventWatch } from './event-watch.ts'
import { parseJson } from './json-from-end.ts'
import { type ProviderError, readProviderError } from './provider-error.ts'
import type { SseEvent } from './sse-grammar.ts'
import { members, tokenCount, type Usage } from './usage.ts'
import { readAnthropicUsage } from './usage-anthropic.ts'

const HINT = /event: ?(?:message_|error)|"type"\s*:\s*"(?:error|fallback)"/

export class AnthropicEvents implements EventWatch {
  readonly content = ANTHROPIC_TEXT
  complete = false
  providerError: ProviderError | undefined
  readonly #usage: Record<string, unknown> = {}
  #outputTold = false
  #tookOver: string | undefined

  wants(text: string): boolean {
    return HINT.test(text)
  }

  read({ name, data }: SseEvent): 'Forward' {
    const event = members(parseJson(data))
    this.providerError ??= anthropicError(name, event)
    if (name === 'message_start') this.#merge(members(event.message).usage)
    else if (name === 'message_delta') this.#take(event.usage)
    else if (name === 'content_block_start') this.#hear(members(event.content_block))
    else if (name === 'message_stop') this.complete = true
    return 'Forward'
  }

  usage(): Usage | undefined {
    const usage = readAnthropicUsage(this.#usage)
    if (usage === undefined || (this.#outputTold && this.#tookOver === undefined)) return usage
    return {
      ...usage,
      ...(this.#tookOver !== undefined && { model: this.#tookOver }),
      ...(!this.#outputTold && { estimated: true }),
    }
  }

  #take(usage: unknown): void {
    this.#merge(usage)
    this.#outputTold ||= tokenCount(members(usage).output_tokens) !== undefined
  }

  #hear({ type, to }: Record<string, unknown>): void {
    const { model } = members(to)
    if (type === 'fallback' && typeof model === 'string') this.#tookOver = model
  }

  #merge(usage: unknown): void {
    for (const [field, value] of Object.entries(members(usage))) {
      if (value !== null) this.#usage[field] = value
    }
  }
}

/** The error that an event reports; `name` is the SSE name, `event` its data. */
export function anthropicError(name: string, event: Record<string, unknown>): ProviderError | undefined {
  // Without its name no SDK raises it, but it is the end: an error body in the stream's place.
  if (name !== 'error' && (name !== '' || event.type !== 'error')) return undefined
  return readProviderError(event.error || 'error')
}
