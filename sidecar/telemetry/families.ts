// The metrics by name: what each is called, what it means, and which counts it reads when it is scraped.
import type { Registry } from 'prom-client'
import { FAILURES } from '../errors.ts'
import { type Counts, FAILURE_CODES } from './counts.ts'
import { registerHistograms, registerSampled, type Sample } from './exposition.ts'
import { GEN_AI_METRICS, type GenAiHistograms, type GenAiMetric } from './gen-ai-series.ts'
import type { ProviderReport } from './provider-report.ts'
import type { Series, TargetSeries } from './series.ts'

/** What others count. */
export interface Surroundings {
  version: string
  /** Lines that the access log could not keep, since the start. */
  accessLogDropped: () => number
  connections: () => Iterable<ConnectionCount>
  /** How the providers of this pod are doing. */
  standings: () => Iterable<ProviderReport>
}

export interface ConnectionCount {
  provider: string
  /** All of them. */
  open: number
  /** Of open: without a request. */
  idle: number
}

const PICO = 1e12

export function registerRequests(registry: Registry, counts: Counts, series: Series): void {
  registerSampled(registry, {
    name: 'outrigger_requests_in_flight',
    help: 'Requests accepted and not yet ended.',
    type: 'gauge',
    collect: () => [unlabelled(counts.inFlight)],
  })
  registerSampled(registry, {
    name: 'outrigger_requests_total',
    help: 'Requests ended. fault says who was at fault (caller, policy, provider, outrigger), empty when it went well.',
    type: 'counter',
    collect: () => requestSamples(series),
  })
  registerSampled(registry, {
    name: 'outrigger_request_failures_total',
    help: 'Requests that Outrigger ended with a failure of its own, by code.',
    type: 'counter',
    collect: () =>
      FAILURE_CODES.map((code) => ({
        labels: { code, fault: FAILURES[code].fault },
        value: counts.failures[code],
      })),
  })
  registerSampled(registry, {
    name: 'outrigger_tokens_total',
    help: 'Tokens used. cached_input and cache_write are parts of input, reasoning is a part of output.',
    type: 'counter',
    collect: () => tokenSamples(series),
  })
  registerSampled(registry, {
    name: 'outrigger_cost_usd_total',
    help: 'Cost of what was used, in US dollars; only where the price is known.',
    type: 'counter',
    collect: () => costSamples(series),
  })
  registerSampled(registry, {
    name: 'outrigger_cost_unknown_total',
    help: 'Attempts that used tokens whose price is unknown.',
    type: 'counter',
    collect: () => [unlabelled(counts.costUnknown)],
  })
  registerSampled(registry, {
    name: 'outrigger_requests_unpriced_total',
    help: 'Requests whose cost is unknown, where it arose: the price is unknown, or a generation told no usage.',
    type: 'counter',
    collect: () => unpricedSamples(series),
  })
  registerSampled(registry, {
    name: 'outrigger_usage_missing_total',
    help: 'Generations that succeeded and told no usage.',
    type: 'counter',
    collect: () => [unlabelled(counts.usageMissing)],
  })
}

export function registerConfig(registry: Registry, counts: Counts): void {
  registerSampled(registry, {
    name: 'outrigger_config_info',
    help: 'The revision in use; no series before the first.',
    type: 'gauge',
    collect: () => (counts.revision === undefined ? [] : [{ labels: { revision: counts.revision }, value: 1 }]),
  })
  registerSampled(registry, {
    name: 'outrigger_config_last_adopted_timestamp_seconds',
    help: 'When the revision in use was adopted, in seconds since the epoch; 0 before the first.',
    type: 'gauge',
    collect: () => [unlabelled(counts.adoptedAtMs / 1000)],
  })
  registerSampled(registry, {
    name: 'outrigger_config_rejected_total',
    help: 'Documents that were not adopted because they do not parse or fail their schema.',
    type: 'counter',
    collect: () => [unlabelled(counts.rejections)],
  })
  registerSampled(registry, {
    name: 'outrigger_config_rejected',
    help: '1 while the newest document was rejected and an older one, or none, is in use.',
    type: 'gauge',
    collect: () => [unlabelled(counts.rejected)],
  })
}

export function registerGenAi(registry: Registry, genAi: GenAiHistograms): void {
  const register = (name: string, help: string, metric: GenAiMetric) =>
    registerHistograms(registry, {
      name,
      help,
      bounds: GEN_AI_METRICS[metric].bounds,
      collect: () => genAi.all(metric),
    })
  register('gen_ai_client_token_usage', 'Tokens per operation.', 'tokenUsage')
  register('gen_ai_client_operation_duration_seconds', 'Duration of an operation, retries included.', 'duration')
  register(
    'gen_ai_client_operation_time_to_first_chunk_seconds',
    'Time from a streamed request to the first byte of its answer.',
    'timeToFirstChunk',
  )
}

export function registerSurroundings(registry: Registry, sources: Surroundings): void {
  registerSampled(registry, {
    name: 'outrigger_access_log_dropped_total',
    help: 'Access log lines dropped because standard output did not keep up.',
    type: 'counter',
    collect: () => [unlabelled(sources.accessLogDropped())],
  })
  registerSampled(registry, {
    name: 'outrigger_upstream_connections',
    help: 'Connections to a provider: open counts all, idle those of them without a request.',
    type: 'gauge',
    collect: () =>
      [...sources.connections()].flatMap(({ provider, open, idle }) => [
        { labels: { provider, state: 'open' }, value: open },
        { labels: { provider, state: 'idle' }, value: idle },
      ]),
  })
  registerSampled(registry, {
    name: 'outrigger_build_info',
    help: 'The running version.',
    type: 'gauge',
    collect: () => [{ labels: { version: sources.version }, value: 1 }],
  })
}

function* requestSamples(series: Series): Iterable<Sample> {
  for (const target of series.targets()) {
    for (const { operation, status, fault, count } of target.outcomes.values()) {
      yield { labels: { ...targetLabels(target), operation, status, fault }, value: count }
    }
  }
}

function* tokenSamples(series: Series): Iterable<Sample> {
  for (const target of series.targets()) {
    // A request that was refused before it had a provider used none.
    if (target.provider === '') continue
    const labels = targetLabels(target)
    yield { labels: { ...labels, type: 'input' }, value: target.inputTokens }
    yield { labels: { ...labels, type: 'cached_input' }, value: target.cachedInputTokens }
    yield { labels: { ...labels, type: 'cache_write' }, value: target.cacheWriteTokens }
    yield { labels: { ...labels, type: 'output' }, value: target.outputTokens }
    yield { labels: { ...labels, type: 'reasoning' }, value: target.reasoningTokens }
  }
}

function* costSamples(series: Series): Iterable<Sample> {
  for (const target of series.targets()) {
    if (target.costPicoUsd !== undefined) yield { labels: targetLabels(target), value: target.costPicoUsd / PICO }
  }
}

function* unpricedSamples(series: Series): Iterable<Sample> {
  for (const target of series.targets()) {
    if (target.provider !== '') yield { labels: targetLabels(target), value: target.unpriced }
  }
}

function targetLabels(target: TargetSeries): Record<string, string> {
  return { route: target.route, rule: target.rule, provider: target.provider, model: target.model }
}

function unlabelled(value: number): Sample {
  return { labels: {}, value }
}
