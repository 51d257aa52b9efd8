import type { ProviderType } from '../../../contract/sidecar-config.ts'
import { type AttemptRecord, createSkipped } from '../../../sidecar/telemetry/attempt-record.ts'
import { createMetrics, type Metrics, type MetricsOptions } from '../../../sidecar/telemetry/metrics.ts'
import type { RequestRecord } from '../../../sidecar/telemetry/request-record.ts'
import type { KnownTarget } from '../../../sidecar/telemetry/targets.ts'
import { type Family, parsePrometheusText } from '../../support/prometheus-text.ts'

const RECORD: RequestRecord = {
  requestId: '0193f4c2-7c1e',
  startedAt: 1000,
  method: 'POST',
  operation: 'Chat',
  dialect: 'OpenAI',
  stream: false,
  route: 'shop/chat',
  rule: 'fast',
  requestedModel: 'fast',
  provider: 'ai/openai',
  model: 'gpt-5-mini',
  credential: 'primary',
  why: 'weight 9 of 10',
  circuit: 'Closed',
  attempts: 1,
  tries: [],
  skippedMore: 0,
  status: 200,
  failure: undefined,
  fault: undefined,
  cause: undefined,
  firstByteMs: 200,
  durationMs: 1500,
  bytesIn: 300,
  bytesOut: 4000,
  usage: { inputTokens: 100, cachedInputTokens: 40, cacheWriteTokens: 5, outputTokens: 30, reasoningTokens: 10 },
  price: undefined,
  costPicoUsd: 1_500_000,
  limited: undefined,
  shadowed: [],
  warnings: [],
  reservedTokens: undefined,
}

/** An ordinary request that went well, changed. */
export function record(change: Partial<RequestRecord> = {}): RequestRecord {
  return { ...RECORD, ...change }
}

/** An attempt that went well, changed. */
export function attempt(change: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    provider: 'ai/openai',
    model: 'gpt-5-mini',
    credential: 'primary',
    outcome: 'Answered',
    status: 200,
    reason: undefined,
    word: undefined,
    waitedMs: 0,
    startedAt: 1000,
    durationMs: 1500,
    firstByteMs: 200,
    circuit: 'Closed',
    why: 'weight 9 of 10',
    usage: { inputTokens: 100, cachedInputTokens: 40, cacheWriteTokens: 5, outputTokens: 30, reasoningTokens: 10 },
    price: undefined,
    costPicoUsd: 1_500_000,
    ...change,
  }
}

/** A backend that was passed over, changed. */
export function skipped(change: Partial<AttemptRecord> = {}): AttemptRecord {
  const backend = { provider: { id: 'ai/openai' }, model: undefined, circuit: 'Open', why: 'circuit open' } as const
  return { ...createSkipped(backend, 'CircuitOpen', 1000), model: 'gpt-5-mini', ...change }
}

export const TARGET: KnownTarget = {
  route: 'shop/chat',
  rule: 'fast',
  provider: 'ai/openai',
  model: 'gpt-5-mini',
  priced: true,
}

export const TYPES: ReadonlyMap<string, ProviderType> = new Map([
  ['ai/openai', 'OpenAI'],
  ['ai/azure', 'AzureOpenAI'],
  ['ai/anthropic', 'Anthropic'],
  ['ai/gemini', 'Gemini'],
  ['ai/vllm', 'OpenAICompatible'],
])

export function metricsWith(options: Partial<MetricsOptions> = {}): Metrics {
  return createMetrics({
    version: '1.2.3',
    accessLogDropped: () => 0,
    connections: () => [],
    standings: () => [],
    limits: () => [],
    store: () => undefined,
    ...options,
  })
}

export function adopt(metrics: Metrics, targets: readonly KnownTarget[], usable: readonly string[] = []): void {
  metrics.configAdopted({ revision: 'abc', atMs: 1_700_000_000_500, providerTypes: TYPES, usable, targets })
}

/** Starts and ends requests with these records. */
export function handle(metrics: Metrics, ...records: RequestRecord[]): void {
  for (const one of records) {
    metrics.requestStarted()
    metrics.requestEnded(one)
  }
}

export async function scrape(metrics: Metrics): Promise<Map<string, Family>> {
  return parsePrometheusText(await metrics.registry.metrics())
}

/** Samples of one family as `label=value,… → value`; buckets of histograms that stand at 0 are left out. */
export async function samples(metrics: Metrics, name: string): Promise<string[]> {
  const family = (await scrape(metrics)).get(name)
  return (family?.samples ?? [])
    .filter((sample) => !(sample.name.endsWith('_bucket') && sample.value === 0))
    .map((sample) => {
      const labels = Object.entries(sample.labels).map(([label, value]) => `${label}=${value}`)
      return `${sample.name.slice(name.length)}{${labels.join(',')}} ${sample.value}`
    })
}
