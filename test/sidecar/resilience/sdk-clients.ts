// The official SDKs before a sidecar, each holding the conversation that it is for.
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import type { Conversation } from './dialects.ts'

export interface SdkClients {
  readonly openai: OpenAI
  readonly anthropic: Anthropic
  readonly gemini: GoogleGenAI
}

/** `retries` undefined: as the SDKs come. Google's makes none unless it is told a number of attempts. */
export function createSdkClients(origin: string, retries: number | undefined): SdkClients {
  const apiKey = 'placeholder-of-the-application'
  const maxRetries = retries === undefined ? {} : { maxRetries: retries }
  const googleRetries = retries ? { retryOptions: { attempts: retries + 1 } } : {}
  return {
    openai: new OpenAI({ baseURL: `${origin}/v1`, apiKey, ...maxRetries }),
    anthropic: new Anthropic({ baseURL: origin, apiKey, ...maxRetries }),
    gemini: new GoogleGenAI({ apiKey, httpOptions: { baseUrl: origin, ...googleRetries } }),
  }
}

export interface SdkCalls {
  stream(clients: SdkClients, model: string, signal?: AbortSignal): Promise<AsyncIterable<unknown>>
  whole(clients: SdkClients, model: string, signal?: AbortSignal): Promise<unknown>
}

const USER = [{ role: 'user' as const, content: 'Hello there' }]

export const SDK_CALLS: Readonly<Record<Conversation['name'], SdkCalls>> = {
  chat: {
    stream: ({ openai }, model, signal) =>
      openai.chat.completions.create({ model, messages: USER, stream: true }, optional(signal)),
    whole: ({ openai }, model, signal) => openai.chat.completions.create({ model, messages: USER }, optional(signal)),
  },
  responses: {
    stream: ({ openai }, model, signal) =>
      openai.responses.create({ model, input: 'Hello there', stream: true }, optional(signal)),
    whole: ({ openai }, model, signal) => openai.responses.create({ model, input: 'Hello there' }, optional(signal)),
  },
  messages: {
    stream: ({ anthropic }, model, signal) =>
      anthropic.messages.create({ model, max_tokens: 100, messages: USER, stream: true }, optional(signal)),
    whole: ({ anthropic }, model, signal) =>
      anthropic.messages.create({ model, max_tokens: 100, messages: USER }, optional(signal)),
  },
  gemini: {
    stream: ({ gemini }, model, signal) => gemini.models.generateContentStream(googleRequest(model, signal)),
    whole: ({ gemini }, model, signal) => gemini.models.generateContent(googleRequest(model, signal)),
  },
}

/** Everything that an iterator yields; rejects with what it throws. */
export async function readAll(parts: Promise<AsyncIterable<unknown>>): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const part of await parts) all.push(part)
  return all
}

function googleRequest(model: string, signal: AbortSignal | undefined) {
  return { model, contents: 'Hello there', config: signal === undefined ? {} : { abortSignal: signal } }
}

function optional(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
