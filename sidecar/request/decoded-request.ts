// What decode reads off a request, and all that route and the providers need of it.
import type { Dialect, Operation } from '../../contract/sidecar-config.ts'
import type { RequestHead } from './head.ts'

export interface DecodedRequest {
  head: RequestHead
  /** Who is asking; decides the shape of errors and of streams. */
  dialect: Dialect
  operation: Operation
  /**
   * How the client addressed it: `Standard` is the dialect's own path (`/openai/v1/…` included), `Azure` the deployments
   * path of an Azure client, or what it sends to `/openai/…` with an `api-version`.
   */
  addressing: 'Standard' | 'Azure'
  /**
   * The path below the dialect's base URL without query and without what names the model:
   * OpenAI `/chat/completions` (client sent `/v1/chat/completions` or `/openai/deployments/d/chat/completions`),
   * Anthropic `/v1/messages`, Gemini `/v1beta/models/{model}:generateContent` with the literal `{model}`, also for
   * `tunedModels/…`, which is then part of the model's name, Bedrock `/model/{model}/converse`.
   */
  endpoint: string
  /**
   * Query without the leading `?` and without credentials (`key`); '' when there is none. A realtime model in it stands as
   * the literal `model={model}` (Azure also `deployment={model}`).
   */
  query: string
  /**
   * Undefined for requests that name none (files, batches, lists). A model in path or query wins; one that the body names
   * besides has a span in `fields` and must be replaced, so that the provider cannot read another.
   */
  model: string | undefined
  /** The client asked for a streamed answer. */
  stream: boolean
  /** As it will be edited and sent: identity encoding, one spelling of every key. */
  body: Buffer
  /** Where the body holds what may be read or replaced. */
  fields: BodyFields
}

/** Byte ranges in `body` of top-level fields; each is [start, end) of the value as it stands there, quotes included. */
export interface BodyFields {
  format: 'json' | 'multipart' | 'opaque'
  /** Where a new field goes in: just behind the opening `{`, or before a form's first part. -1 for an opaque body. */
  insertAt: number
  /** True for `{}`: an inserted field needs no comma behind it. */
  empty: boolean
  /** Only the fields asked for (`model`, `stream`, `stream_options`, and those that rules set). */
  spans: ReadonlyMap<string, Span>
}

export interface Span {
  start: number
  end: number
}
