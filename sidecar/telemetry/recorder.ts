// Opens and closes the record of each request, exactly once each, and hands the closed one to metrics, usage ledger and access log.

import type { Log } from '../../process/log.ts'
import type { Exchange } from '../listen/exchange.ts'
import type { AccessLog } from './access-log.ts'
import type { Metrics } from './metrics.ts'
import { createRecord, finishRecord, type RequestRecord } from './request-record.ts'
import type { UsageLedger } from './usage-ledger.ts'

export interface Recorder {
  begin(request: Pick<Exchange, 'requestId' | 'head'>): RequestRecord
  end(record: RequestRecord, bytesOut: number): void
}

export interface RecorderOptions {
  metrics: Metrics
  /** Undefined when it is switched off. */
  accessLog: AccessLog | undefined
  /** Absent: nobody asks. */
  usage: Pick<UsageLedger, 'add'>
  log: Log
  /** Monotonic milliseconds. */
  now(): number
}

export function createRecorder({ metrics, accessLog, usage, log, now }: RecorderOptions): Recorder {
  return {
    begin({ requestId, head }) {
      metrics.requestStarted()
      return createRecord(requestId, head.method, now())
    },
    end(record, bytesOut) {
      finishRecord(record, now(), bytesOut)
      metrics.requestEnded(record)
      usage.add(record)
      accessLog?.append(record)
      if (record.cause !== undefined) logCause(log, record)
    },
  }
}

/** The access log has every failure; what lies behind it is for whoever looks closer, unless the fault is ours. */
function logCause(log: Log, { requestId, failure, fault, provider, cause }: RequestRecord): void {
  const fields = { requestId, failure, provider, cause }
  if (fault === 'outrigger') log.error('request failed', fields)
  else log.debug('request failed', fields)
}
