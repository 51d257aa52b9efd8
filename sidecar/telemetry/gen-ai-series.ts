// The histograms behind the GenAI semantic conventions. Their label sets are smaller than those of requests (no route, no
// rule), but each is 17 lines of a scrape: they are bounded on their own, and what comes beyond is counted under `other`.
import { DURATION_BOUNDS, TOKEN_USAGE_BOUNDS } from './gen-ai.ts'
import { createHistogram, type Histogram } from './histogram.ts'

type Labels = Readonly<Record<string, string>>

/** `labels` is one object for the life of the histogram: prom-client caches its rendering by identity. */
export interface LabelledHistogram {
  readonly labels: Labels
  readonly histogram: Histogram
}

export type GenAiMetric = 'tokenUsage' | 'duration' | 'timeToFirstChunk'

/** Bounds, and the one label that the series of a metric have besides operation, provider and model. */
export const GEN_AI_METRICS: Record<GenAiMetric, { bounds: readonly number[]; label: string | undefined }> = {
  tokenUsage: { bounds: TOKEN_USAGE_BOUNDS, label: 'gen_ai_token_type' },
  duration: { bounds: DURATION_BOUNDS, label: 'error_type' },
  timeToFirstChunk: { bounds: DURATION_BOUNDS, label: undefined },
}

/** One operation at one provider with one model; the maps are keyed by the value of the metric's own label. */
export interface GenAiSeries extends Record<GenAiMetric, Map<string, LabelledHistogram>> {
  readonly model: string
  readonly labels: Labels
}

export interface GenAiHistograms {
  series(operationName: string, providerName: string, model: string): GenAiSeries
  /** `value` is that of the metric's own label, from a closed set; '' leaves the label out. */
  histogram(of: GenAiSeries, metric: GenAiMetric, value: string): Histogram
  /** When space is short, forgets the models that the new config does not name. */
  adopt(models: ReadonlySet<string>): void
  all(metric: GenAiMetric): Iterable<LabelledHistogram>
}

export function createGenAiHistograms(histogramsMax: number): GenAiHistograms {
  const byKey = new Map<string, GenAiSeries>()
  const other = createGenAiSeries('other', 'other', 'other')
  let used = 0

  function series(operationName: string, providerName: string, model: string): GenAiSeries {
    const key = `${operationName} ${providerName} ${model}`
    const found = byKey.get(key)
    if (found !== undefined) return found
    if (used >= histogramsMax) return other
    const created = createGenAiSeries(operationName, providerName, model)
    byKey.set(key, created)
    return created
  }

  function histogram(of: GenAiSeries, metric: GenAiMetric, value: string): Histogram {
    const found = of[metric].get(value)
    if (found !== undefined) return found.histogram
    if (of === other || used >= histogramsMax) return create(other, metric, metric === 'duration' ? '' : value)
    used++
    return create(of, metric, value)
  }

  function adopt(models: ReadonlySet<string>): void {
    if (used <= histogramsMax / 2) return
    for (const [key, one] of byKey) {
      if (models.has(one.model)) continue
      byKey.delete(key)
      used -= one.tokenUsage.size + one.duration.size + one.timeToFirstChunk.size
    }
  }

  function* all(metric: GenAiMetric): Iterable<LabelledHistogram> {
    for (const one of byKey.values()) yield* one[metric].values()
    yield* other[metric].values()
  }

  return { series, histogram, adopt, all }
}

function create(of: GenAiSeries, metric: GenAiMetric, value: string): Histogram {
  const existing = of[metric].get(value)
  if (existing !== undefined) return existing.histogram
  const { bounds, label } = GEN_AI_METRICS[metric]
  const labels = label === undefined || value === '' ? of.labels : { ...of.labels, [label]: value }
  const created = { labels, histogram: createHistogram(bounds) }
  of[metric].set(value, created)
  return created.histogram
}

function createGenAiSeries(operationName: string, providerName: string, model: string): GenAiSeries {
  const labels = {
    gen_ai_operation_name: operationName,
    gen_ai_provider_name: providerName,
    gen_ai_request_model: model,
  }
  return { model, labels, tokenUsage: new Map(), duration: new Map(), timeToFirstChunk: new Map() }
}
