// Whether another attempt is worth making, when, and what SDKs are told about it. Pure; `random` and times are arguments.
import type { RetryConfig, RetryReason } from '../../contract/sidecar-config.ts'
import type { DecodedRequest } from './decoded-request.ts'

/** What is known of a failed attempt. */
export interface Failure {
  readonly reason: RetryReason | undefined
  /** Of the provider's answer; 0 for none. */
  readonly status: number
}

/** Before the provider can have begun with it, or after it said that it will not. */
const NOTHING_DONE: ReadonlySet<RetryReason | undefined> = new Set(['ConnectFailure', 'RateLimited', 'ProviderRefused'])

export function isWorthAnother(
  { reason, status }: Failure,
  retry: Pick<RetryConfig, 'on' | 'statuses'>,
  request: Pick<DecodedRequest, 'operation' | 'head'>,
): boolean {
  const named = reason !== undefined && retry.on.includes(reason)
  if (!named && !retry.statuses.includes(status)) return false
  return NOTHING_DONE.has(reason) || mayRepeat(request)
}

/** Files, batches and the like: made twice they are two. A generation that is lost is only paid for. */
function mayRepeat({ operation, head }: Pick<DecodedRequest, 'operation' | 'head'>): boolean {
  if (operation !== 'Other' || head.method !== 'POST') return true
  return header(head.rawHeaders, 'idempotency-key') !== undefined
}

/** Full jitter: a random part of `initialMs` · 2ⁿ, where `tries` ≥ 1 is how often the provider was asked for this request. */
export function backoffMs({ initialMs, maxMs }: RetryConfig['backoff'], tries: number, random: () => number): number {
  return random() * Math.min(maxMs, initialMs * 2 ** (tries - 1))
}

/** How often the client's SDK has tried before: openai's and anthropic's count retries, Amazon's count attempts (`attempt=2; max=3`). */
export function sdkRetries(rawHeaders: readonly string[]): number {
  const retries = /^\d{1,3}$/.exec(header(rawHeaders, 'x-stainless-retry-count') ?? '')?.[0]
  if (retries !== undefined) return Number(retries)
  const attempt = /(?:^|;) *attempt=(\d{1,3})(?:;|$)/.exec(header(rawHeaders, 'amz-sdk-request') ?? '')?.[1]
  return Math.max(0, Number(attempt ?? 1) - 1)
}

/** What is left of the bound: what SDKs were left to repeat (`leaveToSdk`) had made one attempt each. */
export function attemptsLeft({ attempts }: Pick<RetryConfig, 'attempts'>, rawHeaders: readonly string[]): number {
  return Math.max(1, attempts - sdkRetries(rawHeaders))
}

/** Longest Retry-After, in milliseconds, that all official SDKs obey. */
export const SDK_WAIT_MAX_MS = 60_000

/**
 * Whether an SDK that tries again later can do good without passing the bound: it is asked for no more than a minute, and each
 * of its tries counts as one attempt. In all other cases it is told not to.
 */
export function leaveToSdk(
  retry: Pick<RetryConfig, 'attempts'>,
  made: number,
  rawHeaders: readonly string[],
  retryAfterMs: number | undefined,
): boolean {
  if (made > 1 || (retryAfterMs ?? 0) > SDK_WAIT_MAX_MS) return false
  return made === 0 || sdkRetries(rawHeaders) + 1 < retry.attempts
}

function header(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if ((rawHeaders[i] as string).toLowerCase() === name) return rawHeaders[i + 1]
  }
  return undefined
}
