// Attempts per provider and outcome, and what they were repeated for, as plain fields that the end of a request raises.
//
// In: the tries of a request. Out: counts by provider id, bounded by `providersMax`; whatever comes beyond is counted under
// `other`. Outcomes and reasons are closed vocabularies of our own. Backends that were passed over are no attempts.
import type { RetryReason } from '../../contract/sidecar-config.ts'
import { FAILURES, type FailureCode } from '../errors.ts'
import type { AttemptRecord } from './attempt-record.ts'
import { FAILURE_CODES } from './counts.ts'

/** `Status`: a status that the route names, and that says nothing about the provider. */
export type RepeatReason = RetryReason | 'Status'

export interface ProviderAttempts {
  readonly provider: string
  /** By outcome: `answered`, or a failure code. */
  readonly outcomes: Map<string, number>
  /** Attempts after a request's first, by the reason of the failure before, whoever failed. */
  readonly retries: Map<RepeatReason, number>
}

export interface AttemptSeries {
  count(tries: readonly AttemptRecord[]): void
  /** Providers of a new config begin at 0. When space is short, those that it does not know are forgotten. */
  adopt(providers: readonly string[]): void
  all(): Iterable<ProviderAttempts>
}

/** An answer that reached the client although it is an error of the provider's: counted as what it would have been called. */
const ERROR_ANSWERS: Readonly<Record<RetryReason, FailureCode>> = {
  ConnectFailure: 'provider_unreachable',
  Timeout: 'provider_error',
  RateLimited: 'provider_rate_limited',
  ServerError: 'provider_error',
  ProviderRefused: 'provider_credentials_exhausted',
}

// A series that appears with its first value hides that value from rate().
const INITIAL_OUTCOMES = ['answered', ...FAILURE_CODES.filter((code) => FAILURES[code].fault === 'provider')]
const REPEAT_REASONS = [...Object.keys(ERROR_ANSWERS), 'Status'] as RepeatReason[]

export function createAttemptSeries(providersMax: number): AttemptSeries {
  const byProvider = new Map<string, ProviderAttempts>()
  const other = create('other')

  function of(provider: string): ProviderAttempts {
    const found = byProvider.get(provider)
    if (found !== undefined) return found
    if (byProvider.size >= providersMax) return other
    const created = create(provider)
    byProvider.set(provider, created)
    return created
  }

  function count(tries: readonly AttemptRecord[]): void {
    let before: AttemptRecord | undefined
    for (const one of tries) {
      if (one.outcome === 'Skipped') continue
      const { outcomes, retries } = of(one.provider)
      raise(outcomes, outcomeLabel(one))
      if (before !== undefined) raise(retries, before.reason ?? 'Status')
      before = one
    }
  }

  /** Prometheus takes a series that comes back lower for a restarted counter, so forgetting loses no rate. */
  function adopt(providers: readonly string[]): void {
    if (byProvider.size > providersMax / 2) {
      const wanted = new Set(providers)
      for (const id of byProvider.keys()) if (!wanted.has(id)) byProvider.delete(id)
    }
    for (const { outcomes, retries } of providers.map(of)) {
      for (const outcome of INITIAL_OUTCOMES) outcomes.set(outcome, outcomes.get(outcome) ?? 0)
      for (const reason of REPEAT_REASONS) retries.set(reason, retries.get(reason) ?? 0)
    }
  }

  function* all(): Iterable<ProviderAttempts> {
    yield* byProvider.values()
    if (other.outcomes.size > 0) yield other
  }

  return { count, adopt, all }
}

function outcomeLabel({ outcome, reason }: AttemptRecord): string {
  if (outcome !== 'Answered') return outcome ?? 'internal'
  return reason === undefined ? 'answered' : ERROR_ANSWERS[reason]
}

function create(provider: string): ProviderAttempts {
  return { provider, outcomes: new Map(), retries: new Map() }
}

function raise<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
