// The rest of OpenAI's API that people send through a proxy: images, transcriptions, files, and the rerank endpoint that
// compatible servers offer. Nothing is stored: a file that is asked for by id exists.
import { type Answer, bodyOf, type Call, jsonAnswer, modelOf, secondsOf } from './call.ts'
import { plainUsage, tokensOf } from './completion.ts'
import { ProviderError } from './errors.ts'
import { type JsonObject, numberOf, objectOf, stringOf } from './json.ts'

/** A PNG of one transparent pixel. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='
const IMAGES_MAX = 10

export function answerImages(call: Call): Answer {
  const body = bodyOf(call)
  const prompt = stringOf(body.prompt)
  if (prompt === '') throw new ProviderError(400, "Missing required parameter: 'prompt'.", { param: 'prompt' })
  const count = Math.min(IMAGES_MAX, Math.max(1, numberOf(body.n) ?? 1))
  const input_tokens = tokensOf(prompt)
  const usage = { input_tokens, output_tokens: 16 * count, total_tokens: input_tokens + 16 * count }
  const data = Array.from({ length: count }, () => ({ b64_json: PIXEL }))
  return jsonAnswer({ created: secondsOf(call), data, usage }, plainUsage(input_tokens, 16 * count))
}

/** The transcript says what was sent: name and bytes of the file. */
export async function answerTranscriptions(call: Call): Promise<Answer> {
  const form = await formOf(call)
  const file = fileIn(form)
  const text = `You said: ${file.name}, ${file.size} bytes.`
  if (form.get('response_format') === 'text') {
    return { kind: 'unary', status: 200, contentType: 'text/plain; charset=utf-8', body: `${text}\n` }
  }
  const [input_tokens, output_tokens] = [Math.max(1, Math.ceil(file.size / 4)), tokensOf(text)]
  const total_tokens = input_tokens + output_tokens
  const usage = { type: 'tokens', input_tokens, output_tokens, total_tokens }
  return jsonAnswer({ text, usage }, plainUsage(input_tokens, output_tokens))
}

export function answerFileList(call: Call): Answer {
  const data = ['file-first', 'file-second'].map((id) => fileObject(call, id, `${id}.jsonl`, 120))
  return jsonAnswer({ object: 'list', data, first_id: 'file-first', last_id: 'file-second', has_more: false })
}

export async function answerFileUpload(call: Call): Promise<Answer> {
  const form = await formOf(call)
  const file = fileIn(form)
  const uploaded = fileObject(call, call.id('file-', 22), file.name, file.size)
  return jsonAnswer({ ...uploaded, purpose: form.get('purpose') ?? 'user_data' })
}

export function answerFile(call: Call): Answer {
  return jsonAnswer(fileObject(call, call.params.id ?? '', `${call.params.id}.jsonl`, 120))
}

export function answerRerank(call: Call): Answer {
  const body = bodyOf(call)
  const query = stringOf(body.query)
  const documents = Array.isArray(body.documents) ? body.documents.map(documentText) : []
  if (query === '' || documents.length === 0) throw new ProviderError(400, 'query and documents are required')
  const results = documents
    .map((document, index) => ({ index, relevance_score: relevance(query, document) }))
    .toSorted((a, b) => b.relevance_score - a.relevance_score || a.index - b.index)
    .slice(0, numberOf(body.top_n) ?? documents.length)
  const total_tokens = tokensOf(query + documents.join(''))
  const answer = { id: call.id('rerank-', 22), model: modelOf(call), results, usage: { total_tokens } }
  return jsonAnswer(answer, plainUsage(total_tokens))
}

async function formOf(call: Call): Promise<FormData> {
  const type = call.headers['content-type'] ?? ''
  try {
    return await new Response(new Uint8Array(call.bytes), { headers: { 'content-type': type } }).formData()
  } catch {
    throw new ProviderError(400, 'The body is not multipart/form-data.')
  }
}

function fileIn(form: FormData): File {
  const file = form.get('file')
  if (file instanceof File) return file
  throw new ProviderError(400, "Missing required parameter: 'file'.", { param: 'file' })
}

function fileObject(call: Call, id: string, filename: string, bytes: number): JsonObject {
  return { id, object: 'file', bytes, created_at: secondsOf(call), filename, purpose: 'batch', status: 'processed' }
}

function documentText(document: unknown): string {
  return typeof document === 'string' ? document : stringOf(objectOf(document).text)
}

/** The share of the query's words that the document contains. */
function relevance(query: string, document: string): number {
  const words = query.toLowerCase().split(/\W+/).filter(Boolean)
  const found = words.filter((word) => document.toLowerCase().includes(word))
  return words.length === 0 ? 0 : found.length / words.length
}
