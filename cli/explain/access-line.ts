// A line of a sidecar's access log, as it is read back: what sidecar/telemetry/access-log.ts writes. Lines of older sidecars
// lack members, and what clients and providers sent stands in others, so nothing is believed to be there or to be harmless.

export interface AccessLine {
  /** ISO 8601, when it ended. */
  time: string
  requestId: string
  method: string
  dialect: string | undefined
  operation: string | undefined
  stream: 'Streamed' | 'Whole'
  route: string | undefined
  rule: string | undefined
  requestedModel: string | undefined
  /** Sent to a provider. */
  attempts: number
  /** Sent to the client. */
  status: number
  failure: string | undefined
  fault: string | undefined
  firstByteMs: number | undefined
  durationMs: number
  bytesOut: number
  usage: TokenCounts | undefined
  costUsd: string | undefined
  /** Id of the limit or budget that refused it, and the values that it kept this count for. */
  limit: string | undefined
  limitKey: string | undefined
  /** How much it allows: `600 requests in 1m`. */
  limitAllows: string | undefined
  /** Ids of those in shadow mode that would have. */
  shadow: string[]
  /** Of budgets: which one, and the percentage that it has passed. */
  warnings: string[]
  /** Held by limits before the last attempt. */
  reservedTokens: number | undefined
  /** In order. Where the line tells of no tries, the only attempt is what the line itself says. */
  tries: Try[]
  /** Backends that were passed over and for which the line had no room. */
  skippedMore: number
  /** All of it, as it was written. */
  whole: object
}

export interface TokenCounts {
  inputTokens: number
  outputTokens: number
  /** Parts of the above; undefined where the line does not say. */
  cachedInputTokens: number | undefined
  reasoningTokens: number | undefined
  /** The provider had not told all of it. */
  estimated: boolean
}

export interface Try {
  provider: string | undefined
  /** Undefined: the one that the client named, or none. */
  model: string | undefined
  credential: string | undefined
  outcome: string
  status: number | undefined
  reason: string | undefined
  word: string | undefined
  circuit: string | undefined
  waitedMs: number | undefined
  durationMs: number | undefined
  firstByteMs: number | undefined
  why: string | undefined
  /** What it was billed for although another one answered. */
  usage: TokenCounts | undefined
  costUsd: string | undefined
}

type Members = Readonly<Record<string, unknown>>

const MARK = '"msg":"access"'

/** `text` may have something in front of the line, as `kubectl logs --prefix` does. Undefined: it is no such line. */
export function parseAccessLine(text: string): AccessLine | undefined {
  if (!text.includes(MARK)) return undefined
  const line = parsed(text.slice(text.indexOf('{')))
  const requestId = word(line?.requestId)
  if (line === undefined || requestId === undefined) return undefined
  const attempts = number(line.attempts) ?? 0
  const tries = Array.isArray(line.tries) ? line.tries.map((one) => parseTry(membersOf(one))) : []
  return {
    time: word(line.time) ?? 'unknown',
    requestId,
    method: word(line.method) ?? '',
    dialect: word(line.dialect),
    operation: word(line.operation),
    stream: line.stream === true ? 'Streamed' : 'Whole',
    route: word(line.route),
    rule: word(line.rule),
    requestedModel: word(line.requestedModel),
    attempts,
    status: number(line.status) ?? 0,
    failure: word(line.failure),
    fault: word(line.fault),
    firstByteMs: number(line.firstByteMs),
    durationMs: number(line.durationMs) ?? 0,
    bytesOut: number(line.bytesOut) ?? 0,
    usage: parseUsage(line),
    costUsd: word(line.costUsd),
    limit: word(line.limit),
    limitKey: word(line.limitKey),
    limitAllows: word(line.limitAllows),
    shadow: words(line.shadow),
    warnings: words(line.warnings),
    reservedTokens: number(line.reservedTokens),
    tries: tries.length === 0 && attempts > 0 ? [onlyTry(line)] : tries,
    skippedMore: number(line.skippedMore) ?? 0,
    whole: line,
  }
}

/** Worth explaining without being asked for by its id. */
export function isRemarkable({ failure, status, attempts }: AccessLine): boolean {
  return failure !== undefined || status >= 400 || attempts > 1
}

function parseTry(one: Members): Try {
  return {
    provider: word(one.provider),
    model: word(one.model),
    credential: word(one.credential),
    outcome: word(one.outcome) ?? 'unknown',
    status: number(one.status),
    reason: word(one.reason),
    word: word(one.word),
    circuit: word(one.circuit),
    waitedMs: number(one.waitedMs),
    durationMs: number(one.durationMs),
    firstByteMs: number(one.firstByteMs),
    why: word(one.why),
    usage: parseUsage(one),
    costUsd: word(one.costUsd),
  }
}

/** What a request without tries says of its one attempt; times before and behind it count with it. */
function onlyTry(line: Members): Try {
  const failure = word(line.failure)
  const said = { ...parseTry(line), outcome: failure ?? 'Answered', usage: undefined, costUsd: undefined }
  // With a failure of ours the status is ours, too.
  return failure === undefined ? said : { ...said, status: undefined }
}

function parseUsage(line: Members): TokenCounts | undefined {
  const [inputTokens, outputTokens] = [number(line.inputTokens), number(line.outputTokens)]
  if (inputTokens === undefined || outputTokens === undefined) return undefined
  const [cachedInputTokens, reasoningTokens] = [number(line.cachedInputTokens), number(line.reasoningTokens)]
  return { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, estimated: line.estimated === true }
}

function parsed(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const members = membersOf(value)
    return members.msg === 'access' ? members : undefined
  } catch {
    return undefined
  }
}

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {}
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** Undefined also for ''. A terminal must not see control characters that a client put into a model's name. */
function word(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? visible(value) : undefined
}

function words(value: unknown): string[] {
  return Array.isArray(value) ? value.map(word).filter((one) => one !== undefined) : []
}

/** Control, format and separator characters, but for the space, as JSON would escape them. */
export function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    [...character].map((one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`).join(''),
  )
}
