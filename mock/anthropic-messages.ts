// Anthropic messages, unary and streamed, and the count of tokens. Order of a stream: message_start (input usage, a
// provisional output count), per block start … deltas … stop, a ping after the first start, message_delta with the
// cumulative usage, message_stop. Events are named. `input_tokens` excludes what was read from the cache.
// Source: platform.claude.com/docs/en/api/messages, and recorded streams.
import {
  type Answer,
  bodyOf,
  type Call,
  jsonAnswer,
  modelOf,
  type Piece,
  type StreamEvent,
  serverSentEvent,
  textOf,
} from './call.ts'
import {
  type Completion,
  complete,
  inputTokensOf,
  type Prompt,
  piecesOf,
  type Tool,
  type Turn,
  type Usage,
} from './completion.ts'
import { ProviderError } from './errors.ts'
import { type JsonObject, numberOf, objectOf, objectsOf, stringOf, stringsOf } from './json.ts'

const ARGUMENT_PIECE_CHARACTERS = 8

export function answerMessages(call: Call): Answer {
  const body = bodyOf(call)
  requireVersion(call)
  modelOf(call)
  if (numberOf(body.max_tokens) === undefined) throw new ProviderError(400, 'max_tokens: Field required')
  const completion = complete(messagesPrompt(body), call.behaviour)
  const message = messageOf(call, completion)
  if (body.stream !== true) return { ...jsonAnswer(message, completion.usage), body: JSON.stringify(message) }
  return {
    kind: 'stream',
    contentType: 'text/event-stream; charset=utf-8',
    events: framed(eventsOf(message, completion)),
    frameError: (error) => serverSentEvent(error, 'error'),
  }
}

export function answerCountTokens(call: Call): Answer {
  requireVersion(call)
  modelOf(call)
  return jsonAnswer({ input_tokens: inputTokensOf(messagesPrompt(bodyOf(call))) })
}

function requireVersion(call: Call): void {
  if (call.headers['anthropic-version'] === undefined) {
    throw new ProviderError(400, 'anthropic-version: header is required')
  }
}

function* framed(events: Iterable<Piece>): Generator<StreamEvent> {
  for (const { json, ...accounted } of events) yield { ...accounted, text: serverSentEvent(json, stringOf(json.type)) }
}

function* eventsOf(message: JsonObject, completion: Completion): Generator<Piece> {
  const provisional = { ...completion.usage, outputTokens: 1, reasoningTokens: 0 }
  const started = { content: [], stop_reason: null, stop_sequence: null, usage: messageUsage(provisional) }
  yield { json: { type: 'message_start', message: { ...message, ...started } }, told: provisional }
  for (const [index, block] of objectsOf(message.content).entries()) {
    yield { json: { type: 'content_block_start', index, content_block: emptied(block) }, wrote: stringOf(block.name) }
    if (index === 0) yield { json: { type: 'ping' } }
    for (const { json: delta, ...accounted } of deltasOf(block, completion)) {
      yield { ...accounted, json: { type: 'content_block_delta', index, delta } }
    }
    yield { json: { type: 'content_block_stop', index } }
  }
  const { stop_reason, stop_sequence, stop_details, container } = message
  const delta = { stop_reason, stop_sequence, stop_details, container }
  const told = completion.usage
  yield { json: { type: 'message_delta', delta, usage: deltaUsage(messageUsage(told)) }, told }
  yield { json: { type: 'message_stop' } }
}

function emptied(block: JsonObject): JsonObject {
  return block.type === 'text' ? { ...block, text: '' } : { ...block, input: {} }
}

function* deltasOf(block: JsonObject, completion: Completion): Generator<Piece> {
  if (block.type === 'text') {
    for (const text of completion.deltas) yield { json: { type: 'text_delta', text }, wrote: text }
    return
  }
  yield { json: { type: 'input_json_delta', partial_json: '' } }
  for (const partial_json of piecesOf(JSON.stringify(block.input), ARGUMENT_PIECE_CHARACTERS)) {
    yield { json: { type: 'input_json_delta', partial_json }, wrote: partial_json }
  }
}

/** Of the whole; when it began, output was a guess. */
function deltaUsage({ cache_creation: _, service_tier: __, ...counts }: JsonObject): JsonObject {
  return counts
}

function messagesPrompt(body: JsonObject): Prompt {
  if (!Array.isArray(body.messages)) throw new ProviderError(400, 'messages: Field required')
  const system = textOf(body.system)
  const first: Turn[] = system === '' ? [] : [{ role: 'system', text: system }]
  return {
    turns: [...first, ...objectsOf(body.messages).flatMap(turnsOf)],
    tools: objectsOf(body.tools).flatMap(toolOf),
    toolChoice: toolChoiceOf(objectOf(body.tool_choice)),
    maxTokens: numberOf(body.max_tokens),
    stop: stringsOf(body.stop_sequences),
    outputSchema: outputSchemaOf(body),
  }
}

/** A user's message may hold tool results and text; each result is a turn of its own. */
function turnsOf(message: JsonObject): Turn[] {
  const results = objectsOf(message.content).filter((block) => block.type === 'tool_result')
  const turns: Turn[] = results.map((block) => ({ role: 'tool', text: textOf(block.content) }))
  const text = textOf(message.content)
  const role = message.role === 'user' || message.role === 'assistant' ? message.role : 'system'
  return text === '' && turns.length > 0 ? turns : [...turns, { role, text }]
}

/** Server tools have a versioned type and no schema: the mock never calls them. */
function toolOf(tool: JsonObject): Tool[] {
  const custom = tool.type === undefined || tool.type === 'custom'
  return custom ? [{ name: stringOf(tool.name), schema: objectOf(tool.input_schema) }] : []
}

function toolChoiceOf({ type, name }: JsonObject): Prompt['toolChoice'] {
  if (type === 'tool') return { name: stringOf(name) }
  if (type === 'any') return 'required'
  return type === 'none' ? 'none' : 'auto'
}

function outputSchemaOf(body: JsonObject): JsonObject | undefined {
  const format = objectOf(objectOf(body.output_config).format)
  return format.type === 'json_schema' ? objectOf(format.schema) : undefined
}

const STOP_REASONS = { end: 'end_turn', sequence: 'stop_sequence', length: 'max_tokens', tools: 'tool_use' } as const

function messageOf(call: Call, completion: Completion): JsonObject {
  const { usage, stopSequence } = completion
  return {
    id: call.id('msg_01', 22),
    type: 'message',
    role: 'assistant',
    model: call.model,
    content: blocksOf(call, completion),
    stop_reason: STOP_REASONS[completion.stop],
    stop_sequence: stopSequence ?? null,
    stop_details: null,
    container: null,
    usage: messageUsage(usage),
  }
}

function messageUsage(usage: Usage): JsonObject {
  const { inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage
  return {
    input_tokens: inputTokens - cachedTokens - cacheWriteTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cachedTokens,
    cache_creation: { ephemeral_5m_input_tokens: cacheWriteTokens, ephemeral_1h_input_tokens: 0 },
    output_tokens: outputTokens,
    ...(reasoningTokens > 0 ? { output_tokens_details: { thinking_tokens: reasoningTokens } } : {}),
    service_tier: 'standard',
  }
}

function blocksOf(call: Call, completion: Completion): readonly JsonObject[] {
  if (completion.calls.length === 0) return [{ type: 'text', text: completion.deltas.join('') }]
  return completion.calls.map(({ name, args }) => ({
    type: 'tool_use',
    id: call.id('toolu_01', 22),
    name,
    input: args,
  }))
}
