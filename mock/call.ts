// What passes between the server and a dialect: a Call goes in, an Answer comes out. A dialect does no I/O and knows no
// behaviour that concerns the transport; deliver.ts turns an Answer into bytes on a socket.
import type { IncomingHttpHeaders } from 'node:http'
import type { Behaviour } from './behaviours.ts'
import type { Usage } from './completion.ts'
import { ProviderError } from './errors.ts'
import { type JsonObject, objectsOf, stringOf } from './json.ts'

export type Dialect = 'openai' | 'azure' | 'anthropic' | 'gemini'

export interface Call {
  readonly dialect: Dialect
  readonly url: URL
  /** What the `{names}` of the endpoint's path matched, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  /** Undefined when the body is not a JSON object. */
  readonly json: JsonObject | undefined
  /** From the path or the body; empty when the request names none. */
  readonly model: string
  readonly behaviour: Behaviour
  /** Milliseconds since the epoch. */
  readonly nowMs: number
  /** A new id: the prefix and `length` letters and digits. The same run of requests gets the same ids. */
  readonly id: (prefix: string, length: number) => string
}

/** What the ledger has to know of a part of an answer. */
export interface Accounted {
  /** What the answer has used so far, where this part tells the client of it. */
  readonly told?: Usage
  /** What the model wrote in it. */
  readonly wrote?: string
}

/** A part of an answer before it is framed. */
export interface Piece extends Accounted {
  readonly json: JsonObject
}

/** A part of a stream, framed and ready to send. */
export interface StreamEvent extends Accounted {
  readonly text: string
}

export interface UnaryAnswer {
  readonly kind: 'unary'
  readonly status: number
  /** Undefined: none is sent, as Azure does for an unknown deployment. */
  readonly contentType: string | undefined
  readonly body: string
  /** The usage in it; undefined where it tells none. */
  readonly told?: Usage
}

export interface StreamAnswer {
  readonly kind: 'stream'
  readonly contentType: string
  /** Drawn one at a time, so that a long stream is never held whole. */
  readonly events: Iterable<StreamEvent>
  /** Frames an error body of the dialect so that its SDKs raise it. `sent`: the events that went out before. */
  readonly frameError: (error: JsonObject, sent: number) => string
}

export type Answer = UnaryAnswer | StreamAnswer

/** The JSON body. Throws ProviderError (400) when there is none. */
export function bodyOf(call: Call): JsonObject {
  if (call.json) return call.json
  throw new ProviderError(400, 'We could not parse the JSON body of your request. It must be one valid JSON object.')
}

/** The model. Throws ProviderError (400) when the request names none. */
export function modelOf(call: Call): string {
  if (call.model !== '') return call.model
  throw new ProviderError(400, 'you must provide a model parameter', { param: 'model' })
}

/** Of a message, an instruction or a tool's result, in the dialects of OpenAI and Anthropic: a string, or parts of which some are text. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  return objectsOf(content)
    .map((part) => stringOf(part.text))
    .join('')
}

/** `told`: the usage in it, if any. */
export function jsonAnswer(value: unknown, told?: Usage): UnaryAnswer {
  const body = JSON.stringify(value, null, 2)
  return { kind: 'unary', status: 200, contentType: 'application/json', body, ...(told && { told }) }
}

export function secondsOf(call: Call): number {
  return Math.floor(call.nowMs / 1000)
}

/** One server-sent event; `name` only where the dialect uses names. */
export function serverSentEvent(data: unknown, name?: string): string {
  const line = `data: ${JSON.stringify(data)}\n\n`
  return name === undefined ? line : `event: ${name}\n${line}`
}
