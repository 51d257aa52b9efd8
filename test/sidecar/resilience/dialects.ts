// The four conversations that the tests of resilience hold, with answers that say who gave them.
//
// A stream is three lists of events: what comes before any content, the content, and its proper end. Where the answers come from
// a provider called `first`, their text says `from first`, so that a client's bytes tell whose they are.
import type { Operation, ProviderType } from '../../../contract/sidecar-config.ts'
import type { Answer, Framing } from '../../support/fault-provider-fault.ts'

export type Form = 'stream' | 'whole'

export interface Conversation {
  readonly name: 'chat' | 'responses' | 'messages' | 'gemini'
  readonly type: ProviderType
  readonly operation: Operation
  /** What a base URL of its provider ends in. */
  readonly basePath: string
  readonly headers: Readonly<Record<string, string>>
  path(model: string, form: Form): string
  body(model: string, form: Form): object
  whole(who: string): string
  startUp(who: string): readonly string[]
  content(who: string): readonly string[]
  end: readonly string[]
  /** Of the provider's own making. */
  errorBody(word: string, status: number): string
  /** The provider's error as an event of a stream. */
  errorEvent(word: string, status: number): string
}

const USER = [{ role: 'user', content: 'Hello there' }]

function data(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

function named(type: string, rest: object = {}): string {
  return `event: ${type}\n${data({ type, ...rest })}`
}

function chunk(delta: object, finishReason: string | null): string {
  const choices = [{ index: 0, delta, finish_reason: finishReason }]
  return data({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices })
}

const chat: Conversation = {
  name: 'chat',
  type: 'OpenAI',
  operation: 'Chat',
  basePath: '/v1',
  headers: {},
  path: () => '/v1/chat/completions',
  body: (model, form) => ({ model, messages: USER, stream: form === 'stream' }),
  whole: (who) => {
    const message = { role: 'assistant', content: `from ${who}` }
    const choices = [{ index: 0, message, finish_reason: 'stop' }]
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
    return JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'm', choices, usage })
  },
  startUp: () => [chunk({ role: 'assistant', content: '' }, null)],
  content: (who) => [chunk({ content: 'from ' }, null), chunk({ content: who }, null)],
  end: [chunk({}, 'stop'), 'data: [DONE]\n\n'],
  errorBody: (word) => JSON.stringify({ error: { message: 'No.', type: word, code: word, param: null } }),
  errorEvent: (word) => data({ error: { message: 'No.', type: word, code: word, param: null } }),
}

function response(status: string, rest: object): object {
  return { id: 'resp_1', object: 'response', created_at: 1, model: 'm', status, error: null, output: [], ...rest }
}

function outputItem(who: string): object {
  const content = [{ type: 'output_text', text: `from ${who}`, annotations: [] }]
  return { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content }
}

const RESPONSE_USAGE = { input_tokens: 3, output_tokens: 2, total_tokens: 5 }

const responses: Conversation = {
  name: 'responses',
  type: 'OpenAI',
  operation: 'Responses',
  basePath: '/v1',
  headers: {},
  path: () => '/v1/responses',
  body: (model, form) => ({ model, input: 'Hello there', stream: form === 'stream' }),
  whole: (who) => JSON.stringify(response('completed', { output: [outputItem(who)], usage: RESPONSE_USAGE })),
  startUp: () =>
    ['response.created', 'response.in_progress'].map((type) => named(type, { response: response('in_progress', {}) })),
  content: (who) => [
    named('response.output_item.added', {
      output_index: 0,
      item: { type: 'message', id: 'msg_1', role: 'assistant', content: [] },
    }),
    named('response.content_part.added', {
      output_index: 0,
      content_index: 0,
      item_id: 'msg_1',
      part: { type: 'output_text', text: '' },
    }),
    ...['from ', who].map((delta) =>
      named('response.output_text.delta', { output_index: 0, content_index: 0, item_id: 'msg_1', delta }),
    ),
  ],
  end: [named('response.completed', { response: response('completed', { usage: RESPONSE_USAGE }) })],
  errorBody: chat.errorBody,
  errorEvent: (word) =>
    named('error', { error: { type: word, code: word, message: 'No.', param: null }, sequence_number: 2 }),
}

const messages: Conversation = {
  name: 'messages',
  type: 'Anthropic',
  operation: 'Messages',
  basePath: '',
  headers: { 'anthropic-version': '2023-06-01' },
  path: () => '/v1/messages',
  body: (model, form) => ({ model, max_tokens: 100, messages: USER, stream: form === 'stream' }),
  whole: (who) => {
    const usage = { input_tokens: 3, output_tokens: 2 }
    const content = [{ type: 'text', text: `from ${who}` }]
    return JSON.stringify({ ...MESSAGE, content, stop_reason: 'end_turn', stop_sequence: null, usage })
  },
  startUp: () => [
    named('message_start', {
      message: { ...MESSAGE, content: [], stop_reason: null, usage: { input_tokens: 3, output_tokens: 1 } },
    }),
    named('ping'),
  ],
  content: (who) => [
    named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...['from ', who].map((text) => named('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })),
    named('content_block_stop', { index: 0 }),
  ],
  end: [
    named('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 2 } }),
    named('message_stop'),
  ],
  errorBody: (word) => JSON.stringify({ type: 'error', error: { type: word, message: 'No.' }, request_id: 'req_1' }),
  errorEvent: (word) => named('error', { error: { type: word, message: 'No.' } }),
}

const MESSAGE = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm' }

function candidate(parts: object[], rest: object = {}): string {
  const usageMetadata = { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 }
  const value = { candidates: [{ content: { role: 'model', parts }, index: 0, ...rest }], usageMetadata }
  return `data: ${JSON.stringify(value)}\r\n\r\n`
}

function geminiError(word: string, status: number): string {
  return JSON.stringify({ error: { code: status, message: 'No.', status: word } }, undefined, 2)
}

const gemini: Conversation = {
  name: 'gemini',
  type: 'Gemini',
  operation: 'Chat',
  basePath: '',
  headers: { 'x-goog-api-key': 'of-the-application' },
  path: (model, form) =>
    `/v1beta/models/${model}:${form === 'stream' ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
  body: () => ({ contents: [{ role: 'user', parts: [{ text: 'Hello there' }] }] }),
  whole: (who) =>
    candidate([{ text: `from ${who}` }], { finishReason: 'STOP' })
      .slice(6)
      .trimEnd(),
  startUp: () => ['data: {"usageMetadata":{"promptTokenCount":3,"totalTokenCount":3},"modelVersion":"m"}\r\n\r\n'],
  content: (who) => [candidate([{ text: 'from ' }]), candidate([{ text: who }])],
  end: [candidate([{ text: '' }], { finishReason: 'STOP' })],
  errorBody: geminiError,
  // As recorded: no event at all, and LF only.
  errorEvent: (word, status) => `${geminiError(word, status)}\n`,
}

export const CONVERSATIONS: readonly Conversation[] = [chat, responses, messages, gemini]

/** A proper answer of this provider. */
export function answerOf(conversation: Conversation, form: Form, who: string, framing: Framing = 'Chunked'): Answer {
  if (form === 'whole') return { status: 200, headers: JSON_TYPE, body: conversation.whole(who), framing }
  const events = [...conversation.startUp(who), ...conversation.content(who), ...conversation.end]
  return { status: 200, headers: SSE_TYPE, body: events.join(''), framing }
}

export const JSON_TYPE = { 'content-type': 'application/json' }
export const SSE_TYPE = { 'content-type': 'text/event-stream' }
