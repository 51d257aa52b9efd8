// Gemini's generateContent, streamGenerateContent (server-sent events with CRLF, or one JSON array) and countTokens.
// Usage is in every chunk and cumulative; the finish reason of a function call is STOP; nothing terminates the stream but
// its end. An error inside a stream is bare JSON without `data:`, in a write of its own: the form that its SDKs raise.
// Source: ai.google.dev/api/generate-content, and recorded streams.
import { type Answer, bodyOf, type Call, jsonAnswer, type Piece, type StreamEvent } from './call.ts'
import {
  BYTES_PER_TOKEN,
  type Completion,
  complete,
  inputTokensOf,
  type Prompt,
  type Tool,
  type Turn,
  tokensOf,
  type Usage,
} from './completion.ts'
import { ProviderError } from './errors.ts'
import { type JsonObject, numberOf, objectOf, objectsOf, stringOf, stringsOf } from './json.ts'

const JSON_TYPE = 'application/json; charset=UTF-8'

export function geminiJson(value: unknown, told?: Usage): Answer {
  return { ...jsonAnswer(value, told), contentType: JSON_TYPE }
}

export function answerGenerateContent(call: Call): Answer {
  const { json, told } = wholeOf(call, complete(geminiPrompt(bodyOf(call)), call.behaviour))
  return geminiJson(json, told)
}

export function answerStreamGenerateContent(call: Call): Answer {
  const chunks = chunksOf(call, complete(geminiPrompt(bodyOf(call)), call.behaviour))
  const asEvents = call.url.searchParams.get('alt') === 'sse'
  return {
    kind: 'stream',
    contentType: asEvents ? 'text/event-stream' : JSON_TYPE,
    events: asEvents ? sseFramed(chunks) : arrayFramed(chunks),
    frameError: (error, sent) => (asEvents ? JSON.stringify(error, null, 2) : arrayError(error, sent)),
  }
}

export function answerGeminiCountTokens(call: Call): Answer {
  const body = bodyOf(call)
  const totalTokens = inputTokensOf(
    geminiPrompt(body.generateContentRequest ? objectOf(body.generateContentRequest) : body),
  )
  return geminiJson({ totalTokens, promptTokensDetails: [{ modality: 'TEXT', tokenCount: totalTokens }] })
}

/** The text of one Content: what embedding requests carry too. */
export function contentText(content: unknown): string {
  return objectsOf(objectOf(content).parts)
    .map((part) => stringOf(part.text))
    .join('')
}

function* sseFramed(chunks: Iterable<Piece>): Generator<StreamEvent> {
  for (const { json, ...accounted } of chunks) yield { ...accounted, text: `data: ${JSON.stringify(json)}\r\n\r\n` }
}

function* arrayFramed(chunks: Iterable<Piece>): Generator<StreamEvent> {
  let separator = '['
  for (const { json, ...accounted } of chunks) {
    yield { ...accounted, text: separator + JSON.stringify(json, null, 2) }
    separator = '\n,\r\n'
  }
  yield { text: '\n]\n' }
}

function arrayError(error: JsonObject, sent: number): string {
  return `${sent === 0 ? '[' : '\n,\r\n'}${JSON.stringify(error, null, 2)}\n]\n`
}

function* chunksOf(call: Call, completion: Completion): Generator<Piece> {
  const { deltas, usage } = completion
  const about = identity(call)
  const last = deltas.length - 1
  if (last < 1) {
    yield wholeOf(call, completion)
    return
  }
  let bytes = 0
  for (const text of deltas.slice(0, last)) {
    bytes += Buffer.byteLength(text)
    const told = toldOf({ ...usage, outputTokens: Math.ceil(bytes / BYTES_PER_TOKEN) + usage.reasoningTokens })
    yield { json: chunkOf([{ text }], told, undefined, about), told, wrote: text }
  }
  const [told, wrote] = [toldOf(usage), deltas[last] ?? '']
  yield { json: chunkOf([{ text: wrote }], told, finishReason(completion), about), told, wrote }
}

/** All of it in one. */
function wholeOf(call: Call, completion: Completion): Piece {
  const told = toldOf(completion.usage)
  const parts = partsOf(call, completion)
  const json = chunkOf(parts, told, finishReason(completion), identity(call))
  return { json, told, wrote: completion.deltas.join('') || JSON.stringify(completion.calls) }
}

