// The models that each provider lists, in its own shape. Any other model is answered too, unless it begins with `unknown`.
import { type Answer, type Call, jsonAnswer } from './call.ts'
import { geminiJson } from './gemini.ts'
import type { JsonObject } from './json.ts'

/** 2026-01-01T00:00:00Z, in seconds. */
const RELEASED_AT = 1767225600

const OPENAI = [
  'gpt-5-mini',
  'gpt-5',
  'gpt-4o-mini',
  'text-embedding-3-small',
  'gpt-image-1',
  'gpt-4o-transcribe',
] as const
const ANTHROPIC = ['claude-sonnet-4-5', 'claude-haiku-4-5', 'claude-opus-4-5'] as const
const GEMINI = ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-embedding-001'] as const

export function answerOpenaiModels(): Answer {
  return jsonAnswer({ object: 'list', data: OPENAI.map(openaiModel) })
}

export function answerOpenaiModel(call: Call): Answer {
  return jsonAnswer(openaiModel(call.model))
}

export function answerAnthropicModels(): Answer {
  const data = ANTHROPIC.map(anthropicModel)
  return jsonAnswer({ data, has_more: false, first_id: ANTHROPIC[0], last_id: ANTHROPIC.at(-1) })
}

export function answerAnthropicModel(call: Call): Answer {
  return jsonAnswer(anthropicModel(call.model))
}

export function answerGeminiModels(): Answer {
  return geminiJson({ models: GEMINI.map(geminiModel) })
}

export function answerGeminiModel(call: Call): Answer {
  return geminiJson(geminiModel(call.model))
}

function openaiModel(id: string): JsonObject {
  return { id, object: 'model', created: RELEASED_AT, owned_by: 'system' }
}

function anthropicModel(id: string): JsonObject {
  const created_at = new Date(RELEASED_AT * 1000).toISOString()
  return { type: 'model', id, display_name: id, created_at, max_input_tokens: 200_000, max_tokens: 64_000 }
}

function geminiModel(id: string): JsonObject {
  return {
    name: `models/${id}`,
    version: '001',
    displayName: id,
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: ['generateContent', 'countTokens', 'embedContent'],
  }
}
