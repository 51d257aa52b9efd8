// OpenAI chat completions, unary and streamed. Order of a stream: role chunk, deltas, one chunk with finish_reason and an
// empty delta, the usage chunk only when stream_options asks for it, [DONE].
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
import { type Completion, complete, type Prompt, piecesOf, type Tool, type Turn, type Usage } from './completion.ts'
import { ProviderError } from './errors.ts'
import { type JsonObject, numberOf, objectOf, objectsOf, stringOf, stringsOf } from './json.ts'

const DONE = 'data: [DONE]\n\n'
const CHOICES_MAX = 16
const ARGUMENT_PIECE_CHARACTERS = 6

export function answerChat(call: Call): Answer {
  if (bodyOf(call).stream === true) return eventStream(chatChunks(call))
  const { json, told } = chatCompletion(call)
  return jsonAnswer(json, told)
}

/** The whole answer of a request that does not stream. */
export function chatCompletion(call: Call): Piece {
  const completion = completeChat(call)
  const told = usageOfAll(completion, choicesOf(call))
  const choices = Array.from({ length: choicesOf(call) }, (_, index) => choice(call, completion, index))
  const base = chatBase(call, 'chat.completion')
  return { json: { ...base, choices, usage: chatUsage(told), service_tier: 'default' }, told }
}

/** The chunks of a streamed answer, unframed, without [DONE]. */
export function* chatChunks(call: Call): Generator<Piece> {
  const completion = completeChat(call)
  const wantsUsage = objectOf(bodyOf(call).stream_options).include_usage === true
  const base = { ...chatBase(call, 'chat.completion.chunk'), ...(wantsUsage ? { usage: null } : {}) }
  const indexes = Array.from({ length: choicesOf(call) }, (_, index) => index)
  for (const { json: delta, wrote = '' } of deltasOf(call, completion)) {
    for (const index of indexes) yield { json: { ...base, choices: [chunkChoice(index, delta, null)] }, wrote }
  }
  for (const index of indexes) yield { json: { ...base, choices: [chunkChoice(index, {}, finishReason(completion))] } }
  if (wantsUsage) yield usageChunk(base, usageOfAll(completion, indexes.length))
}

/** The one that holds nothing else. */
export function usageChunk(base: JsonObject, told: Usage): Piece {
  return { json: { ...base, choices: [], usage: chatUsage(told) }, told }
}

/** Frames chunks as OpenAI does: no event names, [DONE] at the end, an object with `error` for an error. */
export function eventStream(chunks: Iterable<Piece>): Answer {
  return {
    kind: 'stream',
    contentType: 'text/event-stream; charset=utf-8',
    events: framed(chunks),
    frameError: (error) => serverSentEvent(error),
  }
}

function* framed(chunks: Iterable<Piece>): Generator<StreamEvent> {
  for (const { json, ...accounted } of chunks) yield { ...accounted, text: serverSentEvent(json) }
  yield { text: DONE }
}

function completeChat(call: Call): Completion {
  return complete(chatPrompt(call), call.behaviour)
}

function chatPrompt(call: Call): Prompt {
  const body = bodyOf(call)
  modelOf(call)
  if (!Array.isArray(body.messages)) {
    throw new ProviderError(400, "Missing required parameter: 'messages'.", {
      code: 'missing_required_parameter',
      param: 'messages',
    })
  }
  return {
    turns: objectsOf(body.messages).map(turnOf),
    tools: objectsOf(body.tools).flatMap(toolOf),
    toolChoice: toolChoiceOf(body.tool_choice),
    maxTokens: numberOf(body.max_completion_tokens) ?? numberOf(body.max_tokens),
    stop: stringsOf(body.stop),
    outputSchema: outputSchemaOf(objectOf(body.response_format)),
  }
}

function turnOf(message: JsonObject): Turn {
  return { role: roleOf(message.role), text: textOf(message.content) }
}

function roleOf(role: unknown): Turn['role'] {
  if (role === 'user' || role === 'assistant' || role === 'tool') return role
  return 'system'
}

function toolOf(tool: JsonObject): Tool[] {
  const definition = objectOf(tool.function)
  const name = stringOf(definition.name)
  return name === '' ? [] : [{ name, schema: objectOf(definition.parameters) }]
}

function toolChoiceOf(choice: unknown): Prompt['toolChoice'] {
  if (choice === 'none' || choice === 'required') return choice
  const name = stringOf(objectOf(objectOf(choice).function).name)
  return name === '' ? 'auto' : { name }
}

function outputSchemaOf(format: JsonObject): JsonObject | undefined {
  if (format.type === 'json_object') return { type: 'object', properties: { answer: {} } }
  return format.type === 'json_schema' ? objectOf(objectOf(format.json_schema).schema) : undefined
}

function choicesOf(call: Call): number {
  return Math.min(CHOICES_MAX, Math.max(1, numberOf(bodyOf(call).n) ?? 1))
}

function chatBase(call: Call, object: string): JsonObject {
  return {
    id: call.id('chatcmpl-', 29),
    object,
    created: secondsOf(call),
    model: call.model,
    system_fingerprint: 'fp_outriggermock',
  }
}

function choice(call: Call, completion: Completion, index: number): JsonObject {
  const calls = completion.calls.map((toolCall) => ({
    id: call.id('call_', 24),
    type: 'function',
    function: { name: toolCall.name, arguments: JSON.stringify(toolCall.args) },
  }))
  const content = calls.length > 0 ? null : completion.deltas.join('')
  const message = {
    role: 'assistant',
    content,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    refusal: null,
    annotations: [],
  }
  return { index, message, logprobs: null, finish_reason: finishReason(completion) }
}

function chunkChoice(index: number, delta: JsonObject, finish: string | null): JsonObject {
  return { index, delta, logprobs: null, finish_reason: finish }
}

function* deltasOf(call: Call, completion: Completion): Generator<Piece> {
  yield { json: { role: 'assistant', content: completion.calls.length > 0 ? null : '', refusal: null } }
  for (const content of completion.deltas) yield { json: { content }, wrote: content }
  for (const [index, { name, args }] of completion.calls.entries()) {
    const opening = { id: call.id('call_', 24), type: 'function', function: { name, arguments: '' } }
    yield { json: { tool_calls: [{ index, ...opening }] }, wrote: name }
    for (const piece of piecesOf(JSON.stringify(args), ARGUMENT_PIECE_CHARACTERS)) {
      yield { json: { tool_calls: [{ index, function: { arguments: piece } }] }, wrote: piece }
    }
  }
}

const FINISH_REASONS = { end: 'stop', sequence: 'stop', length: 'length', tools: 'tool_calls' } as const

export function finishReason(completion: Completion): string {
  return FINISH_REASONS[completion.stop]
}

/** Every choice costs its own output; the prompt is counted once. */
function usageOfAll({ usage }: Completion, choices: number): Usage {
  const { outputTokens, reasoningTokens } = usage
  return { ...usage, outputTokens: outputTokens * choices, reasoningTokens: reasoningTokens * choices }
}

export function chatUsage(usage: Usage): JsonObject {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens, ...cacheWrites(usage), audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

/** Newer than the other counts: told only by who has any. */
export function cacheWrites({ cacheWriteTokens }: Usage): JsonObject {
  return cacheWriteTokens > 0 ? { cache_write_tokens: cacheWriteTokens } : {}
}
