// Requests that official SDKs really sent, from recordings of live services.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { Refusal } from '../../../sidecar/errors.ts'
import { decode, fieldsToRead } from '../../../sidecar/request/decode.ts'

const FIXTURES = join(import.meta.dirname, '../../../../shared/fixtures')
const isThere = existsSync(join(FIXTURES, 'index.json'))
const recorded = isThere ? describe : describe.skip

interface Exchange {
  name: string
  path: string
  method: string
  headers: [string, string][]
  body: Record<string, unknown>
}

function exchanges(): Exchange[] {
  if (!isThere) return []
  const files = JSON.parse(readFileSync(join(FIXTURES, 'index.json'), 'utf8')) as { path: string }[]
  return files
    .filter(({ path }) => path.endsWith('.json'))
    .flatMap(({ path: name }) => {
      const { request } = JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')) as { request?: Exchange }
      return request === undefined ? [] : [{ ...request, name }]
    })
}

/** Every recorded path, less the query, is one of these. The group `model` is the path's; else the body names it. */
const PATHS: readonly [RegExp, string][] = [
  [/^\/v1\/messages$/, 'Anthropic Messages /v1/messages'],
  [/^\/v1\/messages\/count_tokens$/, 'Anthropic Messages /v1/messages/count_tokens'],
  [/^\/openai\/deployments\/(?<model>[^/]+)\/chat\/completions$/, 'OpenAI Chat /chat/completions'],
  [/^\/\/openai\/deployments\/(?<model>[^/]+)\/embeddings$/, 'OpenAI Embeddings /embeddings'],
  [/^\/openai\/v1\/chat\/completions$/, 'OpenAI Chat /chat/completions'],
  [/^\/openai\/v1\/responses$/, 'OpenAI Responses /responses'],
  [/^\/v1\/chat\/completions$/, 'OpenAI Chat /chat/completions'],
  [/^\/v1\/embeddings$/, 'OpenAI Embeddings /embeddings'],
  [/^\/v1\/responses$/, 'OpenAI Responses /responses'],
  [/^\/v1\/responses\/input_tokens$/, 'OpenAI Responses /responses/input_tokens'],
  [/^\/v1beta\/models\/(?<model>[^/:]+):generateContent$/, 'Gemini Chat /v1beta/models/{model}:generateContent'],
  [
    /^\/v1beta\/models\/(?<model>[^/:]+):streamGenerateContent$/,
    'Gemini Chat /v1beta/models/{model}:streamGenerateContent',
  ],
  [/^\/v1beta\/models\/(?<model>[^/:]+):countTokens$/, 'Gemini Chat /v1beta/models/{model}:countTokens'],
  [
    /^\/v1beta\/models\/(?<model>[^/:]+):batchEmbedContents$/,
    'Gemini Embeddings /v1beta/models/{model}:batchEmbedContents',
  ],
  [/^\/model\/(?<model>[^/]+)\/converse$/, 'Bedrock Chat /model/{model}/converse'],
  [/^\/model\/(?<model>[^/]+)\/count-tokens$/, 'Bedrock Chat /model/{model}/count-tokens'],
  // Vertex AI, and base URLs of other providers that are not served here.
  [/^\/v1(?:beta1)?\/projects\/.*:generateContent$/, 'unknown_path'],
  [/^\/api\/v1\/chat\/completions$/, 'unknown_path'],
  [/^\/responses$/, 'unknown_path'],
]

function decoded({ method, path, headers, body }: Exchange): unknown {
  try {
    const head = { method, target: path, rawHeaders: headers.flat() }
    const request = decode(head, Buffer.from(JSON.stringify(body)), fieldsToRead([]))
    const { dialect, operation, endpoint, model, stream } = request
    return { what: `${dialect} ${operation} ${endpoint}`, model, stream }
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

function expected({ path, body }: Exchange): unknown {
  const plain = path.replace(/\?.*/, '')
  const rows = PATHS.filter(([pattern]) => pattern.test(plain))
  expect({ path, rows: rows.length }).toEqual({ path, rows: 1 })
  const [pattern, what] = rows[0] ?? [/./, '']
  if (what === 'unknown_path') return what
  const model = pattern.exec(plain)?.groups?.model?.replaceAll('%3A', ':') ?? body.model
  return { what, model, stream: body.stream === true || plain.endsWith(':streamGenerateContent') }
}

recorded('recorded requests (skipped where the recordings are not there)', () => {
  test('are classified by path and headers, and their model and stream flag read', () => {
    const all = exchanges()
    expect(all.length).toBeGreaterThan(150)
    for (const exchange of all) {
      expect({ name: exchange.name, decoded: decoded(exchange) }).toEqual({
        name: exchange.name,
        decoded: expected(exchange),
      })
    }
  })
})
