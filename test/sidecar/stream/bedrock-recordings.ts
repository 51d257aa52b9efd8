// Recorded streams of Bedrock's, as bodies on the wire, and what each says, read in the most straightforward way.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Usage } from '../../../sidecar/stream/usage.ts'

/** Kept beside the repository because of their size and licences. */
const RECORDINGS = join(import.meta.dirname, '../../../../shared/fixtures')
const STREAMS = join(RECORDINGS, 'bedrock-eventstream')
export const HAS_BEDROCK_RECORDINGS = existsSync(STREAMS)

export interface BedrockRecording {
  name: string
  body: Buffer
}

export function bedrockStreams(): BedrockRecording[] {
  if (!HAS_BEDROCK_RECORDINGS) return []
  return ['converse-stream', 'invoke-stream', 'error', 'truncated'].flatMap((kind) =>
    readdirSync(join(STREAMS, kind)).map((file) => ({
      name: `${kind}/${file.replace('.eventstream.base64.txt', '')}`,
      body: Buffer.from(readFileSync(join(STREAMS, kind, file), 'latin1'), 'base64'),
    })),
  )
}

export interface Vector {
  name: string
  bytes: Buffer
  /** Of a sound one; those whose type is string are what is read. */
  headers: { name: string; type: string; value: unknown }[]
  payload: Buffer
}

export function frameVectors(file: 'frames-valid' | 'frames-corrupt'): Vector[] {
  if (!HAS_BEDROCK_RECORDINGS) return []
  const vectors = JSON.parse(readFileSync(join(STREAMS, 'vectors', `${file}.json`), 'utf8')) as {
    name: string
    hex: string
    headers?: Vector['headers']
    payloadHex?: string
  }[]
  return vectors.map(({ name, hex, headers = [], payloadHex = '' }) => {
    return { name, headers, bytes: Buffer.from(hex, 'hex'), payload: Buffer.from(payloadHex, 'hex') }
  })
}

/** Answers of Converse that are one document. */
export function converseAnswers(): BedrockRecording[] {
  if (!HAS_BEDROCK_RECORDINGS) return []
  return ['unary', 'exchange'].flatMap((kind) =>
    readdirSync(join(RECORDINGS, 'bedrock-converse', kind)).flatMap((file) => {
      const bytes = readFileSync(join(RECORDINGS, 'bedrock-converse', kind, file))
      const name = `${kind}/${file}`
      if (kind === 'unary') return [{ name, body: bytes }]
      const { response } = JSON.parse(bytes.toString()) as { response: { body: string } }
      return [{ name, body: Buffer.from(response.body) }]
    }),
  )
}

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON, looked into freely by the reference only
type Json = any

/** What a body of whole frames says; shares no code with the readers. */
export interface BedrockReference {
  /** Byte offsets behind each frame. */
  ends: number[]
  /** Byte offset at which the answer is whole; undefined when it never is. */
  wholeAt: number | undefined
  usage: Usage | undefined
  /** `:exception-type`, or the word of an error in a chunk. */
  error: string | undefined
}

export function readBedrockReference(body: Buffer): BedrockReference {
  const frames = split(body)
  const metered = frames.find(({ json }) => json.metrics || json['amazon-bedrock-invocationMetrics'])
  const stopped = frames.find(({ type, json }) => type === 'messageStop' || 'amazon-bedrock-invocationMetrics' in json)
  const [start, delta] = [frames.find(({ json }) => json.message?.usage), frames.findLast(({ json }) => json.usage)]
  const own = metered?.json.usage ?? metered?.json['amazon-bedrock-invocationMetrics']
  return {
    ends: frames.map(({ end }) => end),
    wholeAt: metered && stopped && metered.end,
    usage: own ? plainUsage(own) : start && plainUsage({ ...start.json.message.usage, ...delta?.json.usage }),
    error: frames.flatMap(({ exception, json }) => exception ?? json.error?.type ?? [])[0],
  }
}

/** Usage of the provider's own object. */
export function plainUsage(u: Json): Usage {
  const cached = u.cacheReadInputTokens ?? 0
  const written = u.cacheWriteInputTokens ?? 0
  return {
    inputTokens: (u.inputTokens ?? u.inputTokenCount ?? u.input_tokens) + cached + written,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    outputTokens: u.outputTokens ?? u.outputTokenCount ?? u.output_tokens,
    reasoningTokens: 0,
  }
}

interface Piece {
  end: number
  type: string | undefined
  exception: string | undefined
  /** The payload, or what is in a chunk. */
  json: Json
}

function split(body: Buffer): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < body.length; ) {
    const end = at + body.readUInt32BE(at)
    const payloadAt = at + 12 + body.readUInt32BE(at + 4)
    const head = body.toString('latin1', at + 12, payloadAt)
    const value = (name: string) => new RegExp(`${name}\x07[\\s\\S]{2}(\\w+)`).exec(head)?.[1]
    const payload = JSON.parse(body.toString('utf8', payloadAt, end - 4))
    const json = payload.bytes ? JSON.parse(Buffer.from(payload.bytes, 'base64').toString()) : payload
    pieces.push({ end, type: value(':event-type'), exception: value(':exception-type'), json })
    at = end
  }
  return pieces
}
