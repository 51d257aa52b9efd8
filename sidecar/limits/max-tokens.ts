// What a request itself says of how much may come back: its bound on output, and how many answers or images it asks for.
//
// Read by spans, so decode must have been asked for MAX_TOKENS_FIELDS; only these few bytes are parsed. It bounds what is reserved and
// is no policy: what is counted in the end is what the provider says, so nothing is passed by with a bound that is hidden or wrong.
import type { DecodedRequest } from '../request/decoded-request.ts'

/** Of Chat Completions, Completions and Messages; of Responses. */
const BOUNDS: ReadonlySet<string> = new Set(['max_tokens', 'max_completion_tokens', 'max_output_tokens'])
/** Answers of OpenAI's endpoints, images among them. */
const ANSWERS = 'n'

interface NestedNames {
  bounds: readonly string[]
  answers: readonly string[]
}

/** Gemini's servers take both spellings of a name. */
const GEMINI: NestedNames = {
  bounds: ['maxOutputTokens', 'max_output_tokens'],
  answers: ['candidateCount', 'candidate_count'],
}
/** Objects that hold them elsewhere: Gemini's, and Bedrock Converse's. */
const NESTED: ReadonlyMap<string, NestedNames> = new Map([
  ['generationConfig', GEMINI],
  ['generation_config', GEMINI],
  ['inferenceConfig', { bounds: ['maxTokens'], answers: [] }],
])

/** What decode must be asked for, besides its own fields. */
export const MAX_TOKENS_FIELDS: readonly string[] = [...BOUNDS, ANSWERS, ...NESTED.keys()]

type Asked = Pick<DecodedRequest, 'body' | 'fields'>

/**
 * The most output tokens that the request asks for, all its answers together; undefined where it sets no bound. Of several bounds the
 * largest: servers differ in which of them they know.
 */
export function maxTokensOf(request: Asked): number | undefined {
  let bound = 0
  let answers = 1
  for (const field of request.fields.spans.keys()) {
    if (BOUNDS.has(field)) bound = Math.max(bound, count(valueIn(request, field)))
    else if (field === ANSWERS) answers = Math.max(answers, count(valueIn(request, field)))
    const names = NESTED.get(field)
    if (names === undefined) continue
    const object = Object(valueIn(request, field)) as Record<string, unknown>
    bound = Math.max(bound, ...names.bounds.map((name) => count(object[name])))
    answers = Math.max(answers, ...names.answers.map((name) => count(object[name])))
  }
  return bound === 0 ? undefined : Math.min(bound * answers, Number.MAX_SAFE_INTEGER)
}

/** How many answers, or images, the request asks for in `n`; 1 where it says nothing. */
export function answersOf(request: Asked): number {
  return Math.max(1, count(valueIn(request, ANSWERS)))
}

/** Undefined for what is not there, or is no JSON. A form's field is text, and reads as JSON where it is a number. */
function valueIn({ body, fields }: Asked, field: string): unknown {
  const span = fields.spans.get(field)
  if (span === undefined) return undefined
  try {
    return JSON.parse(body.toString('utf8', span.start, span.end))
  } catch {
    return undefined
  }
}

/** 0 for what no provider takes: fractions, texts, 1e300. */
function count(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0
}
