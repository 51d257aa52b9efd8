// One JSON line per request: who, where to, how it ended, what it cost. No content, no header value, no key.
//
// In: RequestRecords. Out: lines on a sink that may be slow; see line-buffer.ts for what happens then. A line costs 1.4 µs
// because it is put together by hand, a logger's 25 to 50. Rejected: a logger per request, and one write per line.
// `tries` stands only where the line does not say it all: after failures, and where backends were passed over. So do the members that
// tell of limits: where one refused the request, would have, or held tokens for it.
import type { Usage } from '../stream/usage.ts'
import { type AttemptRecord, wentWell } from './attempt-record.ts'
import { createTimestamps, millis, quoted, usd } from './json-text.ts'
import { createLineBuffer } from './line-buffer.ts'
import type { LimitedBy, RequestRecord } from './request-record.ts'

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
/** Holds values of headers, which are the client's. */
const LIMIT_KEY_MAX = 64

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
    `,"attempts":${record.attempts},"why":${text(record.why)},"circuit":${word(record.circuit)},"status":${record.status}` +
    `,"fault":${word(record.fault)},"failure":${word(record.failure)}` +
    `,"firstByteMs":${record.firstByteMs === undefined ? 'null' : millis(record.firstByteMs)}` +
    `,"durationMs":${millis(record.durationMs)},"bytesIn":${record.bytesIn},"bytesOut":${record.bytesOut}` +
    `,${record.usage === undefined ? NO_USAGE : tokens(record.usage)}` +
    `,"costUsd":${record.costPicoUsd === undefined ? 'null' : `"${usd(record.costPicoUsd)}"`}` +
    `${limitsOf(record)}${triesOf(record)}}\n`
  )
}

/** Nothing for most requests. */
function limitsOf({ limited, shadowed, warnings, reservedTokens }: RequestRecord): string {
  const by = limited === undefined ? '' : limitedText(limited)
  const held = reservedTokens === undefined ? '' : `,"reservedTokens":${reservedTokens}`
  return `${by}${listText('shadow', shadowed)}${listText('warnings', warnings)}${held}`
}

function limitedText({ limit, key, allows }: LimitedBy): string {
  const limitKey = key === '' ? 'null' : quoted(key, LIMIT_KEY_MAX)
  return `,"limit":${text(limit)},"limitKey":${limitKey},"limitAllows":${text(allows)}`
}

function listText(name: string, texts: readonly string[]): string {
  return texts.length === 0 ? '' : `,"${name}":[${texts.map((one) => quoted(one, TEXT_MAX)).join(',')}]`
}

/** A single attempt that went well is told by the line itself. */
function triesOf({ tries, skippedMore }: RequestRecord): string {
  const [first] = tries
  if (first === undefined || (tries.length === 1 && wentWell(first))) return ''
  const last = tries.findLast(({ outcome }) => outcome !== 'Skipped')
  const list = tries.map((one) => tryText(one, one === last ? '' : usageOf(one))).join(',')
  return `,"tries":[${list}]${skippedMore > 0 ? `,"skippedMore":${skippedMore}` : ''}`
}

/** `usage` is what follows. */
function tryText(one: AttemptRecord, usage: string): string {
  const sent = one.outcome !== 'Skipped'
  return (
    `{"provider":${text(one.provider)},"model":${text(one.model)},"credential":${text(one.credential)}` +
    `,"outcome":${word(one.outcome)},"status":${one.status === 0 ? 'null' : one.status},"reason":${word(one.reason)}` +
    `,"word":${text(one.word)},"circuit":${word(one.circuit)}` +
    `,"waitedMs":${sent ? millis(one.waitedMs) : 'null'},"durationMs":${sent ? millis(one.durationMs) : 'null'}` +
    `,"firstByteMs":${one.firstByteMs === undefined ? 'null' : millis(one.firstByteMs)},"why":${text(one.why)}${usage}}`
  )
}

/** What an attempt was billed for although another one answered; the last one's is the line's own. */
function usageOf({ usage, costPicoUsd }: AttemptRecord): string {
  if (usage === undefined) return ''
  const cost = costPicoUsd === undefined ? 'null' : `"${usd(costPicoUsd)}"`
  return `,${tokens(usage)},"costUsd":${cost}`
}

function tokens(usage: Usage): string {
  return (
    `"inputTokens":${usage.inputTokens},"cachedInputTokens":${usage.cachedInputTokens}` +
    `,"cacheWriteTokens":${usage.cacheWriteTokens},"outputTokens":${usage.outputTokens}` +
    `,"reasoningTokens":${usage.reasoningTokens}${rareOf(usage)}`
  )
}

/** Nothing for most answers. */
function rareOf({ estimated, images, audioMs }: Usage): string {
  const made = images === undefined ? '' : `,"images":${images}`
  const heard = audioMs === undefined ? '' : `,"audioMs":${audioMs}`
  return `${estimated === true ? ',"estimated":true' : ''}${made}${heard}`
}

/** A word of our own vocabulary, which needs no escaping. */
function word(value: string | undefined): string {
  return value === undefined ? 'null' : `"${value}"`
}

function text(value: string | undefined): string {
  return value === undefined || value === '' ? 'null' : quoted(value, TEXT_MAX)
}
