// What one request left behind: filled in while it is handled, handed to metrics and access log exactly once at its end.
import type { Dialect, Operation, PriceConfig } from '../../contract/sidecar-config.ts'
import type { FailureCode, FaultDomain } from '../errors.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import type { Usage } from '../stream/usage.ts'

export interface RequestRecord {
  /** Also sent as `x-outrigger-request-id`. */
  requestId: string
  /** Milliseconds on the monotonic clock (`performance.now()`). */
  startedAt: number
  method: string
  /** Endpoint pattern, never the raw path: bounded by our own tables. */
  operation: Operation | undefined
  dialect: Dialect | undefined
  stream: boolean
  /** `namespace/name` of the LLMRoute, undefined where none selects this pod. */
  route: string | undefined
  rule: string | undefined
  /** What the client asked for; log only, never a metric label. */
  requestedModel: string | undefined
  /** Provider id and configured model name of the last attempt; '' until one was chosen. `model` is a config value or ''. */
  provider: string
  model: string
  /** Name of the credential, never its value. */
  credential: string
  attempts: number
  /** Sent to the client; 499 when it left before anything was. */
  status: number
  /** Undefined when it went well. */
  failure: FailureCode | undefined
  fault: FaultDomain | undefined
  /** What lies behind a failure, for the application log; never shown to the caller. */
  cause: unknown
  /** Milliseconds from startedAt; undefined when no byte of an answer came. */
  firstByteMs: number | undefined
  durationMs: number
  bytesIn: number
  bytesOut: number
  usage: Usage | undefined
  /** Of the last attempt's model; undefined when it is unknown. */
  price: PriceConfig | undefined
  /** Undefined when usage or price is unknown. Integer, 1e-12 USD. */
  costPicoUsd: number | undefined
}

/** `nowMs` on the monotonic clock. */
export function createRecord(requestId: string, method: string, nowMs: number): RequestRecord {
  return {
    requestId,
    startedAt: nowMs,
    method,
    operation: undefined,
    dialect: undefined,
    stream: false,
    route: undefined,
    rule: undefined,
    requestedModel: undefined,
    provider: '',
    model: '',
    credential: '',
    attempts: 0,
    status: 0,
    failure: undefined,
    fault: undefined,
    cause: undefined,
    firstByteMs: undefined,
    durationMs: 0,
    bytesIn: 0,
    bytesOut: 0,
    usage: undefined,
    price: undefined,
    costPicoUsd: undefined,
  }
}

export function noteRequest(record: RequestRecord, request: DecodedRequest): void {
  record.operation = request.operation
  record.dialect = request.dialect
  record.stream = request.stream
  record.requestedModel = request.model
  record.bytesIn = request.body.length
}

/** Fills in what is known only at the end. `nowMs` on the monotonic clock. */
export function finishRecord(record: RequestRecord, nowMs: number, bytesOut: number): void {
  record.durationMs = nowMs - record.startedAt
  record.bytesOut = bytesOut
  if (record.usage !== undefined && record.price !== undefined) {
    record.costPicoUsd = costPicoUsd(record.usage, record.price)
  }
}

/** Exact as long as a request costs less than 2^53 pico-USD, which is 9,007 USD. */
function costPicoUsd(usage: Usage, price: PriceConfig): number {
  const uncached = Math.max(0, usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens)
  return (
    uncached * price.inputPicoUsd +
    usage.cachedInputTokens * price.cachedInputPicoUsd +
    usage.cacheWriteTokens * price.cacheWritePicoUsd +
    usage.outputTokens * price.outputPicoUsd
  )
}
