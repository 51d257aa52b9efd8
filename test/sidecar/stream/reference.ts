// What a recorded stream says, read in the most straightforward way: every event parsed, nothing optimised. Shares no
// code with the readers.
import type { Usage } from '../../../sidecar/stream/usage.ts'
import type { Recording } from './recordings.ts'

interface Event {
  /** Byte offset behind its blank line. */
  end: number
  start: number
  name: string
  data: string
}

export interface Reference {
  events: Event[]
  /** Byte offset at which the answer is whole; undefined when it never is. */
  wholeAt: number | undefined
  /** The chunk that holds nothing but usage. */
  usageChunk: Event | undefined
  usage: Usage | undefined
}

export function readReference({ dialect, operation, body }: Recording): Reference {
  const events = splitEvents(body)
  const parsed = events.map((event) => ({ event, json: parse(event.data) }))
  const reader: Form = dialect === 'OpenAI' ? (operation === 'Responses' ? 'Responses' : 'Chat') : dialect
  const isTerminal = TERMINAL[reader]
  const objects = parsed.flatMap(({ json }) => USAGE_OBJECTS[reader](json))
  const merged = reader === 'Anthropic' ? [Object.assign({}, ...objects.map(withoutNulls))] : objects
  return {
    events,
    wholeAt: parsed.find(({ event, json }) => isTerminal(event, json))?.event.end,
    usageChunk:
      reader === 'Chat' ? parsed.find(({ json }) => json.choices?.length === 0 && json.usage)?.event : undefined,
    usage:
      objects.length === 0 ? undefined : ({ ...plainUsage(dialect, merged.at(-1)), ...marks(reader, parsed) } as Usage),
  }
}

/** What a Messages stream says besides its counts: that they are not final, and that another model went on. */
function marks(reader: Form, parsed: readonly { json: Json }[]): Partial<Usage> {
  if (reader !== 'Anthropic') return {}
  const told = parsed.some(({ json }) => json.type === 'message_delta' && json.usage?.output_tokens !== undefined)
  const model = parsed.findLast(({ json }) => json.content_block?.type === 'fallback')?.json.content_block.to.model
  return { ...(!told && { estimated: true }), ...(model && { model }) }
}

/** Usage of the provider's own object. */
export function plainUsage(dialect: Recording['dialect'], u: Json): Usage | undefined {
  if (u === undefined || u === null) return undefined
  if (dialect === 'Gemini') {
    return {
      inputTokens: n(u.promptTokenCount) + n(u.toolUsePromptTokenCount),
      cachedInputTokens: n(u.cachedContentTokenCount),
      cacheWriteTokens: 0,
      outputTokens: n(u.candidatesTokenCount) + n(u.thoughtsTokenCount),
      reasoningTokens: n(u.thoughtsTokenCount),
    }
  }
  if (dialect === 'Anthropic') return plainAnthropicUsage(u)
  const input = n(u.prompt_tokens ?? u.input_tokens)
  const output = n(u.completion_tokens ?? u.output_tokens)
  const reasoning = n((u.completion_tokens_details ?? u.output_tokens_details)?.reasoning_tokens)
  const inputDetails = u.prompt_tokens_details ?? u.input_tokens_details
  return {
    inputTokens: input,
    cachedInputTokens: n(inputDetails?.cached_tokens),
    cacheWriteTokens: n(inputDetails?.cache_write_tokens),
    outputTokens: u.total_tokens === input + output + reasoning ? output + reasoning : output,
    reasoningTokens: reasoning,
  }
}

function plainAnthropicUsage(u: Json): Usage {
  const served = u.iterations?.find((one: Json) => one.type === 'fallback_message')?.model
  const apart = (u.iterations ?? []).filter(
    (one: Json) =>
      ['compaction', 'advisor_message'].includes(one.type) ||
      (served && one.type === 'message' && one.model !== served && one.output_tokens > 0),
  )
  const parts = apart.map((one: Json) => ({ ...anthropicCounts(one), model: one.model }))
  const own = anthropicCounts(u)
  const all = (name: keyof typeof own) => [own, ...parts].reduce((sum, part) => sum + part[name], 0)
  return {
    inputTokens: all('inputTokens'),
    cachedInputTokens: all('cachedInputTokens'),
    cacheWriteTokens: all('cacheWriteTokens'),
    outputTokens: all('outputTokens'),
    reasoningTokens: all('reasoningTokens'),
    ...(served && { model: served }),
    ...(parts.length > 0 && { parts }),
  }
}

function anthropicCounts(u: Json) {
  return {
    inputTokens: n(u.input_tokens) + n(u.cache_read_input_tokens) + n(u.cache_creation_input_tokens),
    cachedInputTokens: n(u.cache_read_input_tokens),
    cacheWriteTokens: n(u.cache_creation_input_tokens),
    outputTokens: n(u.output_tokens),
    reasoningTokens: n(u.output_tokens_details?.thinking_tokens),
  }
}

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON of every provider, looked into freely by the reference only
type Json = any

type Form = 'Chat' | 'Responses' | 'Anthropic' | 'Gemini'

const TERMINAL: Record<Form, (event: Event, json: Json) => boolean> = {
  Chat: (event) => event.data === '[DONE]',
  Responses: (_event, json) =>
    ['response.completed', 'response.incomplete', 'response.failed', 'error'].includes(json.type),
  Anthropic: (event) => event.name === 'message_stop',
  Gemini: (_event, json) =>
    json.promptFeedback?.blockReason || json.candidates?.some((candidate: Json) => candidate.finishReason),
}

const USAGE_OBJECTS: Record<Form, (json: Json) => Json[]> = {
  Chat: (json) => [json.usage ?? json.x_groq?.usage].filter(Boolean),
  Responses: (json) =>
    /^response\.(completed|incomplete|failed)$/.test(json.type) ? [json.response.usage].filter(Boolean) : [],
  Anthropic: (json) =>
    [json.message?.usage ?? (json.type === 'message_delta' ? json.usage : undefined)].filter(Boolean),
  Gemini: (json) => [json.usageMetadata].filter(Boolean),
}

function withoutNulls(object: Json): Json {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null))
}

function n(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

function parse(data: string): Json {
  return data.startsWith('{') ? JSON.parse(data) : {}
}

function splitEvents(body: Buffer): Event[] {
  const text = body.toString('latin1')
  const events: Event[] = []
  let event: Event = { start: 0, end: 0, name: '', data: '' }
  for (const line of text.matchAll(/([^\r\n]*)(?:\r\n|\n|\r)/g)) {
    const [all, content = ''] = line
    const end = line.index + all.length
    if (content === '') {
      events.push({ ...event, end, data: Buffer.from(event.data.trim(), 'latin1').toString() })
      event = { start: end, end, name: '', data: '' }
    }
    if (content.startsWith('data:')) event.data += `${content.slice(5)}\n`
    if (content.startsWith('event:')) event.name = content.slice(6).trim()
  }
  return events
}
