// Keeps the streams alive whose first token is awaited. One coarse timer for all, which runs only while there are such.

import type { DecodedRequest } from '../request/decoded-request.ts'
import type { Reply } from './reply.ts'

/** How many times as long the first comment waits while no provider has accepted the request: its error may still have a status. */
const UNACCEPTED_FACTOR = 4

export interface Awaited {
  readonly reply: Reply
  /** Since when the client has heard nothing, monotonic milliseconds. */
  silentSince: number
  /** A provider has said 200, and is thinking. */
  accepted: boolean
  /** Where it is kept. */
  place: number
}

export interface KeepAliveOptions {
  /** Silence before a comment, once a provider has accepted the request. */
  everyMs: number
  /** Monotonic milliseconds. */
  now(): number
}

export class KeepAlive {
  readonly #options: KeepAliveOptions
  /**
   * In no order; each knows its place. A Set that so much passes through is made anew again and again, and the old ones kept dead
   * requests alive until a major collection.
   */
  readonly #awaited: Awaited[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(options: KeepAliveOptions) {
    this.#options = options
  }

  /** Undefined for what is no stream that takes comments. */
  begin(reply: Reply, request: Pick<DecodedRequest, 'dialect' | 'operation' | 'stream'>): Awaited | undefined {
    if (!takesComments(request)) return undefined
    const awaited = { reply, silentSince: this.#options.now(), accepted: false, place: this.#awaited.length }
    this.#awaited.push(awaited)
    this.#timer ??= setInterval(this.#sweep, Math.max(1, this.#options.everyMs / 4)).unref()
    return awaited
  }

  /** The answer has begun, or nothing will come any more. The last one takes its place. */
  end(awaited: Awaited): void {
    if (this.#awaited[awaited.place] !== awaited) return
    const last = this.#awaited.pop() as Awaited
    if (last === awaited) return
    this.#awaited[awaited.place] = last
    last.place = awaited.place
  }

  readonly #sweep = (): void => {
    const { now, everyMs } = this.#options
    const nowMs = now()
    for (const awaited of this.#awaited) {
      const patienceMs = awaited.accepted ? everyMs : everyMs * UNACCEPTED_FACTOR
      if (nowMs - awaited.silentSince < patienceMs) continue
      awaited.silentSince = nowMs
      awaited.accepted = true
      awaited.reply.keepAlive()
    }
    if (this.#awaited.length > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/**
 * The dialects and operations whose official SDKs skip a comment. Google's expect an event of its own, and Amazon's frames have no
 * comments, so theirs get none.
 */
function takesComments({
  dialect,
  operation,
  stream,
}: Pick<DecodedRequest, 'dialect' | 'operation' | 'stream'>): boolean {
  if (!stream || dialect === 'Gemini' || dialect === 'Bedrock') return false
  switch (operation) {
    case 'Chat':
    case 'Completions':
    case 'Responses':
    case 'Messages':
      return true
    default:
      return false
  }
}
