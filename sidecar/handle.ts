// THE STORY of one request: accept → decode → route → admit → attempts → relay → record.
//
// In: an exchange, which hides the client's socket. Out: a reply on it, and exactly one record, on every path. Each stage
// is a function elsewhere; this file only says in which order they happen and where every failure ends. It knows no
// dialect, no provider and no socket, and it keeps the configuration that the request began with.
//
// Stages throw a Refusal for what the caller must hear; anything else that is thrown is a fault of ours. Both become a
// response in `refuse`, once. Failover and retries happen within the attempts. Once an answer has begun, its attempt ends it
// visibly by itself, and throws only when the client has left, which nobody can be told.
import type { Allowance } from './attempt/allowance.ts'
import type { AttemptsContext } from './attempt/attempts.ts'
import type { Adopted } from './config/configuration.ts'
import { Refusal } from './errors.ts'
import type { Exchange } from './listen/exchange.ts'
import { type GateOptions, gate } from './listen/gate.ts'
import { refuse, replyWith } from './listen/refuse.ts'
import { decode } from './request/decode.ts'
import type { DecodedRequest } from './request/decoded-request.ts'
import { modelsList } from './request/models-list.ts'
import { type Choice, route } from './request/route.ts'
import type { Recorder } from './telemetry/recorder.ts'
import { noteRequest, type RequestRecord } from './telemetry/request-record.ts'

export interface Deps {
  /** Hosts and origins that are served. */
  allowed: GateOptions
  /** The configuration in force; undefined until a first document was adopted. */
  current(): Adopted | undefined
  /** Takes what the request counts as from its limits; throws or rejects with a Refusal where there is no room. */
  admit(choice: Choice, request: DecodedRequest, record: RequestRecord): Allowance | Promise<Allowance>
  /** Resolves when the answer was relayed or visibly broken off; rejects with a Refusal while nothing was sent. */
  attempts(choice: Choice, context: AttemptsContext): Promise<void>
  recorder: Recorder
}

export async function handle(exchange: Exchange, deps: Deps): Promise<void> {
  const record = deps.recorder.begin(exchange)
  try {
    gate(exchange.head, deps.allowed)
    const adopted = deps.current()
    if (adopted === undefined) throw new Refusal('not_configured')
    const { runtime } = adopted

    const body = await exchange.readBody()
    const request = decode(exchange.head, body, runtime.readFields)
    noteRequest(record, request)

    if (request.operation === 'Models') {
      replyWith(exchange, record, modelsList(runtime, request))
      return
    }
    const choice = route(runtime, request)
    record.route = choice.route
    record.rule = choice.rule
    const allowance = await deps.admit(choice, request, record)
    try {
      await deps.attempts(choice, { exchange, adopted, request, record, allowance })
    } finally {
      allowance.release()
    }
  } catch (error) {
    refuse(exchange, error, record)
  } finally {
    deps.recorder.end(record, exchange.bytesOut)
  }
}
