// OpenAI responses, unary and streamed, and the count of input tokens. Order of a stream: created, in_progress, per item
// output_item.added … output_item.done, then exactly one terminal event that carries the usage. No [DONE]. Sequence numbers
// count from 0 over all events. An item's id is not the call_id that a result refers to.
// Source: developers.openai.com/api/reference, and recorded streams.
import {
  type Answer,
  bodyOf,
  type Call,
  jsonAnswer,
  modelOf,
  type Piece,
  type StreamEvent,
  secondsOf,
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
import { type JsonObject, numberOf, objectOf, objectsOf, stringOf } from './json.ts'
import { cacheWrites } from './openai-chat.ts'

const ARGUMENT_PIECE_CHARACTERS = 6

export function answerResponses(call: Call): Answer {
  const body = bodyOf(call)
  modelOf(call)
  const completion = complete(responsesPrompt(body), call.behaviour)
  const base = responseBase(call, body)
  const items = itemsOf(call, completion)
  const final = { ...base, ...outcome(call, completion), output: items.map((item) => item.whole) }
  const told = completion.usage
  if (body.stream !== true) return jsonAnswer(final, told)
  return {
    kind: 'stream',
    contentType: 'text/event-stream; charset=utf-8',
    events: framed(eventsOf({ ...base, status: 'in_progress', output: [], usage: null }, items, { json: final, told })),
    frameError,
  }
}

export function answerInputTokens(call: Call): Answer {
  const input_tokens = inputTokensOf(responsesPrompt(bodyOf(call)))
  return jsonAnswer({ object: 'response.input_tokens', input_tokens })
}

/** An item of the output: as it begins, what happens between, as it ends. */
interface Item {
  readonly begun: JsonObject
  readonly events: Iterable<Piece>
  readonly whole: JsonObject
}

function* eventsOf(begun: JsonObject, items: readonly Item[], { json: final, told }: Piece): Generator<Piece> {
  yield { json: { type: 'response.created', response: begun } }
  yield { json: { type: 'response.in_progress', response: begun } }
  for (const [output_index, item] of items.entries()) {
    yield { json: { type: 'response.output_item.added', output_index, item: item.begun } }
    for (const { json, ...accounted } of item.events) {
      yield { ...accounted, json: { ...json, item_id: item.whole.id, output_index } }
    }
    yield { json: { type: 'response.output_item.done', output_index, item: item.whole } }
  }
  yield { json: { type: `response.${stringOf(final.status)}`, response: final }, ...(told && { told }) }
}

function* framed(events: Iterable<Piece>): Generator<StreamEvent> {
  let sequence_number = 0
  for (const { json, ...accounted } of events) {
    yield { ...accounted, text: serverSentEvent({ ...json, sequence_number }, stringOf(json.type)) }
    sequence_number += 1
  }
}

function frameError(body: JsonObject, sent: number): string {
  const error = objectOf(body.error)
  const flat = { code: error.code, message: error.message, param: error.param }
  return serverSentEvent({ type: 'error', error, ...flat, sequence_number: sent }, 'error')
}

function responsesPrompt(body: JsonObject): Prompt {
  const instructions = stringOf(body.instructions)
  const system: Turn[] = instructions === '' ? [] : [{ role: 'system', text: instructions }]
  const input = stringOf(body.input)
  const items: Turn[] = input === '' ? objectsOf(body.input).flatMap(turnsOf) : [{ role: 'user', text: input }]
  const format = objectOf(objectOf(body.text).format)
  return {
    turns: [...system, ...items],
    tools: objectsOf(body.tools).flatMap(toolOf),
    toolChoice: toolChoiceOf(body.tool_choice),
    maxTokens: numberOf(body.max_output_tokens),
    stop: [],
    outputSchema: format.type === 'json_schema' ? objectOf(format.schema) : undefined,
  }
}

function turnsOf(item: JsonObject): Turn[] {
  if (item.type === 'function_call_output') return [{ role: 'tool', text: textOf(item.output) }]
  if (item.type !== undefined && item.type !== 'message') return []
  const role = item.role === 'user' || item.role === 'assistant' ? item.role : 'system'
  return [{ role, text: textOf(item.content) }]
}

function toolOf(tool: JsonObject): Tool[] {
  if (tool.type !== 'function') return []
  return [{ name: stringOf(tool.name), schema: objectOf(tool.parameters) }]
}

function toolChoiceOf(choice: unknown): Prompt['toolChoice'] {
  if (choice === 'none' || choice === 'required') return choice
  const name = stringOf(objectOf(choice).name)
  return name === '' ? 'auto' : { name }
}

function responseBase(call: Call, body: JsonObject): JsonObject {
  return {
    id: call.id('resp_', 48),
    object: 'response',
    created_at: secondsOf(call),
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    model: call.model,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: body.text ?? { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_p: body.top_p ?? 1,
    truncation: 'disabled',
    user: null,
    metadata: body.metadata ?? {},
  }
}

function outcome(call: Call, { stop, usage }: Completion): JsonObject {
  const counted = responsesUsage(usage)
  if (stop === 'length') {
    return { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, usage: counted }
  }
  return { status: 'completed', completed_at: secondsOf(call), usage: counted }
}

function responsesUsage(usage: Usage): JsonObject {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens, ...cacheWrites(usage) },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  }
}

function itemsOf(call: Call, completion: Completion): readonly Item[] {
  if (completion.calls.length === 0) return [messageItem(call, completion)]
  return completion.calls.map((toolCall) => {
    const json = JSON.stringify(toolCall.args)
    const base = { id: call.id('fc_', 48), type: 'function_call', name: toolCall.name, call_id: call.id('call_', 24) }
    return {
      begun: { ...base, arguments: '', status: 'in_progress' },
      events: functionCallEvents(json, toolCall.name),
      whole: { ...base, arguments: json, status: 'completed' },
    }
  })
}

function* functionCallEvents(json: string, name: string): Generator<Piece> {
  for (const delta of piecesOf(json, ARGUMENT_PIECE_CHARACTERS)) {
    yield { json: { type: 'response.function_call_arguments.delta', delta }, wrote: delta }
  }
  yield { json: { type: 'response.function_call_arguments.done', name, arguments: json }, wrote: name }
}

function messageItem(call: Call, completion: Completion): Item {
  const base = { id: call.id('msg_', 48), type: 'message', role: 'assistant' }
  const part = { type: 'output_text', annotations: [], logprobs: [], text: completion.deltas.join('') }
  const status = completion.stop === 'length' ? 'incomplete' : 'completed'
  return {
    begun: { ...base, content: [], status: 'in_progress' },
    events: textEvents(completion.deltas, part),
    whole: { ...base, content: [part], status },
  }
}

function* textEvents(deltas: readonly string[], part: JsonObject): Generator<Piece> {
  const base = { content_index: 0 }
  yield { json: { type: 'response.content_part.added', ...base, part: { ...part, text: '' } } }
  for (const delta of deltas) {
    yield { json: { type: 'response.output_text.delta', ...base, delta, logprobs: [] }, wrote: delta }
  }
  yield { json: { type: 'response.output_text.done', ...base, logprobs: [], text: part.text } }
  yield { json: { type: 'response.content_part.done', ...base, part } }
}
