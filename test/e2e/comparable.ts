// What an SDK returned, less what differs between any two calls: ids, times, and the headers of one connection.

/** Prefixes of the ids that providers make up, as in `chatcmpl-…`, `call_…`. */
const ID = /\b(?:chatcmpl|cmpl|resp|msg|rs|fc|call|toolu|req|file|rerank)[-_][A-Za-z0-9_]{16,}/g

const VARYING: ReadonlySet<string> = new Set([
  'created',
  'created_at',
  'completed_at',
  'createTime',
  'responseId',
  'id',
])

/** Besides Outrigger's own: those of one answer, and those that frame it on one connection (RFC 9110 §7.6.1). */
const HEADERS: ReadonlySet<string> = new Set([
  'date',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
])

/**
 * Outrigger asks OpenAI for usage in every stream, and OpenAI then says `usage: null` in every chunk before the one that
 * is taken out again. To SDKs it means the same as no usage; rewriting every chunk for it would cost more than it is worth.
 */
const NO_USAGE = 'usage'

export function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null), (name, item: unknown) => {
    if (name === NO_USAGE && item === null) return undefined
    if (name === 'headers' && typeof item === 'object' && item !== null) return comparableHeaders(item)
    if (VARYING.has(name) && (typeof item === 'string' || typeof item === 'number')) return `<${typeof item}>`
    return typeof item === 'string' ? item.replaceAll(ID, '<id>') : item
  })
}

function comparableHeaders(headers: object): object {
  const kept = Object.entries(headers).filter(([name]) => !HEADERS.has(name) && !name.startsWith('x-outrigger-'))
  return Object.fromEntries(kept)
}
