// One attempt: a credential is chosen, the request is written for its provider, and the answer is relayed. The only place
// where the key meets the request, and it goes straight to the provider's socket.
import type { Adopted } from './config/configuration.ts'
import type { Exchange } from './listen/exchange.ts'
import { type PreparedRequest, prepare } from './providers/prepare.ts'
import type { ResponseHeaderFilter } from './providers/response-headers.ts'
import { Relay } from './relay.ts'
import type { DecodedRequest } from './request/decoded-request.ts'
import type { Attempt } from './request/route.ts'
import type { RequestRecord } from './telemetry/request-record.ts'
import type { WireRequest } from './upstream/call.ts'
import type { Credential } from './upstream/credentials.ts'
import { DecodingSink } from './upstream/decoding-sink.ts'
import type { Upstream } from './upstream/upstream.ts'

export interface AttemptDeps {
  upstream: Upstream
  responseHeaders: ResponseHeaderFilter
  random(): number
  /** Monotonic milliseconds. */
  now(): number
}

export interface AttemptContext {
  exchange: Exchange
  adopted: Adopted
  request: DecodedRequest
  record: RequestRecord
}

/** Resolves when the answer was relayed or visibly broken off; throws or rejects with a Refusal while nothing was sent. */
export function makeAttempt(attempt: Attempt, context: AttemptContext, deps: AttemptDeps): Promise<void> {
  const { exchange, adopted, request, record } = context
  const credential = adopted.credentials.pick(attempt.provider, deps.random)
  noteAttempt(record, attempt, credential.name)
  const prepared = prepare(request, attempt)
  const relay = new Relay({
    exchange,
    request,
    record,
    scrubber: credential.scrubber,
    responseHeaders: deps.responseHeaders,
    usageStripping: prepared.usageStripping,
    now: deps.now,
  })
  const sink = new DecodingSink(relay)
  sink.call = deps.upstream.send(attempt.provider, wire(prepared, credential), attempt.timeouts, sink)
  return relay.follow(sink)
}

export function noteAttempt(record: RequestRecord, { provider, model }: Attempt, credential: string): void {
  record.attempts++
  record.provider = provider.id
  // A name that came with the request is no label.
  record.model = model?.source === 'Config' ? model.name : ''
  record.price = model?.price
  record.credential = credential
}

function wire(prepared: PreparedRequest, credential: Credential): WireRequest {
  const { method, target, headers, body, bodyBytes, provider } = prepared
  // RFC 9110 §8.6: a length of 0 is sent only for methods that anticipate a body.
  const length = bodyBytes > 0 || method === 'POST' || method === 'PUT' || method === 'PATCH'
  const head =
    `${method} ${target} HTTP/1.1\r\nhost: ${provider.base.authority}\r\n` +
    `${headers}${credential.headerLine()}${length ? `content-length: ${bodyBytes}\r\n` : ''}\r\n`
  return { method, head, body }
}
