// Lends our plain counts to a prom-client registry: objects that look like its metrics and read the counts when it scrapes.
import type { Metric, Registry } from 'prom-client'
import type { LabelledHistogram } from './gen-ai-series.ts'
import { cumulativeCounts } from './histogram.ts'

type Labels = Readonly<Record<string, string>>

export interface Sample {
  labels: Labels
  value: number
}

export interface Sampled {
  name: string
  help: string
  type: 'counter' | 'gauge'
  /** Called once per scrape. */
  collect: () => Iterable<Sample>
}

export interface SampledHistograms {
  name: string
  help: string
  /** Of every histogram that `collect` returns. */
  bounds: readonly number[]
  /** Called once per scrape. */
  collect: () => Iterable<LabelledHistogram>
}

/** As prom-client renders it: `sharedLabels` are flattened once per object and cached. */
interface HistogramLine {
  metricName: string
  labels: Labels
  sharedLabels: Labels
  value: number
}

const NO_LABELS: Labels = {}

export function registerSampled(registry: Registry, metric: Sampled): void {
  const { name, help, type } = metric
  register(registry, { name, help, type, get: () => ({ name, help, type, values: [...metric.collect()] }) })
}

export function registerHistograms(registry: Registry, metric: SampledHistograms): void {
  const head = { name: metric.name, help: metric.help, type: 'histogram' }
  const les = [...metric.bounds.map(String), '+Inf'].map((le) => ({ le }))
  const lines = () => [...metric.collect()].flatMap((one) => histogramLines(metric.name, les, one))
  register(registry, {
    ...head,
    getForPromString: () => ({ ...head, values: lines() }),
    get: () => ({
      ...head,
      values: lines().map(({ metricName, labels, sharedLabels, value }) => ({
        metricName,
        labels: { ...sharedLabels, ...labels },
        value,
      })),
    }),
  })
}

interface Readable {
  name: string
  help: string
  type: string
  get: () => object
  getForPromString?: () => object
}

/** prom-client types its own four classes only, but asks no more of a metric than this. */
function register(registry: Registry, metric: Readable): void {
  registry.registerMetric(metric as unknown as Metric)
}

function histogramLines(name: string, les: readonly Labels[], series: LabelledHistogram): HistogramLine[] {
  const sharedLabels = series.labels
  const counts = cumulativeCounts(series.histogram)
  const lines: HistogramLine[] = les.map((labels, i) => ({
    metricName: `${name}_bucket`,
    labels,
    sharedLabels,
    value: counts[i] ?? 0,
  }))
  lines.push({ metricName: `${name}_sum`, labels: NO_LABELS, sharedLabels, value: series.histogram.sum })
  lines.push({ metricName: `${name}_count`, labels: NO_LABELS, sharedLabels, value: counts.at(-1) ?? 0 })
  return lines
}
