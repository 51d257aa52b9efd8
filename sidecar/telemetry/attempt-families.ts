// The metrics of attempts and of how providers are doing: names, meaning, and what they read when they are scraped.
import type { Registry } from 'prom-client'
import type { CircuitState } from '../standing/circuit-breaker.ts'
import type { AttemptSeries, ProviderAttempts } from './attempt-series.ts'
import { registerSampled, type Sample } from './exposition.ts'
import type { ProviderReport } from './provider-report.ts'

const CIRCUIT_VALUES: Readonly<Record<CircuitState, number>> = { Closed: 0, HalfOpen: 1, Open: 2 }

/** A metric that is read off a list of things, each of which has some samples. */
interface Family<One> {
  name: string
  help: string
  type: 'counter' | 'gauge'
  samples: (one: One) => Sample[]
}

export function registerAttempts(registry: Registry, attempts: AttemptSeries): void {
  for (const family of ATTEMPTS) register(registry, family, () => attempts.all())
}

export function registerStandings(registry: Registry, standings: () => Iterable<ProviderReport>): void {
  for (const family of [...PROVIDERS, ...CREDENTIALS]) register(registry, family, standings)
}

function register<One>(registry: Registry, { samples, ...head }: Family<One>, all: () => Iterable<One>): void {
  registerSampled(registry, { ...head, collect: () => [...all()].flatMap(samples) })
}

const ATTEMPTS: readonly Family<ProviderAttempts>[] = [
  {
    name: 'outrigger_attempts_total',
    help: 'Attempts at a provider. outcome: answered, or the code of the failure.',
    type: 'counter',
    samples: ({ provider, outcomes }) =>
      [...outcomes].map(([outcome, value]) => ({ labels: { provider, outcome }, value })),
  },
  {
    name: 'outrigger_retries_total',
    help: "Attempts after a request's first, at the provider that was asked, by the reason of the failure before.",
    type: 'counter',
    samples: ({ provider, retries }) =>
      [...retries].map(([reason, value]) => ({ labels: { provider, reason }, value })),
  },
]

const PROVIDERS: readonly Family<ProviderReport>[] = [
  {
    name: 'outrigger_retries_denied_total',
    help: "Retries that a provider's retry budget did not allow.",
    type: 'counter',
    samples: ({ provider, retriesDenied }) => [{ labels: { provider }, value: retriesDenied }],
  },
  {
    name: 'outrigger_circuit_state',
    help: 'Circuit of a provider and operation: 0 closed, 1 half-open, 2 open.',
    type: 'gauge',
    samples: ({ provider, circuits }) =>
      circuits.map(({ operation, state }) => ({ labels: { provider, operation }, value: CIRCUIT_VALUES[state] })),
  },
  {
    name: 'outrigger_circuit_opened_total',
    help: 'Times a circuit opened, after probes that failed included.',
    type: 'counter',
    samples: ({ provider, circuits }) =>
      circuits.map(({ operation, opened }) => ({ labels: { provider, operation }, value: opened })),
  },
  {
    name: 'outrigger_provider_healthy',
    help: '1 while its health checks succeed, 0 while they do not; nothing where none is configured or none has ended.',
    type: 'gauge',
    samples: ({ provider, health }) =>
      health === undefined ? [] : [{ labels: { provider }, value: health.state === 'Healthy' ? 1 : 0 }],
  },
]

const CREDENTIALS: readonly Family<ProviderReport>[] = [
  {
    name: 'outrigger_credential_available',
    help: '1 while a credential is in use, 0 while it is set aside, cools down or is missing, be it for a single model.',
    type: 'gauge',
    samples: ({ provider, credentials }) =>
      credentials.map(({ name, blocks }) => ({
        labels: { provider, credential: name },
        value: blocks.length === 0 ? 1 : 0,
      })),
  },
  {
    name: 'outrigger_credential_set_aside_total',
    help: 'Times a credential was set aside or had to cool down, by reason.',
    type: 'counter',
    samples: ({ provider, credentials }) =>
      credentials.flatMap(({ name, setAside }) =>
        Object.entries(setAside).map(([reason, value]) => ({ labels: { provider, credential: name, reason }, value })),
      ),
  },
]
