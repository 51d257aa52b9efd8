// What one request left behind: filled in while it is handled, handed to metrics and access log exactly once at its end.
import type { PriceConfig } from '../../contract/limit-config.ts'
import type { Dialect, Operation } from '../../contract/sidecar-config.ts'
import type { FailureCode, FaultDomain } from '../errors.ts'
import type { Grant } from '../limits/grant.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import type { CircuitState } from '../standing/circuit-breaker.ts'
import type { Usage } from '../stream/usage.ts'
import { type AttemptRecord, finishAttempt } from './attempt-record.ts'
import { costPicoUsd } from './cost.ts'

/**
 * Backends that were passed over and are told; a route bounds the attempts that are sent to ten, so that there are sixteen tries
 * at most. What was sent is never left out: its usage counts.
 */
const SKIPPED_MAX = 6

/** The limit or budget that refused a request. */
export interface LimitedBy {
  /** Its id in the document: `route:shop/chat/fast/rpm`. */
  limit: string
  /** The values that it kept this count for, as text for people; '' where it keeps one for all. The access log cuts it short. */
  key: string
  /** How much it allows, for people: `600 requests in 1m`. */
  allows: string
}

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
  /** Why the backend of the last attempt was chosen; undefined until one was. */
  why: string | undefined
  /** Its circuit's state then; undefined until one was chosen. */
  circuit: CircuitState | undefined
  /** Sent to a provider. */
  attempts: number
  /** In order, backends that were passed over included. Filled by `addAttempt` and `addSkipped`. */
  tries: AttemptRecord[]
  /** Passed over, and not in `tries` for want of room. */
  skippedMore: number
  /** Sent to the client; 499 when it left before anything was. */
  status: number
  /** Undefined when it went well. */
  failure: FailureCode | undefined
  fault: FaultDomain | undefined
  /** What lies behind a failure, for the application log; never shown to the caller. */
  cause: unknown
  /** Milliseconds from startedAt to the first byte of the last attempt's answer; undefined when none came. Copied like `usage`. */
  firstByteMs: number | undefined
  durationMs: number
  bytesIn: number
  bytesOut: number
  /** Of the last attempt, as are price and cost; where there are tries, they say it and this is copied at the end. */
  usage: Usage | undefined
  /** Of the last attempt's model; undefined when it is unknown. */
  price: PriceConfig | undefined
  /** Undefined when usage or price is unknown. Integer, 1e-12 USD. */
  costPicoUsd: number | undefined
  /** Undefined unless a limit or budget is why it was refused. */
  limited: LimitedBy | undefined
  /** Ids of the limits and budgets in shadow mode that would have refused it. */
  shadowed: readonly string[]
  /** Of budgets that have passed one: `route:shop/chat/fast/month 80 %`. */
  warnings: readonly string[]
  /** Input and output that limits held for the last attempt before it was sent; undefined where none counts tokens. Usage settles it. */
  reservedTokens: number | undefined
}

/** Shared, so that a request without any costs nothing. */
const NONE: readonly string[] = Object.freeze([])

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
    why: undefined,
    circuit: undefined,
    attempts: 0,
    tries: [],
    skippedMore: 0,
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
    limited: undefined,
    shadowed: NONE,
    warnings: NONE,
    reservedTokens: undefined,
  }
}

export function noteRequest(record: RequestRecord, request: DecodedRequest): void {
  record.operation = request.operation
  record.dialect = request.dialect
  record.stream = request.stream
  record.requestedModel = request.model
  record.bytesIn = request.body.length
}

/** What its limits told besides the go-ahead. */
export function noteGrant(record: RequestRecord, { warnings, shadowed }: Pick<Grant, 'warnings' | 'shadowed'>): void {
  if (shadowed.length > 0) record.shadowed = [...new Set([...record.shadowed, ...shadowed.map(({ row }) => row.id)])]
  if (warnings.length === 0) return
  record.warnings = [...new Set([...record.warnings, ...warnings.map(({ row, percent }) => `${row.id} ${percent} %`)])]
}

/** An attempt that is about to be sent: from here on the request is where it went. */
export function addAttempt(record: RequestRecord, attempt: AttemptRecord): void {
  record.tries.push(attempt)
  record.attempts++
  record.provider = attempt.provider
  record.model = attempt.model
  record.credential = attempt.credential
  record.price = attempt.price
  record.why = attempt.why
  record.circuit = attempt.circuit
}

/** When its first attempt was sent, which is where the total timeout begins; monotonic milliseconds. */
export function firstSentAt({ tries, startedAt }: RequestRecord): number {
  return tries.find(({ outcome }) => outcome !== 'Skipped')?.startedAt ?? startedAt
}

/** A backend that was passed over. */
export function addSkipped(record: RequestRecord, skipped: AttemptRecord): void {
  if (record.tries.length - record.attempts < SKIPPED_MAX) record.tries.push(skipped)
  else record.skippedMore++
}

/** Fills in what is known only at the end. `nowMs` on the monotonic clock. */
export function finishRecord(record: RequestRecord, nowMs: number, bytesOut: number): void {
  record.durationMs = nowMs - record.startedAt
  record.bytesOut = bytesOut
  if (record.attempts === 0 || record.tries.length === 0) {
    record.costPicoUsd = costPicoUsd(record.usage, record.price)
    return
  }
  for (const attempt of record.tries) {
    if (attempt.outcome === 'Skipped') continue
    // Whoever broke the request off need not know of its attempt.
    finishAttempt(attempt, record.failure ?? 'Answered', nowMs)
    attempt.costPicoUsd = costPicoUsd(attempt.usage, attempt.price, attempt.models)
    copyAttempt(record, attempt)
  }
}

/** The last one stays. */
function copyAttempt(record: RequestRecord, attempt: AttemptRecord): void {
  record.usage = attempt.usage
  record.costPicoUsd = attempt.costPicoUsd
  record.firstByteMs =
    attempt.firstByteMs === undefined ? undefined : attempt.startedAt + attempt.firstByteMs - record.startedAt
}
