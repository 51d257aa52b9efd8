// The ways in which official clients read a stream to its end. `events` is how many the mock sends for it, `[DONE]` included.
import { collect } from '../mock/with-mock.ts'
import type { Clients } from './two-ways.ts'

export interface StreamReader {
  readonly name: string
  /** The usage chunk that Outrigger asks for is one of them. */
  readonly events: number
  read(clients: Clients, signal?: AbortSignal, onPart?: () => void): Promise<unknown>
}

const USER = [{ role: 'user' as const, content: 'Hello there' }]
const CHAT = { model: 'gpt-5-mini', messages: USER }
const RESPONSE = { model: 'gpt-5-mini', input: 'Hello there' }
const LEGACY = { model: 'davinci-002', prompt: 'Hello there', max_tokens: 100, stream: true as const }
const MESSAGE = { model: 'claude-haiku-4-5', max_tokens: 100, messages: USER }

export const ITERATORS: readonly StreamReader[] = [
  {
    name: 'openai chat.completions.create',
    events: 8,
    read: async ({ openai }, signal, onPart) =>
      each(await openai.chat.completions.create({ ...CHAT, stream: true }, optional(signal)), onPart),
  },
  {
    name: 'openai responses.create',
    events: 12,
    read: async ({ openai }, signal, onPart) =>
      each(await openai.responses.create({ ...RESPONSE, stream: true }, optional(signal)), onPart),
  },
  {
    name: 'openai completions.create',
    events: 7,
    read: async ({ openai }, signal, onPart) => each(await openai.completions.create(LEGACY, optional(signal)), onPart),
  },
  {
    name: 'anthropic messages.create',
    events: 10,
    read: async ({ anthropic }, signal, onPart) =>
      each(await anthropic.messages.create({ ...MESSAGE, stream: true }, optional(signal)), onPart),
  },
  {
    name: 'gemini generateContentStream',
    events: 4,
    read: async ({ gemini }, signal, onPart) => {
      const config = signal === undefined ? {} : { abortSignal: signal }
      const asked = { model: 'gemini-2.5-flash', contents: 'Hello there', config }
      return each(await gemini.models.generateContentStream(asked), onPart)
    },
  },
]

export const HELPERS: readonly StreamReader[] = [
  {
    name: 'openai chat.completions.stream',
    events: 8,
    read: ({ openai }) => openai.chat.completions.stream(CHAT).finalMessage(),
  },
  {
    name: 'openai responses.stream',
    events: 12,
    read: ({ openai }) => openai.responses.stream(RESPONSE).finalResponse(),
  },
  {
    name: 'anthropic messages.stream',
    events: 10,
    read: ({ anthropic }) => anthropic.messages.stream(MESSAGE).finalMessage(),
  },
]

/** Answers in one piece, for the same faults. */
export const UNARY: readonly Omit<StreamReader, 'events'>[] = [
  { name: 'openai chat', read: ({ openai }, signal) => openai.chat.completions.create(CHAT, optional(signal)) },
  { name: 'openai responses', read: ({ openai }, signal) => openai.responses.create(RESPONSE, optional(signal)) },
  { name: 'anthropic messages', read: ({ anthropic }, signal) => anthropic.messages.create(MESSAGE, optional(signal)) },
  {
    name: 'gemini generateContent',
    read: ({ gemini }, signal) =>
      gemini.models.generateContent({
        model: 'gemini-2.5-flash',
        contents: 'Hello there',
        config: signal === undefined ? {} : { abortSignal: signal },
      }),
  },
]

async function each(parts: AsyncIterable<unknown>, onPart: (() => void) | undefined): Promise<unknown[]> {
  if (onPart === undefined) return collect(parts)
  const all: unknown[] = []
  for await (const part of parts) {
    all.push(part)
    onPart()
  }
  return all
}

function optional(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
