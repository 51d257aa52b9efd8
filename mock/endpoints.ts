// The endpoints: method, path, dialect, handler. Adding one is adding a row.
//
// `{name}` in a path matches up to the end of the path or to what follows it in the pattern, slashes and colons included,
// for models are called `models/{m}:generateContent` and `ft:gpt-4o:org`. Rows are tried in order. Where several dialects
// share a path, the one that the request's headers speak wins, else the first row.
import { answerCountTokens, answerMessages } from './anthropic-messages.ts'
import { answerAzureChat, deployment } from './azure-openai.ts'
import { type Answer, type Call, type Dialect, jsonAnswer } from './call.ts'
import { answerBatchEmbedContents, answerEmbedContent, answerEmbeddings } from './embeddings.ts'
import { answerGeminiCountTokens, answerGenerateContent, answerStreamGenerateContent, geminiJson } from './gemini.ts'
import {
  answerAnthropicModel,
  answerAnthropicModels,
  answerGeminiModel,
  answerGeminiModels,
  answerOpenaiModel,
  answerOpenaiModels,
} from './models.ts'
import { answerChat } from './openai-chat.ts'
import { answerCompletions } from './openai-completions.ts'
import {
  answerFile,
  answerFileList,
  answerFileUpload,
  answerImages,
  answerRerank,
  answerTranscriptions,
} from './openai-resources.ts'
import { answerInputTokens, answerResponses } from './openai-responses.ts'

export type Handler = (call: Call) => Answer | Promise<Answer>

export interface Endpoint {
  readonly method: string
  readonly pattern: RegExp
  readonly dialect: Dialect
  readonly answer: Handler
}

export interface Match {
  readonly endpoint: Endpoint
  readonly params: Readonly<Record<string, string>>
}

const ENDPOINTS: readonly Endpoint[] = [
  // OpenAI
  endpoint('POST', '/v1/chat/completions', 'openai', answerChat),
  endpoint('POST', '/v1/completions', 'openai', answerCompletions),
  endpoint('POST', '/v1/responses', 'openai', answerResponses),
  endpoint('POST', '/v1/responses/input_tokens', 'openai', answerInputTokens),
  endpoint('POST', '/v1/embeddings', 'openai', answerEmbeddings),
  endpoint('GET', '/v1/models', 'openai', answerOpenaiModels),
  endpoint('GET', '/v1/models/{model}', 'openai', answerOpenaiModel),
  endpoint('POST', '/v1/images/generations', 'openai', answerImages),
  endpoint('POST', '/v1/audio/transcriptions', 'openai', answerTranscriptions),
  endpoint('GET', '/v1/files', 'openai', answerFileList),
  endpoint('POST', '/v1/files', 'openai', answerFileUpload),
  endpoint('GET', '/v1/files/{id}', 'openai', answerFile),
  endpoint('POST', '/v1/rerank', 'openai', answerRerank),
  // Azure OpenAI: deployments, and the newer API without them
  endpoint('POST', '/openai/deployments/{model}/chat/completions', 'azure', deployment(answerAzureChat)),
  endpoint('POST', '/openai/deployments/{model}/completions', 'azure', deployment(answerCompletions)),
  endpoint('POST', '/openai/deployments/{model}/embeddings', 'azure', deployment(answerEmbeddings)),
  endpoint('POST', '/openai/deployments/{model}/images/generations', 'azure', deployment(answerImages)),
  endpoint('POST', '/openai/deployments/{model}/audio/transcriptions', 'azure', deployment(answerTranscriptions)),
  endpoint('POST', '/openai/v1/chat/completions', 'azure', answerAzureChat),
  endpoint('POST', '/openai/v1/responses', 'azure', answerResponses),
  endpoint('POST', '/openai/v1/embeddings', 'azure', answerEmbeddings),
  endpoint('GET', '/openai/v1/models', 'azure', answerOpenaiModels),
  endpoint('GET', '/openai/v1/files', 'azure', answerFileList),
  // Anthropic
  endpoint('POST', '/v1/messages', 'anthropic', answerMessages),
  endpoint('POST', '/v1/messages/count_tokens', 'anthropic', answerCountTokens),
  endpoint('GET', '/v1/messages/batches', 'anthropic', answerNoBatches),
  endpoint('GET', '/v1/models', 'anthropic', answerAnthropicModels),
  endpoint('GET', '/v1/models/{model}', 'anthropic', answerAnthropicModel),
  // Gemini
  ...['/v1beta', '/v1'].flatMap((version) => [
    endpoint('POST', `${version}/models/{model}:generateContent`, 'gemini', answerGenerateContent),
    endpoint('POST', `${version}/models/{model}:streamGenerateContent`, 'gemini', answerStreamGenerateContent),
    endpoint('POST', `${version}/models/{model}:countTokens`, 'gemini', answerGeminiCountTokens),
    endpoint('POST', `${version}/models/{model}:embedContent`, 'gemini', answerEmbedContent),
    endpoint('POST', `${version}/models/{model}:batchEmbedContents`, 'gemini', answerBatchEmbedContents),
    endpoint('GET', `${version}/models`, 'gemini', answerGeminiModels),
    endpoint('GET', `${version}/models/{model}`, 'gemini', answerGeminiModel),
    endpoint('GET', `${version}/files`, 'gemini', () => geminiJson({ files: [] })),
  ]),
]

/** `spoken`: the dialect that the headers speak. Undefined: nothing is served there. */
export function findEndpoint(method: string, path: string, spoken: Dialect): Match | undefined {
  const matches = ENDPOINTS.flatMap((candidate) => {
    const found = candidate.method === method ? candidate.pattern.exec(path) : null
    return found ? [{ endpoint: candidate, params: decoded(found.groups ?? {}) }] : []
  })
  return matches.find((match) => match.endpoint.dialect === spoken) ?? matches[0]
}

function endpoint(method: string, path: string, dialect: Dialect, answer: Handler): Endpoint {
  const source = path.replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, '(?<$1>.+)')
  return { method, pattern: new RegExp(`^${source}$`), dialect, answer }
}

function decoded(groups: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodedOrRaw(value)]))
}

function decodedOrRaw(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

function answerNoBatches(): Answer {
  return jsonAnswer({ data: [], has_more: false, first_id: null, last_id: null })
}
