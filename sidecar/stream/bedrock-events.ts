// Bedrock's streams. ConverseStream is whole when both `messageStop` and the `metadata` behind it came, which has the usage.
// InvokeModelWithResponseStream wraps the model's own events into chunks, of which the last one carries Bedrock's metrics; where it
// does not, Anthropic's `message_stop` is an end all the same. Bedrock's counts go before the model's: they are there for every
// model.
import { AnthropicEvents } from './anthropic-events.ts'
import { ANTHROPIC_TEXT, CONVERSE_TEXT, contentBytes } from './content-bytes.ts'
import type { FrameWatch } from './eventstream.ts'
import type { Frame } from './eventstream-frame.ts'
import { parseJson } from './json-from-end.ts'
import { type ProviderError, readProviderError } from './provider-error.ts'
import { members, type Usage } from './usage.ts'
import { readBedrockUsage } from './usage-bedrock.ts'

const METRICS = 'amazon-bedrock-invocationMetrics'
const HINT = /"type"\s*:\s*"(?:message_|error)|amazon-bedrock-invocationMetrics/

export class BedrockEvents implements FrameWatch {
  providerError: ProviderError | undefined
  contentBytes = 0
  readonly #messages = new AnthropicEvents()
  #usage: Usage | undefined
  #stopped = false
  #metered = false

  get complete(): boolean {
    return (this.#stopped && this.#metered) || this.#messages.complete
  }

  read(frame: Frame): void {
    this.providerError ??= frameError(frame)
    switch (eventType(frame)) {
      case 'messageStop':
        this.#stopped = true
        return
      case 'metadata':
        return this.#meter(members(parseJson(frame.payload.toString())).usage)
      case 'contentBlockDelta':
        this.contentBytes += contentBytes(frame.payload.toString('latin1'), CONVERSE_TEXT)
        return
      case 'chunk':
        return this.#readChunk(chunkText(frame))
    }
  }

  usage(): Usage | undefined {
    return this.#usage ?? this.#messages.usage()
  }

  #meter(usage: unknown): void {
    this.#metered = true
    this.#usage = readBedrockUsage(usage) ?? this.#usage
  }

  #readChunk(data: string): void {
    this.contentBytes += contentBytes(data, ANTHROPIC_TEXT)
    if (!HINT.test(data)) return
    const event = members(parseJson(data))
    this.#messages.read({ name: typeof event.type === 'string' ? event.type : '', data })
    this.providerError ??= this.#messages.providerError
    if (!(METRICS in event)) return
    this.#stopped = true
    this.#meter(event[METRICS])
  }
}

/** Undefined for exceptions and errors. */
export function eventType({ headers }: Frame): string | undefined {
  return headers.get(':message-type') === 'event' ? headers.get(':event-type') : undefined
}

/** The error that a frame is; one that the model reports in a chunk is none of these. */
export function frameError({ headers }: Frame): ProviderError | undefined {
  switch (headers.get(':message-type')) {
    case 'exception':
      return readProviderError(headers.get(':exception-type') || 'exception')
    case 'error':
      return readProviderError(headers.get(':error-code') || 'error')
    default:
      return undefined
  }
}

/** The model's own event in a chunk, as JSON; '' for none. */
export function chunkText({ payload }: Frame): string {
  const { bytes } = members(parseJson(payload.toString('latin1')))
  return typeof bytes === 'string' ? Buffer.from(bytes, 'base64').toString() : ''
}
