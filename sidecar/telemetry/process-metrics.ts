// What prom-client knows about the process, less what is expensive or misleading, plus the event loop's busy time.
import { performance } from 'node:perf_hooks'
import { collectDefaultMetrics, type Registry } from 'prom-client'
import { registerSampled } from './exposition.ts'

// prom-client samples the event loop's delay with a timer that never rests: at its 10 ms the idle process uses
// 2.7 ms of CPU per second, at 1 s 0.36 (0.31 without). But what it reports contains the timer's own interval, so the
// slow timer's figures are useless. They go; the share of time that the loop is busy says the same and costs nothing.
const SAMPLING_MS = 1000
const SAMPLED_LAG = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99']

export function registerProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: SAMPLING_MS })
  for (const statistic of SAMPLED_LAG) registry.removeSingleMetric(`nodejs_eventloop_lag_${statistic}_seconds`)
  registerSampled(registry, {
    name: 'outrigger_event_loop_busy_seconds_total',
    help: 'Time in which the event loop was not waiting; its rate is the share of one core that the sidecar can use up.',
    type: 'counter',
    collect: () => [{ labels: {}, value: performance.eventLoopUtilization().active / 1000 }],
  })
}
