// The sidecar's metrics: counted in plain fields while requests end, put into Prometheus' form when somebody scrapes.
//
// In: one RequestRecord per request, what becomes of configs, and callbacks for what others count. Out: a prom-client
// registry. Label values come from the config and from our own tables, never from a client, and the number of label sets
// is bounded (series.ts, attempt-series.ts, gen-ai-series.ts). A request counts once, where its last attempt went; tokens and
// costs count where they arose, attempt by attempt. Counting does no I/O, allocates two lookup keys and takes well under 1 µs.
import { Registry } from 'prom-client'
import type { ProviderType } from '../../contract/sidecar-config.ts'
import type { RowReport } from '../limits/row-counts.ts'
import type { StoreReport } from '../store/store-source.ts'
import type { Usage } from '../stream/usage.ts'
import { registerAttempts, registerStandings } from './attempt-families.ts'
import type { AttemptRecord } from './attempt-record.ts'
import { createAttemptSeries } from './attempt-series.ts'
import { type Counts, createCounts } from './counts.ts'
import { registerConfig, registerGenAi, registerRequests, registerSurroundings, type Surroundings } from './families.ts'
import { genAiOperationName, genAiProviderName } from './gen-ai.ts'
import { createGenAiHistograms, type GenAiHistograms, type GenAiSeries } from './gen-ai-series.ts'
import { observe } from './histogram.ts'
import { registerLimits } from './limit-families.ts'
import { registerProcessMetrics } from './process-metrics.ts'
import type { RequestRecord } from './request-record.ts'
import { createSeries, type Series, type TargetSeries } from './series.ts'
import { registerStore } from './store-families.ts'
import type { AdoptedConfig } from './targets.ts'
import { lacksUsage, noteUnpriced } from './unpriced.ts'

type ProviderTypes = ReadonlyMap<string, ProviderType>

export interface MetricsOptions extends Surroundings {
  /** Of the limits and budgets in force. */
  limits(): readonly RowReport[]
  /** Undefined without a store. */
  store(): StoreReport | undefined
  /** Label sets of requests, tokens and costs. Default 2000. */
  seriesMax?: number
  /** Providers whose attempts are counted by name. Default 200. */
  providersMax?: number
  /** GenAI histograms; 500 are rendered in about 10 ms. Default 500. */
  histogramsMax?: number
}

export interface Metrics {
  readonly registry: Registry
  requestStarted(): void
  /** Exactly once per requestStarted. */
  requestEnded(record: RequestRecord): void
  requestsInFlight(): number
  /** See `adoptedConfig`. */
  configAdopted(config: AdoptedConfig): void
  /** The newest document was not adopted. */
  configRejected(): void
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry()
  const counts = createCounts()
  const series = createSeries(options.seriesMax ?? 2000)
  const attempts = createAttemptSeries(options.providersMax ?? 200)
  const genAi = createGenAiHistograms(options.histogramsMax ?? 500)
  let providerTypes: ProviderTypes = new Map()

  registerRequests(registry, counts, series)
  registerAttempts(registry, attempts)
  registerStandings(registry, options.standings)
  registerLimits(registry, options.limits)
  registerStore(registry, options.store)
  registerConfig(registry, counts)
  registerGenAi(registry, genAi)
  registerSurroundings(registry, options)
  registerProcessMetrics(registry)

  return {
    registry,
    requestStarted() {
      counts.inFlight++
    },
    requestEnded(record) {
      counts.inFlight--
      counts.ended++
      countRequest(counts, series, record)
      attempts.count(record.tries)
      observeGenAi(genAi, providerTypes, record)
    },
    requestsInFlight: () => counts.inFlight,
    configAdopted(config) {
      counts.revision = config.revision
      counts.adoptedAtMs = config.atMs
      counts.rejected = 0
      providerTypes = config.providerTypes
      series.adopt(config.targets)
      attempts.adopt(config.usable)
      genAi.adopt(new Set(config.targets.map((target) => target.model)))
    },
    configRejected() {
      counts.rejections++
      counts.rejected = 1
    },
  }
}

/** What an attempt used, or a request that left no tries. */
type Used = Pick<AttemptRecord, 'provider' | 'model' | 'usage' | 'costPicoUsd'>

function countRequest(counts: Counts, series: Series, record: RequestRecord): void {
  const target = series.target(record.route ?? '', record.rule ?? '', record.provider, record.model)
  series.outcome(target, record.operation, record.status, record.fault).count++
  if (record.failure !== undefined) counts.failures[record.failure]++
  if (lacksUsage(record)) {
    counts.usageMissing++
    noteUnpriced(target, counts.ended)
  }
  for (const used of usedBy(record)) {
    if (used.usage === undefined) continue
    const here = used.provider === record.provider && used.model === record.model
    const of = here ? target : series.target(record.route ?? '', record.rule ?? '', used.provider, used.model)
    countUsage(counts, of, used)
  }
}

function usedBy(record: RequestRecord): readonly Used[] {
  return record.tries.length > 0 ? record.tries : [record]
}

function countUsage(counts: Counts, target: TargetSeries, { usage, costPicoUsd }: Used): void {
  if (usage === undefined) return
  target.inputTokens += usage.inputTokens
  target.cachedInputTokens += usage.cachedInputTokens
  target.cacheWriteTokens += usage.cacheWriteTokens
  target.outputTokens += usage.outputTokens
  target.reasoningTokens += usage.reasoningTokens
  if (costPicoUsd !== undefined) target.costPicoUsd = (target.costPicoUsd ?? 0) + costPicoUsd
  else {
    counts.costUnknown++
    noteUnpriced(target, counts.ended)
  }
}

function observeGenAi(genAi: GenAiHistograms, types: ProviderTypes, record: RequestRecord): void {
  const series = genAiSeries(genAi, types, record, record)
  if (series === undefined) return
  observe(genAi.histogram(series, 'duration', errorType(record)), record.durationMs / 1000)
  if (record.stream && record.firstByteMs !== undefined) {
    observe(genAi.histogram(series, 'timeToFirstChunk', ''), record.firstByteMs / 1000)
  }
  for (const used of usedBy(record)) {
    if (used.usage === undefined) continue
    const here = used.provider === record.provider && used.model === record.model
    const of = here ? series : genAiSeries(genAi, types, record, used)
    if (of !== undefined) observeTokens(genAi, of, used.usage)
  }
}

/** Undefined for what is no inference. */
function genAiSeries(
  genAi: GenAiHistograms,
  types: ProviderTypes,
  { operation }: RequestRecord,
  { provider, model }: Used,
): GenAiSeries | undefined {
  const type = types.get(provider)
  if (type === undefined || operation === undefined) return undefined
  const name = genAiOperationName(operation, type)
  return name === undefined ? undefined : genAi.series(name, genAiProviderName(type), model)
}

function observeTokens(genAi: GenAiHistograms, series: GenAiSeries, usage: Usage): void {
  observe(genAi.histogram(series, 'tokenUsage', 'input'), usage.inputTokens)
  observe(genAi.histogram(series, 'tokenUsage', 'output'), usage.outputTokens)
}

/** '' when it went well, our failure code, or the status that the provider answered with. */
function errorType(record: RequestRecord): string {
  if (record.failure !== undefined) return record.failure
  return record.fault === undefined && record.status < 400 ? '' : String(record.status)
}
