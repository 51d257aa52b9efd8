// Azure OpenAI's deployments: OpenAI's bodies with content-filter results, an `api-version` that must be there, and a first
// chunk that carries only the prompt's filter results, with an empty id and model.
// Source: learn.microsoft.com/azure/ai-services/openai/reference, and recorded streams.
import { type Answer, bodyOf, type Call, jsonAnswer, type Piece } from './call.ts'
import { ProviderError } from './errors.ts'
import { type JsonObject, objectsOf } from './json.ts'
import { chatChunks, chatCompletion, eventStream } from './openai-chat.ts'

const SAFE = { filtered: false, severity: 'safe' } as const
const FILTER_RESULTS = { hate: SAFE, self_harm: SAFE, sexual: SAFE, violence: SAFE } as const
const PROMPT_FILTERS = [{ prompt_index: 0, content_filter_results: FILTER_RESULTS }] as const

/** Wraps a handler of OpenAI's for the deployment paths. Throws ProviderError (404) without `api-version`, as Azure does. */
export function deployment(answer: (call: Call) => Answer | Promise<Answer>) {
  return (call: Call): Answer | Promise<Answer> => {
    if (call.url.searchParams.has('api-version')) return answer(call)
    throw new ProviderError(404, 'Resource not found', { code: '404' })
  }
}

export function answerAzureChat(call: Call): Answer {
  if (bodyOf(call).stream === true) return eventStream(filteredChunks(call))
  const { json, told } = chatCompletion(call)
  return jsonAnswer({ ...json, choices: filtered(json), prompt_filter_results: PROMPT_FILTERS }, told)
}

function* filteredChunks(call: Call): Generator<Piece> {
  const empty = { id: '', object: '', created: 0, model: '' }
  yield { json: { ...empty, choices: [], prompt_filter_results: PROMPT_FILTERS } }
  for (const chunk of chatChunks(call)) yield { ...chunk, json: { ...chunk.json, choices: filtered(chunk.json) } }
}

function filtered(completion: JsonObject): readonly JsonObject[] {
  return objectsOf(completion.choices).map((choice) => ({ ...choice, content_filter_results: FILTER_RESULTS }))
}
