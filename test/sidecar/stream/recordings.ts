// Recorded answers as bodies on the wire, each with the kind of reader that it is for.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Dialect, Operation } from '../../../contract/sidecar-config.ts'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..')
/** Recorded provider traffic, kept beside the repository because of its size and licences. */
export const RECORDINGS = join(ROOT, '../shared/fixtures')
export const HAS_RECORDINGS = existsSync(RECORDINGS)

/** Bedrock's streams are of frames: see bedrock-recordings.ts. */
type TextDialect = Exclude<Dialect, 'Bedrock'>

export interface Recording {
  name: string
  dialect: TextDialect
  operation: Operation
  body: Buffer
}

/** Every streamed body among the recordings, those with errors and those that end too early included. */
export function recordedStreams(): Recording[] {
  return [
    ...streamsIn('openai-chat', ['stream', 'error', 'truncated'], 'OpenAI', 'Chat'),
    ...streamsIn('azure-openai', ['stream'], 'OpenAI', 'Chat'),
    ...streamsIn('azure-openai', ['responses-stream'], 'OpenAI', 'Responses'),
    ...streamsIn('openai-responses', ['stream', 'error', 'truncated'], 'OpenAI', 'Responses'),
    ...streamsIn('anthropic-messages', ['stream', 'error', 'truncated'], 'Anthropic', 'Messages'),
    ...streamsIn('gemini', ['stream', 'error', 'truncated'], 'Gemini', 'Chat'),
    ...exchanges('text/event-stream'),
  ]
}

/** Every JSON body among the recordings, errors and token counts included. */
export function recordedAnswers(): Recording[] {
  return [
    ...answersIn('openai-chat', ['unary', 'error'], 'OpenAI', 'Chat'),
    ...answersIn('azure-openai', ['responses-unary'], 'OpenAI', 'Responses'),
    ...answersIn('openai-responses', ['unary', 'error'], 'OpenAI', 'Responses'),
    ...answersIn('openai-embeddings', ['unary'], 'OpenAI', 'Embeddings'),
    ...answersIn('anthropic-messages', ['unary', 'error'], 'Anthropic', 'Messages'),
    ...answersIn('gemini', ['unary', 'error'], 'Gemini', 'Chat'),
    ...exchanges('application/json'),
  ]
}

/** The small fixtures of this repository: `streams/<dialect>-<name>.sse`. */
export function ownStreams(): Recording[] {
  const folder = join(ROOT, 'test/fixtures/streams')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sse'))
    .map((file) => ({ name: file, ...kindOf(file), body: readFileSync(join(folder, file)) }))
}

function kindOf(name: string): { dialect: TextDialect; operation: Operation } {
  if (name.startsWith('openai-responses')) return { dialect: 'OpenAI', operation: 'Responses' }
  if (name.startsWith('openai-embeddings')) return { dialect: 'OpenAI', operation: 'Embeddings' }
  if (name.startsWith('openai') || name.startsWith('azure')) return { dialect: 'OpenAI', operation: 'Chat' }
  if (name.startsWith('anthropic')) return { dialect: 'Anthropic', operation: 'Messages' }
  return { dialect: 'Gemini', operation: 'Chat' }
}

function files(folder: string, kinds: string[], endings: RegExp): string[] {
  return kinds.flatMap((kind) =>
    readdirSync(join(RECORDINGS, folder, kind))
      .filter((file) => endings.test(file))
      .map((file) => join(folder, kind, file)),
  )
}

function streamsIn(folder: string, kinds: string[], dialect: TextDialect, operation: Operation): Recording[] {
  return files(folder, kinds, /\.(sse|chunks\.txt)$/)
    .filter((file) => !basename(file).startsWith('stream-requested-'))
    .flatMap((file) => {
      const bytes = readFileSync(join(RECORDINGS, file))
      if (file.endsWith('.sse')) return [{ name: file, dialect, operation, body: bytes }]
      const bodies = framed(bytes.toString(), dialect, operation)
      return bodies.map((body, index) => ({
        name: bodies.length === 1 ? file : `${file} (${index + 1} of ${bodies.length})`,
        dialect,
        operation,
        body: Buffer.from(body),
      }))
    })
}

/** Frames payload lines as the dialect does, one body per answer. */
function framed(text: string, dialect: TextDialect, operation: Operation): string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (dialect === 'Gemini') return [lines.map((line) => `data: ${line}\r\n\r\n`).join('')]
  if (operation === 'Chat') return [`${lines.map((line) => `data: ${line}\n\n`).join('')}data: [DONE]\n\n`]
  const bodies: string[] = []
  for (const line of lines) {
    const { type } = JSON.parse(line) as { type: string }
    if (type === 'message_start' || type === 'response.created' || bodies.length === 0) bodies.push('')
    bodies.push(`${bodies.pop()}event: ${type}\ndata: ${line}\n\n`)
  }
  return bodies
}

function answersIn(folder: string, kinds: string[], dialect: TextDialect, operation: Operation): Recording[] {
  return files(folder, kinds, /(?<!\.exchange)\.json$/).map((file) => ({
    name: file,
    dialect,
    operation,
    body: readFileSync(join(RECORDINGS, file)),
  }))
}

export interface RecordedError {
  name: string
  dialect: Dialect
  status: number
  rawHeaders: string[]
  body: Buffer
}

/** Every error that came as an answer of its own, whatever its status and label. */
export function recordedErrors(): RecordedError[] {
  const folders = [
    'anthropic-messages',
    'azure-openai',
    'gemini',
    'openai-chat',
    'openai-embeddings',
    'openai-responses',
  ]
  return folders.flatMap((folder) =>
    files(folder, ['error'], /^(?!in-stream-).*\.(json|html|sse)$/).map((name) => {
      const { dialect } = kindOf(folder)
      const bytes = readFileSync(join(RECORDINGS, name))
      if (!name.endsWith('.exchange.json')) {
        const status = Number(/(?<!\d)\d{3}(?=-)/.exec(basename(name))?.[0])
        return { name, dialect, status, rawHeaders: [], body: bytes }
      }
      const { response } = JSON.parse(bytes.toString()) as Exchange
      const body = Buffer.from(response.body)
      return { name, dialect, status: response.status, rawHeaders: response.headers.flat(), body }
    }),
  )
}

interface Exchange {
  request: { path: string }
  response: { status: number; headers: [string, string][]; body: string }
}

function exchanges(contentType: string): Recording[] {
  const folders = [
    'openai-chat',
    'azure-openai',
    'openai-responses',
    'openai-embeddings',
    'anthropic-messages',
    'gemini',
  ]
  return folders.flatMap((folder) =>
    files(folder, ['exchange'], /\.json$/).flatMap((file) => {
      const { request, response } = JSON.parse(readFileSync(join(RECORDINGS, file), 'utf8')) as Exchange
      const type = response.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? ''
      if (!type.startsWith(contentType)) return []
      const kind = request.path.includes('/responses') ? kindOf('openai-responses') : kindOf(folder)
      return [{ name: file, ...kind, body: Buffer.from(response.body) }]
    }),
  )
}
