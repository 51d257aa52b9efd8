// One attempt, written the way its provider wants it.
//
// In: a decoded request and an attempt of its plan. Out: request line, headers and body for the wire, without the key,
// which the sender adds last and nobody else sees. Bytes that need no change are the client's own Buffer, never a copy.
// Everything that differs between providers is in rows.ts; what must not reach a provider is in headers.ts. It never
// sends, and never asks what kind of provider it has before it.

import type { Provider } from '../config/runtime.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import { type BodyEdit, editBody, streamUsageEdit } from '../request/edit-body.ts'
import type { Attempt } from '../request/route.ts'
import { headerBlock } from './headers.ts'
import { withoutParameter } from './rows.ts'

export interface PreparedRequest {
  readonly provider: Provider
  readonly method: string
  /** Path and query of the request line. */
  readonly target: string
  /** `name: value\r\n` lines in latin1, without host, content-length and the key. */
  readonly headers: string
  /** Empty for no body. */
  readonly body: readonly Buffer[]
  readonly bodyBytes: number
  /** `Strip`: usage was asked for in the client's stead, and its stream must not show it. */
  readonly usageStripping: 'Strip' | 'Keep'
}

/** Throws Refusal `model_not_found` when no path of the provider can name the model. */
export function prepare(request: DecodedRequest, attempt: Attempt): PreparedRequest {
  const { provider } = attempt
  const usage = provider.config.streamUsage === 'Requested' ? streamUsageEdit(request) : undefined
  const body = editedBody(request, attempt, usage?.edit)
  let bodyBytes = 0
  for (const part of body) bodyBytes += part.length
  return {
    provider,
    method: request.head.method,
    target: targetOf(request, attempt),
    headers: headerBlock(request.head.rawHeaders, provider.headers),
    body,
    bodyBytes,
    usageStripping: usage === undefined || usage.clientAsked ? 'Keep' : 'Strip',
  }
}

/** The header line, CRLF included, that carries `key`, which is visible ASCII: who reads keys has checked. */
export function authenticate(provider: Provider, key: string): string {
  const { name, value } = provider.row.keyHeader(key)
  return `${name}: ${value}\r\n`
}

/** Path and query for the provider. Throws Refusal `model_not_found` when no path can name the model. */
export function targetOf(request: DecodedRequest, { provider, model }: Attempt): string {
  return provider.row.target({
    basePath: provider.base.path,
    apiVersion: provider.config.apiVersion,
    endpoint: request.endpoint,
    // An Azure client's api-version means nothing to others, and Azure's row adds the configured one.
    query: request.addressing === 'Azure' ? withoutParameter(request.query, 'api-version') : request.query,
    model: model?.upstreamName,
  })
}

const NO_BODY: readonly Buffer[] = []

function editedBody(request: DecodedRequest, attempt: Attempt, usageEdit: BodyEdit | undefined): readonly Buffer[] {
  if (request.body.length === 0) return NO_BODY
  const modelEdit = modelEditOf(request, attempt)
  if (modelEdit === undefined && usageEdit === undefined && attempt.backend.edits.length === 0) return [request.body]
  const edits = [...attempt.backend.edits]
  if (modelEdit !== undefined) edits.push(modelEdit)
  if (usageEdit !== undefined) edits.push(usageEdit)
  return editBody(request, edits)
}

/** Undefined when the model stands in the path, or is the right one already. */
function modelEditOf(request: DecodedRequest, { model }: Attempt): BodyEdit | undefined {
  if (model === undefined || request.endpoint.includes('{model}')) return undefined
  // An Azure client names the model in the path, which decides: its body may name another one, or none.
  if (request.addressing === 'Standard' && model.upstreamName === request.model) return undefined
  return { kind: 'set', field: 'model', value: Buffer.from(JSON.stringify(model.upstreamName)) }
}
