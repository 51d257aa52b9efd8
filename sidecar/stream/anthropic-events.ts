// Messages streams. `message_start` and `message_delta` both carry usage: the later one replaces the fields that it has
// and leaves the others; adding would count twice. The stream is whole when `message_stop` came. SDKs go by the SSE name
// alone and drop an event without one, so it decides here too.
import type { EventWatch } from './event-watch.ts'
import { parseJson } from './json-from-end.ts'
import { type ProviderError, readProviderError } from './provider-error.ts'
import type { SseEvent } from './sse-grammar.ts'
import { members, type Usage } from './usage.ts'
import { readAnthropicUsage } from './usage-anthropic.ts'

const HINT = /event: ?(?:message_|error)|"type"\s*:\s*"error"/

export class AnthropicEvents implements EventWatch {
  complete = false
  providerError: ProviderError | undefined
  readonly #usage: Record<string, unknown> = {}

  wants(text: string): boolean {
    return HINT.test(text)
  }

  read({ name, data }: SseEvent): 'Forward' {
    const event = members(parseJson(data))
    this.providerError ??= anthropicError(name, event)
    if (name === 'message_start') this.#merge(members(event.message).usage)
    else if (name === 'message_delta') this.#merge(event.usage)
    else if (name === 'message_stop') this.complete = true
    return 'Forward'
  }

  usage(): Usage | undefined {
    return readAnthropicUsage(this.#usage)
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
