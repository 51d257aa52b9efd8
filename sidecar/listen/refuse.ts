// The one place where an error becomes a response: in the client's dialect, with the status and headers that make its SDK
// do the right thing, and without anything that the caller should not see.
import { STATUS_CODES } from 'node:http'
import { HEADER_REASON, HEADER_REQUEST_ID } from '../../contract/names.ts'
import type { Dialect } from '../../contract/sidecar-config.ts'
import { type FailureCode, Refusal } from '../errors.ts'
import { addWhoAnswered } from '../providers/response-headers.ts'
import { dialectOf } from '../request/endpoints.ts'
import type { RequestHead } from '../request/head.ts'
import type { Recorder } from '../telemetry/recorder.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'
import { limitHeaders } from '../translate/limit-headers.ts'
import { refusalBody } from '../translate/refusal.ts'
import type { Exchange } from './exchange.ts'

/** Seconds; what is told for conditions that pass by themselves within moments. */
const RETRY_AFTER: ReadonlyMap<FailureCode, string> = new Map([
  ['not_configured', '1'],
  ['overloaded', '1'],
  ['shutting_down', '1'],
])

const RETRY_AFTER_MAX_S = 60

/** Answers with the error unless an answer has begun or the client has left; notes it in the record in any case. */
export function refuse(exchange: Exchange, error: unknown, record: RequestRecord): void {
  const refusal = noteFailure(record, error)
  // Otherwise the status that was sent stays in the record.
  if (!exchange.begun) record.status = refusal.failure.status
  if (refusal.code === 'client_closed') return
  if (exchange.begun) return exchange.break()
  const { status, headers, body } = refusalReply(exchange.head, refusal, exchange.requestId)
  // Who was asked in vain.
  if (record.attempts > 0) addWhoAnswered(headers, record)
  exchange.reply(status, headers, body)
}

/** Records a request that was answered before it became an exchange. */
export function recordRefused(
  recorder: Recorder,
  request: Pick<Exchange, 'requestId' | 'head'>,
  refusal: Refusal,
  bytesOut: number,
): void {
  const record = recorder.begin(request)
  noteFailure(record, refusal)
  record.status = refusal.failure.status
  recorder.end(record, bytesOut)
}

/** Whatever was thrown, as what the caller may see. */
export function noteFailure(record: RequestRecord, error: unknown): Refusal {
  const refusal = error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error })
  record.failure = refusal.code
  record.fault = refusal.failure.fault
  record.cause = refusal.cause
  return refusal
}

/** Sends an answer of Outrigger's own. */
export function replyWith(
  exchange: Exchange,
  record: RequestRecord,
  { status, body }: { status: number; body: string },
): void {
  record.status = status
  const headers = ['content-type', 'application/json', HEADER_REQUEST_ID, exchange.requestId]
  exchange.reply(status, headers, Buffer.from(body))
}

export interface RefusalReply {
  status: number
  headers: string[]
  body: Buffer
}

export function refusalReply(head: RequestHead, refusal: Refusal, requestId: string): RefusalReply {
  const dialect = dialectFor(head)
  const { contentType, headers: own, body } = refusalBody(dialect, refusal, requestId)
  const headers = ['content-type', contentType, ...own, HEADER_REQUEST_ID, requestId, HEADER_REASON, refusal.code]
  const retryAfter = retryAfterOf(refusal)
  if (retryAfter !== undefined) headers.push('retry-after', retryAfter)
  headers.push(...limitHeaders(dialect, refusal))
  if (refusal.tryAgain === 'never') headers.push('x-should-retry', 'false')
  return { status: refusal.failure.status, headers, body }
}

/**
 * Whole seconds, never sooner than told. SDKs disagree about more than a minute, and some would sleep it through: more is told only
 * where they are told not to try.
 */
function retryAfterOf({ code, retryAfterMs, tryAgain }: Refusal): string | undefined {
  if (retryAfterMs === undefined) return RETRY_AFTER.get(code)
  const seconds = Math.ceil(retryAfterMs / 1000)
  return String(tryAgain === 'never' ? seconds : Math.min(RETRY_AFTER_MAX_S, seconds))
}

/** A head that cannot be understood is answered as most clients would expect. */
function dialectFor(head: RequestHead): Dialect {
  try {
    return dialectOf(head)
  } catch {
    return 'OpenAI'
  }
}

/** A whole response for a socket that node:http does not answer on, which is closed behind it. */
export function closingResponse(status: number, headers: readonly string[], body: Buffer): Buffer {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), body])
}