/** It does not say what it wrote to the cache. */
function toldOf(usage: Usage): Usage {
  return { ...usage, cacheWriteTokens: 0 }
}

function geminiPrompt(body: JsonObject): Prompt {
  if (!Array.isArray(body.contents))
    throw new ProviderError(400, '* GenerateContentRequest.contents: contents is not specified')
  const system = contentText(body.systemInstruction)
  const first: Turn[] = system === '' ? [] : [{ role: 'system', text: system }]
  const config = objectOf(body.generationConfig)
  return {
    turns: [...first, ...objectsOf(body.contents).flatMap(turnsOf)],
    tools: objectsOf(body.tools).flatMap(toolsOf),
    toolChoice: toolChoiceOf(objectOf(objectOf(body.toolConfig).functionCallingConfig)),
    maxTokens: numberOf(config.maxOutputTokens),
    stop: stringsOf(config.stopSequences),
    outputSchema: outputSchemaOf(config),
  }
}

function turnsOf(content: JsonObject): Turn[] {
  const responses = objectsOf(content.parts).flatMap((part) => (part.functionResponse ? [part.functionResponse] : []))
  const turns: Turn[] = responses.map((response) => ({
    role: 'tool',
    text: JSON.stringify(objectOf(response).response),
  }))
  const text = contentText(content)
  const role = content.role === 'model' ? 'assistant' : 'user'
  return text === '' && turns.length > 0 ? turns : [...turns, { role, text }]
}

function toolsOf(tool: JsonObject): Tool[] {
  return objectsOf(tool.functionDeclarations).map((declaration) => ({
    name: stringOf(declaration.name),
    schema: objectOf(declaration.parametersJsonSchema ?? declaration.parameters),
  }))
}

function toolChoiceOf(config: JsonObject): Prompt['toolChoice'] {
  if (config.mode === 'NONE') return 'none'
  if (config.mode !== 'ANY') return 'auto'
  const allowed = stringsOf(config.allowedFunctionNames)[0]
  return allowed === undefined ? 'required' : { name: allowed }
}

function outputSchemaOf(config: JsonObject): JsonObject | undefined {
  if (config.responseMimeType !== 'application/json') return undefined
  return objectOf(config.responseJsonSchema ?? config.responseSchema ?? { type: 'object' })
}

const FINISH_REASONS = { end: 'STOP', sequence: 'STOP', length: 'MAX_TOKENS', tools: 'STOP' } as const

function finishReason(completion: Completion): string {
  return FINISH_REASONS[completion.stop]
}

/** Function calls have ids from Gemini 3 on. */
function partsOf(call: Call, completion: Completion): readonly JsonObject[] {
  if (completion.calls.length === 0) return [{ text: completion.deltas.join('') }]
  return completion.calls.map(({ name, args }) => {
    const id = call.model.includes('gemini-3') ? { id: call.id('', 8) } : {}
    return { functionCall: { ...id, name, args } }
  })
}

function identity(call: Call): JsonObject {
  return { modelVersion: call.model, responseId: call.id('', 23) }
}

function chunkOf(parts: readonly JsonObject[], told: Usage, finish: string | undefined, about: JsonObject): JsonObject {
  const candidate = { content: { parts, role: 'model' }, ...(finish ? { finishReason: finish } : {}), index: 0 }
  return { candidates: [candidate], usageMetadata: usageMetadata(told), ...about }
}

/** Thoughts are counted beside the candidates. */
function usageMetadata(usage: Usage): JsonObject {
  return {
    promptTokenCount: usage.inputTokens,
    candidatesTokenCount: usage.outputTokens - usage.reasoningTokens,
    ...(usage.reasoningTokens > 0 ? { thoughtsTokenCount: usage.reasoningTokens } : {}),
    totalTokenCount: usage.inputTokens + usage.outputTokens,
    ...(usage.cachedTokens > 0 ? { cachedContentTokenCount: usage.cachedTokens } : {}),
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: usage.inputTokens }],
  }
}

/** What one text costs as an embedding. */
export function embeddingTokens(content: unknown): number {
  return tokensOf(contentText(content))
}
