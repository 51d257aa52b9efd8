// The table of what is read how. An answer's format follows from its content type, what is in it from dialect and
// operation. A new operation or dialect is a row here and a watch or usage reader beside it; nothing else in the folder
// knows which provider it is reading.
//
// The readers are pure: bytes in, bytes and findings out. They never wait, never throw on what a provider sends, and
// never decide what happens next: whether an answer that is not `complete` breaks the connection is the relay's matter.
import type { Dialect, Operation } from '../../contract/sidecar-config.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import { AnthropicEvents } from './anthropic-events.ts'
import { BedrockEvents } from './bedrock-events.ts'
import type { BodyReader } from './body-reader.ts'
import type { EventWatch } from './event-watch.ts'
import { EventStreamReader } from './eventstream.ts'
import { GeminiEvents } from './gemini-events.ts'
import { JsonArrayReader } from './json-array.ts'
import { type JsonBodyOptions, JsonBodyReader, type UsagePlace } from './json-body.ts'
import { OpaqueReader } from './opaque.ts'
import { OpenAiChatEvents } from './openai-chat-events.ts'
import { OpenAiResponsesEvents } from './openai-responses-events.ts'
import { OtherEvents } from './other-events.ts'
import { SseReader } from './sse.ts'
import type { Usage } from './usage.ts'
import { readAnthropicUsage } from './usage-anthropic.ts'
import { readBedrockAnswerUsage, readBedrockHeaders, readBedrockUsage } from './usage-bedrock.ts'
import { readGeminiUsage, readInteractionUsage } from './usage-gemini.ts'
import { readAudioUsage, readOpenAiUsage } from './usage-openai.ts'

/** `json-array` is Gemini's stream without `alt=sse`, `eventstream` Amazon's binary frames. */
export type AnswerFormat = 'events' | 'eventstream' | 'json-array' | 'json' | 'opaque'

export interface AnswerKind {
  /** Of the provider that answers. */
  dialect: Dialect
  operation: Operation
  format: AnswerFormat
  /** `Strip` when usage was asked for on top of what the client asked: keep the chunk that holds nothing else from it. */
  stripUsage: 'Strip' | 'Keep'
  /** `Chunked`: no length was announced, so HTTP's framing cannot tell that a document is whole. */
  framing: 'Announced' | 'Chunked'
}

const USAGE_PLACES: Record<Dialect, readonly UsagePlace[]> = {
  OpenAI: [
    { key: '"usage"', depth: 1, read: readOpenAiUsage },
    // Cohere's rerank: `meta.billed_units`.
    { key: '"billed_units"', depth: 2, read: readOpenAiUsage },
  ],
  Anthropic: [{ key: '"usage"', depth: 1, read: readAnthropicUsage }],
  Gemini: [
    { key: '"usageMetadata"', depth: 1, read: readGeminiUsage },
    // Of an interaction.
    { key: '"usage"', depth: 1, read: readInteractionUsage },
  ],
  Bedrock: [{ key: '"usage"', depth: 1, read: readBedrockAnswerUsage }],
}

/** The length of what was transcribed, where no usage says what is billed. */
const AUDIO_LENGTH: UsagePlace = { key: '"duration"', depth: 1, read: readAudioUsage }

const WRITES_TEXT: ReadonlySet<Operation> = new Set<Operation>(['Chat', 'Completions', 'Responses', 'Messages'])

/** Where an answer of images has them, one object each. Imagen's are `predictions`. */
const IMAGE_LISTS: { readonly [dialect in Dialect]?: string } = { OpenAI: 'data', Gemini: 'predictions' }

/** Where an answer's headers tell its usage. */
const HEADER_USAGE: { readonly [dialect in Dialect]?: (rawHeaders: readonly string[]) => Usage | undefined } = {
  Bedrock: readBedrockHeaders,
}

/** A reader for one answer. */
export function createBodyReader(kind: AnswerKind): BodyReader {
  const { framing } = kind
  switch (kind.format) {
    case 'events':
      return new SseReader(createEventWatch(kind))
    case 'eventstream':
      return new EventStreamReader(new BedrockEvents())
    case 'json-array':
      return new JsonArrayReader(createEventWatch(kind))
    case 'json':
      return new JsonBodyReader({ ...documentOf(kind), framing })
    case 'opaque':
      return new OpaqueReader()
  }
}

/**
 * The format of an answer to `request`. `contentType` as the provider sent it; undefined, like any unknown type, is
 * passed unread.
 */
export function answerFormat(
  request: Pick<DecodedRequest, 'dialect' | 'stream'>,
  contentType: string | undefined,
): AnswerFormat {
  const mediaType = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType === 'text/event-stream') return 'events'
  if (mediaType === 'application/vnd.amazon.eventstream' && request.dialect === 'Bedrock') return 'eventstream'
  if (mediaType !== 'application/json') return 'opaque'
  return request.dialect === 'Gemini' && request.stream ? 'json-array' : 'json'
}

/** Of whole events, the last of which can be an error. */
export function isOfEvents(format: AnswerFormat): boolean {
  return format === 'events' || format === 'eventstream'
}

/** Usage as the answer's headers tell it, for bodies that say nothing of it. `rawHeaders` are name, value, … */
export function headerUsage(dialect: Dialect, rawHeaders: readonly string[]): Usage | undefined {
  return HEADER_USAGE[dialect]?.(rawHeaders)
}

function documentOf({ dialect, operation }: AnswerKind): Omit<JsonBodyOptions, 'framing'> {
  if (!isMetered(operation)) {
    return { places: [], empty: 'Whole', errorPlace: 'None', content: 'Unmetered', images: undefined }
  }
  return {
    places: operation === 'Audio' ? [...USAGE_PLACES[dialect], AUDIO_LENGTH] : USAGE_PLACES[dialect],
    empty: 'Truncated',
    errorPlace: 'LeadingMember',
    content: WRITES_TEXT.has(operation) ? 'Text' : 'Other',
    images: operation === 'Images' ? IMAGE_LISTS[dialect] : undefined,
  }
}

function createEventWatch({ dialect, operation, stripUsage }: AnswerKind): EventWatch {
  if (!isMetered(operation)) return new OtherEvents()
  switch (dialect) {
    case 'Anthropic':
      return operation === 'Messages' ? new AnthropicEvents() : new OtherEvents(readAnthropicUsage)
    case 'Gemini':
      return operation === 'Chat' ? new GeminiEvents() : new OtherEvents(readInteractionUsage)
    case 'OpenAI':
      if (operation === 'Chat' || operation === 'Completions') return new OpenAiChatEvents(stripUsage)
      return operation === 'Responses' ? new OpenAiResponsesEvents() : new OtherEvents(readOpenAiUsage)
    case 'Bedrock':
      return new OtherEvents(readBedrockUsage)
  }
}

/** Answers to other operations may repeat usage that was recorded before: a stored response, a batch's sum. */
export function isMetered(operation: Operation): boolean {
  return operation !== 'Models' && operation !== 'Other'
}
