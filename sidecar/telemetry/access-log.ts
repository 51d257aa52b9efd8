// One JSON line per request: who, where to, how it ended, what it cost. No content, no header value, no key.
//
// In: RequestRecords. Out: lines on a sink that may be slow; see line-buffer.ts for what happens then. A line costs 1.3 µs
// because it is put together by hand, a logger's 25 to 50. Rejected: a logger per request, and one write per line.
import type { Usage } from '../stream/usage.ts'
import { createTimestamps, millis, quoted, usd } from './json-text.ts'
import { createLineBuffer } from './line-buffer.ts'
import type { RequestRecord } from './request-record.ts'

export interface AccessLogOptions {
  /** Calls `done` when the bytes have been written, or cannot be. Called again only after that. */
  write: (bytes: Buffer, done: () => void) => void
  /** Milliseconds since the epoch. */
  now: () => number
  /** Default 100. */
  flushMs?: number
  /** Default 64 KiB. */
  bufferBytes?: number
  /** Of what waits and is being written; beyond it lines are dropped. Default 1 MiB. */
  capBytes?: number
}

export interface AccessLog {
  append(record: RequestRecord): void
  /** Resolves when everything appended so far is written. */
  flush(): Promise<void>
  /** Flushes; what is appended later is dropped. */
  close(): Promise<void>
  /** Lines dropped since the start. */
  dropped(): number
}

/** Names of resources and models have at most this many characters; what a client sends is cut to it. */
const TEXT_MAX = 256

const NO_USAGE =
  '"inputTokens":null,"cachedInputTokens":null,"cacheWriteTokens":null,"outputTokens":null,"reasoningTokens":null'

export function createAccessLog(options: AccessLogOptions): AccessLog {
  const timestamp = createTimestamps()
  const lines = createLineBuffer({
    write: options.write,
    flushMs: options.flushMs ?? 100,
    bufferBytes: options.bufferBytes ?? 64 * 1024,
    capBytes: options.capBytes ?? 1024 * 1024,
  })
  return {
    append: (record) => lines.append(accessLine(timestamp(options.now()), record)),
    flush: lines.flush,
    close: lines.close,
    dropped: lines.dropped,
  }
}

/** `time` is ISO 8601. Null stands for what is unknown or does not apply. */
function accessLine(time: string, record: RequestRecord): string {
  return (
    `{"time":"${time}","level":"info","msg":"access","requestId":${quoted(record.requestId, TEXT_MAX)}` +
    `,"method":${quoted(record.method, TEXT_MAX)},"dialect":${word(record.dialect)},"operation":${word(record.operation)}` +
    `,"stream":${record.stream},"route":${text(record.route)},"rule":${text(record.rule)}` +
    `,"provider":${text(record.provider)},"model":${text(record.model)}` +
    `,"requestedModel":${text(record.requestedModel)},"credential":${text(record.credential)}` +
    `,"attempts":${record.attempts},"status":${record.status}` +
    `,"fault":${word(record.fault)},"failure":${word(record.failure)}` +
    `,"firstByteMs":${record.firstByteMs === undefined ? 'null' : millis(record.firstByteMs)}` +
    `,"durationMs":${millis(record.durationMs)},"bytesIn":${record.bytesIn},"bytesOut":${record.bytesOut}` +
    `,${record.usage === undefined ? NO_USAGE : tokens(record.usage)}` +
    `,"costUsd":${record.costPicoUsd === undefined ? 'null' : `"${usd(record.costPicoUsd)}"`}}\n`
  )
}

function tokens(usage: Usage): string {
  return (
    `"inputTokens":${usage.inputTokens},"cachedInputTokens":${usage.cachedInputTokens}` +
    `,"cacheWriteTokens":${usage.cacheWriteTokens},"outputTokens":${usage.outputTokens}` +
    `,"reasoningTokens":${usage.reasoningTokens}`
  )
}

/** A word of our own vocabulary, which needs no escaping. */
function word(value: string | undefined): string {
  return value === undefined ? 'null' : `"${value}"`
}

function text(value: string | undefined): string {
  return value === undefined || value === '' ? 'null' : quoted(value, TEXT_MAX)
}
