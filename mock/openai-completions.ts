// OpenAI's legacy completions: `choices[].text` instead of messages, otherwise framed like chat.
import { type Answer, bodyOf, type Call, jsonAnswer, modelOf, type Piece, secondsOf } from './call.ts'
import { type Completion, complete } from './completion.ts'
import { type JsonObject, numberOf, objectOf, stringsOf } from './json.ts'
import { chatUsage, eventStream, finishReason, usageChunk } from './openai-chat.ts'

/** What the API does without `max_tokens`. */
const DEFAULT_MAX_TOKENS = 16

export function answerCompletions(call: Call): Answer {
  const body = bodyOf(call)
  const completion = completeText(call, body)
  const base = {
    id: call.id('cmpl-', 29),
    object: 'text_completion',
    created: secondsOf(call),
    model: modelOf(call),
  }
  if (body.stream === true) return eventStream(chunks(base, completion, body))
  const choices = [textChoice(completion.deltas.join(''), finishReason(completion))]
  return jsonAnswer({ ...base, choices, usage: chatUsage(completion.usage) }, completion.usage)
}

function completeText(call: Call, body: JsonObject): Completion {
  const prompt = {
    turns: [{ role: 'user', text: stringsOf(body.prompt).join('') }],
    tools: [],
    toolChoice: 'none',
    maxTokens: numberOf(body.max_tokens) ?? DEFAULT_MAX_TOKENS,
    stop: stringsOf(body.stop),
    outputSchema: undefined,
  } as const
  return complete(prompt, call.behaviour)
}

function* chunks(base: JsonObject, completion: Completion, body: JsonObject): Generator<Piece> {
  for (const text of completion.deltas) yield { json: { ...base, choices: [textChoice(text, null)] }, wrote: text }
  yield { json: { ...base, choices: [textChoice('', finishReason(completion))] } }
  const wantsUsage = objectOf(body.stream_options).include_usage === true
  if (wantsUsage) yield usageChunk(base, completion.usage)
}

function textChoice(text: string, finish: string | null): JsonObject {
  return { text, index: 0, logprobs: null, finish_reason: finish }
}
