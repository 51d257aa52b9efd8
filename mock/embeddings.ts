// Embeddings of OpenAI and Gemini: unit vectors that depend on the text alone, so that equal texts get equal vectors.
import { createHash } from 'node:crypto'
import { type Answer, bodyOf, type Call, jsonAnswer, modelOf } from './call.ts'
import { plainUsage, tokensOf } from './completion.ts'
import { ProviderError } from './errors.ts'
import { contentText, geminiJson } from './gemini.ts'
import { type JsonObject, numberOf, objectOf, objectsOf } from './json.ts'

const OPENAI_DIMENSIONS = 1536
const GEMINI_DIMENSIONS = 768
const DIMENSIONS_MAX = 4096

export function answerEmbeddings(call: Call): Answer {
  const body = bodyOf(call)
  const texts = inputsOf(body.input)
  if (texts.length === 0) throw new ProviderError(400, "Missing required parameter: 'input'.", { param: 'input' })
  const data = texts.map((text, index) => {
    const vector = vectorOf(text, numberOf(body.dimensions) ?? OPENAI_DIMENSIONS)
    const embedding = body.encoding_format === 'base64' ? base64Of(vector) : Array.from(vector)
    return { object: 'embedding', index, embedding }
  })
  const tokens = tokensOf(texts.join(''))
  const usage = { prompt_tokens: tokens, total_tokens: tokens }
  return jsonAnswer({ object: 'list', data, model: modelOf(call), usage }, plainUsage(tokens))
}

export function answerEmbedContent(call: Call): Answer {
  return geminiJson({ embedding: geminiEmbedding(bodyOf(call)) })
}

export function answerBatchEmbedContents(call: Call): Answer {
  return geminiJson({ embeddings: objectsOf(bodyOf(call).requests).map(geminiEmbedding) })
}

function geminiEmbedding(request: JsonObject): JsonObject {
  const dimensions = numberOf(request.outputDimensionality) ?? numberOf(objectOf(request.config).outputDimensionality)
  return { values: Array.from(vectorOf(contentText(request.content), dimensions ?? GEMINI_DIMENSIONS)) }
}

/** One text, several texts, one list of tokens, or several lists of tokens. */
function inputsOf(input: unknown): readonly string[] {
  if (typeof input === 'string') return [input]
  if (!Array.isArray(input)) return []
  if (input.every((item) => typeof item === 'number')) return input.length > 0 ? [input.join(' ')] : []
  return input.map((item) => (Array.isArray(item) ? item.join(' ') : String(item)))
}

function vectorOf(text: string, dimensions: number): Float32Array {
  let state = createHash('sha256').update(text).digest().readUInt32LE(0)
  const vector = new Float32Array(Math.min(DIMENSIONS_MAX, Math.max(1, Math.floor(dimensions))))
  for (const at of vector.keys()) {
    // A linear congruential generator (Numerical Recipes' constants): plenty for a vector that nobody searches.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    vector[at] = state / 2 ** 31 - 1
  }
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

/** OpenAI's base64 form: little-endian 32-bit floats. */
function base64Of(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64')
}
