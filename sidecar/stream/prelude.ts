// What of a stream's beginning may be held back. While nothing but start-up came (roles, ids, filter results, pings), no
// client has missed anything, so an error that comes next can still be answered by another provider.
//
// In: whole events, as the body reader releases them, until the first content. Out: hold, release, or failed. It never
// changes or keeps bytes, and never takes content for start-up: members and events count as start-up only when they are
// listed here, or say nothing (null, '', [], {}). Whatever is not known is content, and passes. How many bytes and events
// may be held is the caller's to bound.
// Rejected: looking for content instead ("has text or a tool call"), which would hold what a provider adds tomorrow; and
// asking the readers' watches, which by design do not look at events that say nothing.
import { anthropicError } from './anthropic-events.ts'
import { chunkText, eventType, frameError } from './bedrock-events.ts'
import { type AnswerKind, isMetered } from './create-body-reader.ts'
import { type Frame, framesOf } from './eventstream-frame.ts'
import { isGiven } from './gemini-events.ts'
import { parseJson } from './json-from-end.ts'
import { chatError } from './openai-chat-events.ts'
import { leadingType, responsesError } from './openai-responses-events.ts'
import { readProviderError } from './provider-error.ts'
import { BYTE_ORDER_MARK, eventEnd, readEvent, type SseEvent } from './sse-grammar.ts'
import { members } from './usage.ts'

/** `Hold`: only start-up so far. `Content`: release everything. `Error`: the provider's own error before any content. */
export type PreludeDecision = 'Hold' | 'Content' | 'Error'

/** Sees a stream's whole events, as `BodyReader.push` releases them, until it has decided; then it keeps its decision. */
export interface Prelude {
  push(bytes: Buffer): PreludeDecision
  /** Events seen, comments included, up to the one that decided. */
  readonly events: number
}

/** Undefined: nothing of this kind is ever held, its bytes are released as they come. JSON documents are held by their reader. */
export function createPrelude({ dialect, operation, format }: AnswerKind): Prelude | undefined {
  if (!isMetered(operation)) return undefined
  if (format === 'eventstream') return new StreamPrelude(judgeFrames)
  if (format === 'json-array') {
    return operation === 'Chat' ? new StreamPrelude((bytes) => judgeElements(bytes.toString('latin1'))) : undefined
  }
  if (format !== 'events') return undefined
  const judge = JUDGES[dialect][operation]
  return judge === undefined ? undefined : new StreamPrelude((bytes) => judgeEvents(bytes.toString('latin1'), judge))
}

type Judge = (event: SseEvent) => PreludeDecision

const JUDGES: Readonly<Record<AnswerKind['dialect'], { readonly [operation in AnswerKind['operation']]?: Judge }>> = {
  OpenAI: { Chat: judgeChat, Completions: judgeChat, Responses: judgeResponses },
  Anthropic: { Messages: judgeMessages },
  Gemini: { Chat: ({ data }) => judgeGemini(parseJson(data)) },
  // Its streams are of frames.
  Bedrock: {},
}

class StreamPrelude implements Prelude {
  events = 0
  readonly #judgeEach: (bytes: Buffer) => Iterable<PreludeDecision>
  #decision: PreludeDecision = 'Hold'

  constructor(judgeEach: (bytes: Buffer) => Iterable<PreludeDecision>) {
    this.#judgeEach = judgeEach
  }

