// What applications ask for in a day: each operation as its official SDK sends it, and as a program without one does.
import type { ChatCompletionCreateParams } from 'openai/resources'
import type { Clients } from './two-ways.ts'

/** What is asked, in no dialect. */
export interface Question {
  readonly model: string
  readonly text: string
  readonly stream: boolean
  /** That the client asks for usage in a stream, where it has to. */
  readonly includeUsage: boolean
  readonly tools: boolean
  readonly maxTokens: number
  /** Answers to the same question, where there can be several. */
  readonly choices: number
}

export interface RawCall {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
}

export interface CallOptions {
  readonly headers: Record<string, string>
  readonly signal: AbortSignal
}

export interface Operation {
  raw(question: Question): RawCall
  /** The whole answer, or its parts as they come. */
  sdk(clients: Clients, question: Question, options: CallOptions): Promise<unknown>
}

const NAME = 'get_weather'
const DESCRIPTION = 'The weather in a city'
const SCHEMA = { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] }

const BEARER = { authorization: 'Bearer of-the-application' }

const chat: Operation = {
  raw: (question) => ({ path: '/v1/chat/completions', headers: BEARER, body: chatBody(question) }),
  sdk: ({ openai }, question, options) => openai.chat.completions.create(chatBody(question), options),
}

function chatBody(question: Question): ChatCompletionCreateParams {
  const { model, text, stream, tools, maxTokens, choices } = question
  const definition = { name: NAME, description: DESCRIPTION, parameters: SCHEMA }
  return {
    model,
    messages: [{ role: 'user', content: text }],
    max_completion_tokens: maxTokens,
    ...(choices > 1 && { n: choices }),
    ...(tools && { tools: [{ type: 'function', function: definition }] }),
    stream,
    ...streamOptions(question),
  }
}

const completions: Operation = {
  raw: (question) => ({ path: '/v1/completions', headers: BEARER, body: completionsBody(question) }),
  sdk: ({ openai }, question, options) => openai.completions.create(completionsBody(question), options),
}

function completionsBody(question: Question) {
  const { model, text, stream, maxTokens } = question
  return { model, prompt: text, max_tokens: maxTokens, stream, ...streamOptions(question) }
}

function streamOptions({ stream, includeUsage }: Question) {
  return stream && includeUsage ? { stream_options: { include_usage: true } } : {}
}

const responses: Operation = {
  raw: (question) => ({ path: '/v1/responses', headers: BEARER, body: responsesBody(question) }),
  sdk: ({ openai }, question, options) => openai.responses.create(responsesBody(question), options),
}

function responsesBody({ model, text, stream, tools, maxTokens }: Question) {
  const tool = { type: 'function' as const, name: NAME, description: DESCRIPTION, parameters: SCHEMA, strict: false }
  return { model, input: text, max_output_tokens: maxTokens, stream, ...(tools && { tools: [tool] }) }
}

const embeddings: Operation = {
  raw: ({ model, text }) => ({ path: '/v1/embeddings', headers: BEARER, body: { model, input: [text, 'and more'] } }),
  sdk: ({ openai }, { model, text }, options) => openai.embeddings.create({ model, input: text }, options),
}

const messages: Operation = {
  raw: (question) => ({
    path: '/v1/messages',
    headers: { 'x-api-key': 'of-the-application', 'anthropic-version': '2023-06-01' },
    body: messagesBody(question),
  }),
  sdk: ({ anthropic }, question, options) => anthropic.messages.create(messagesBody(question), options),
}

function messagesBody({ model, text, stream, tools, maxTokens }: Question) {
  const tool = { name: NAME, description: DESCRIPTION, input_schema: SCHEMA }
  const messages = [{ role: 'user' as const, content: text }]
  return { model, max_tokens: maxTokens, messages, stream, ...(tools && { tools: [tool] }) }
}

const gemini: Operation = {
  raw: ({ model, text, stream, includeUsage, tools, maxTokens }) => ({
    // Usage comes unasked, so what that decides here is the form of a stream: events, or one JSON array.
    path: `/v1beta/models/${model}:${stream ? `streamGenerateContent${includeUsage ? '?alt=sse' : ''}` : 'generateContent'}`,
    headers: { 'x-goog-api-key': 'of-the-application' },
    body: {
      contents: [{ role: 'user', parts: [{ text }] }],
      generationConfig: { maxOutputTokens: maxTokens },
      ...(tools && { tools: geminiTools() }),
    },
  }),
  sdk: async ({ gemini: { models } }, { model, text, stream, tools, maxTokens }, { headers, signal }) => {
    const config = {
      maxOutputTokens: maxTokens,
      httpOptions: { headers },
      abortSignal: signal,
      ...(tools && { tools: geminiTools() }),
    }
    const asked = { model, contents: text, config }
    return stream ? models.generateContentStream(asked) : models.generateContent(asked)
  },
}

function geminiTools() {
  return [{ functionDeclarations: [{ name: NAME, description: DESCRIPTION, parametersJsonSchema: SCHEMA }] }]
}

export const OPERATIONS = { chat, completions, responses, embeddings, messages, gemini } as const
export type OperationName = keyof typeof OPERATIONS
