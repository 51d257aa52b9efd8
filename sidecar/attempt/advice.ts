// What a client is told about trying again, beside an answer that is a provider's. Its own advice stands as far as it agrees with
// ours: an SDK that is asked for one try more than the route allows, or to wait for longer than all of them do, is told not to try.
import { retryAfterMs as readRetryAfterMs } from '../http/retry-after.ts'
import { SDK_WAIT_MAX_MS } from '../request/retry.ts'

export interface Advice {
  /** As told by the providers that were asked; undefined where none did. */
  readonly retryAfterMs: number | undefined
  /** `never`: another try is not the SDK's to make. */
  readonly tryAgain: 'never' | 'later'
}

const NO_BODY = Buffer.alloc(0)

/** `headers` are name, value, …, of a final answer; the result is of the same form. `nowMs` since the epoch. */
export function advised(headers: readonly string[], status: number, advice: Advice, nowMs: number): readonly string[] {
  const retried = isRetriedBySdks(status)
  const told = retried ? withWait(headers, advice.retryAfterMs) : headers
  const waitMs = readRetryAfterMs(select(told, isWait), NO_BODY, nowMs) ?? 0
  if (advice.tryAgain === 'later' && waitMs <= SDK_WAIT_MAX_MS) return told
  // Without it, no SDK tries again what `isRetriedBySdks` does not name.
  const kept = select(told, (name) => name !== 'x-should-retry')
  return retried ? [...kept, 'x-should-retry', 'false'] : kept
}

/** As openai's and anthropic's do. */
function isRetriedBySdks(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500
}

/** The wait that the provider told in other headers only, or that another provider told. */
function withWait(headers: readonly string[], retryAfterMs: number | undefined): readonly string[] {
  if (retryAfterMs === undefined || select(headers, isWait).length > 0) return headers
  return [...headers, 'retry-after', String(Math.ceil(retryAfterMs / 1000))]
}

function isWait(name: string): boolean {
  return name === 'retry-after' || name === 'retry-after-ms'
}

/** `wanted` is asked for names in lower case. */
function select(headers: readonly string[], wanted: (name: string) => boolean): string[] {
  return headers.filter((_, i) => wanted((headers[i - (i % 2)] as string).toLowerCase()))
}