  push(bytes: Buffer): PreludeDecision {
    if (this.#decision !== 'Hold') return this.#decision
    for (const decision of this.#judgeEach(bytes)) {
      this.events++
      this.#decision = decision
      if (decision !== 'Hold') break
    }
    return this.#decision
  }
}

function* judgeEvents(text: string, judge: Judge): Generator<PreludeDecision> {
  for (let at = 0, end = 0; at < text.length; at = end) {
    end = eventEnd(text, at)
    // A stray blank line, which may come with the event before it or alone.
    if (end - at <= 2 && text.slice(at, end).trim() === '') continue
    const event = readEvent(text.slice(text.startsWith(BYTE_ORDER_MARK, at) ? at + BYTE_ORDER_MARK.length : at, end))
    yield event.name === '' && event.data === '' ? 'Hold' : judge(event)
  }
}

/** Elements of Gemini's array, with the brackets and commas around them; its closing bracket alone is no element. */
function* judgeElements(text: string): Generator<PreludeDecision> {
  const elements = parseJson(`[${text.replace(/^[\s,[]+/, '').replace(/[\s\]]+$/, '')}]`)
  if (Array.isArray(elements)) yield* elements.map(judgeGemini)
  else yield 'Content'
}

function* judgeFrames(bytes: Buffer): Generator<PreludeDecision> {
  for (const frame of framesOf(bytes)) yield frame === undefined ? 'Content' : judgeFrame(frame)
}

const CHAT_CHUNK = new Set([
  'id',
  'object',
  'created',
  'model',
  'provider',
  'service_tier',
  'system_fingerprint',
  'choices',
  'usage',
  'x_groq',
  'obfuscation',
  'prompt_filter_results',
])
const CHAT_CHOICE = new Set(['index', 'delta', 'content_filter_results'])
const CHAT_DELTA = new Set(['role'])

function judgeChat({ name, data }: SseEvent): PreludeDecision {
  const chunk = parseJson(data)
  if (chatError(name, members(chunk)) !== undefined) return 'Error'
  if (!isStartUp(chunk, CHAT_CHUNK)) return 'Content'
  const isSilent = (choice: unknown) => isStartUp(choice, CHAT_CHOICE) && isAbsentOr(members(choice).delta, CHAT_DELTA)
  return isAbsentOrEvery(members(chunk).choices, isSilent) ? 'Hold' : 'Content'
}

/** `keepalive` comes while OpenAI cannot schedule the request, which then often fails. */
const RESPONSES_START_UP = new Set(['response.created', 'response.queued', 'response.in_progress', 'keepalive'])

// These events repeat the whole request, tools and instructions included, so they are known by name and not parsed.
function judgeResponses({ name, data }: SseEvent): PreludeDecision {
  if (RESPONSES_START_UP.has(name === '' ? leadingType(data) : name)) return 'Hold'
  const event = members(parseJson(data))
  if (responsesError(name, event) !== undefined) return 'Error'
  const type = String(event.type)
  return RESPONSES_START_UP.has(type) || opensEmptyMessage(type, event) ? 'Hold' : 'Content'
}

const MESSAGE_ITEM = new Set(['type', 'id', 'role', 'status', 'phase'])
const MESSAGE_PART = new Set(['type'])

/** The frame of a message, in which no word stands yet. */
function opensEmptyMessage(type: string, { item, part }: Record<string, unknown>): boolean {
  if (type === 'response.content_part.added') return isStartUp(part, MESSAGE_PART)
  return type === 'response.output_item.added' && members(item).type === 'message' && isStartUp(item, MESSAGE_ITEM)
}

function judgeMessages({ name, data }: SseEvent): PreludeDecision {
  const event = members(parseJson(data))
  if (anthropicError(name, event) !== undefined) return 'Error'
  const type = name === '' ? event.type : name
  if (type === 'ping') return 'Hold'
  const { message, content_block } = event
  if (type === 'content_block_start') return opensEmptyText(content_block) ? 'Hold' : 'Content'
  const isBare = typeof message === 'object' && message !== null && saysNothing(members(message).content)
  return type === 'message_start' && isBare ? 'Hold' : 'Content'
}

const TEXT_BLOCK = new Set(['type'])

/** Of text only: a block of reasoning may stay empty for as long as the model thinks, which its client should see. */
function opensEmptyText(block: unknown): boolean {
  return members(block).type === 'text' && isStartUp(block, TEXT_BLOCK)
}

const GEMINI_CHUNK = new Set(['candidates', 'usageMetadata', 'modelVersion', 'responseId', 'createTime'])
const GEMINI_CANDIDATE = new Set(['index', 'content', 'finishReason', 'safetyRatings'])
const GEMINI_CONTENT = new Set(['role', 'parts'])
const GEMINI_PART = new Set(['thought'])

function judgeGemini(chunk: unknown): PreludeDecision {
  if (readProviderError(members(chunk).error) !== undefined) return 'Error'
  const isSilent = isStartUp(chunk, GEMINI_CHUNK) && isAbsentOrEvery(members(chunk).candidates, isSilentCandidate)
  return isSilent ? 'Hold' : 'Content'
}

function isSilentCandidate(candidate: unknown): boolean {
  const { content, finishReason } = members(candidate)
  if (!isStartUp(candidate, GEMINI_CANDIDATE) || isGiven(finishReason)) return false
  if (!isAbsentOr(content, GEMINI_CONTENT)) return false
  return isAbsentOrEvery(members(content).parts, (part) => isStartUp(part, GEMINI_PART))
}

const BEDROCK_START = new Set(['role', 'p'])
/** Nova's, in a chunk. */
const NOVA_START = new Set(['messageStart'])

function judgeFrame(frame: Frame): PreludeDecision {
  if (frameError(frame) !== undefined) return 'Error'
  switch (eventType(frame)) {
    case 'messageStart':
      return isStartUp(parseJson(frame.payload.toString()), BEDROCK_START) ? 'Hold' : 'Content'
    case 'chunk':
      return judgeInvoked(chunkText(frame))
    default:
      return 'Content'
  }
}

/** The event of a model that was invoked: Anthropic's, Nova's, or one that nobody knows. */
function judgeInvoked(data: string): PreludeDecision {
  return isStartUp(parseJson(data), NOVA_START) ? 'Hold' : judgeMessages({ name: '', data })
}

/** An object with no members but those of `startUp` and such as say nothing. */
function isStartUp(value: unknown, startUp: ReadonlySet<string>): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(([name, member]) => startUp.has(name) || saysNothing(member))
}

function isAbsentOr(value: unknown, startUp: ReadonlySet<string>): boolean {
  return value === undefined || value === null || isStartUp(value, startUp)
}

function isAbsentOrEvery(value: unknown, holds: (element: unknown) => boolean): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.every((element) => holds(element)))
}

/** Empty, or with nothing but what is empty, as in `"logprobs": {"content": [], "refusal": null}`. */
function saysNothing(value: unknown): boolean {
  return isEmpty(value) || (typeof value === 'object' && Object.values(value as object).every(isEmpty))
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
