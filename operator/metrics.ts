// What the operator counts, for `/metrics`. Labels are names of Kubernetes objects and words of closed sets.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Problem } from './api/problem.ts'
import type { SidecarCounts } from './rollout/count.ts'
import type { LimitTotal } from './shares/count-totals.ts'

export interface OperatorState {
  leads(): boolean
  queued(): number
  watchSilentMs(): number
  certificateExpiresAtMs(): number | undefined
}

export interface OperatorMetrics {
  readonly registry: Registry
  reconciled(result: 'Done' | 'Failed', durationMs: number): void
  nudged(result: 'Sent' | 'Failed'): void
  /** A sidecar runs a document, this long after it was published. */
  rolledOut(sinceMs: number): void
  /** A pod's shares of limits were written. `Conflict`: the pod had changed meanwhile, and is written again. */
  sharesWritten(result: 'Written' | 'Conflict' | 'Failed'): void
  /** Replaces what was said before; by limit id. */
  limitShares(totals: ReadonlyMap<string, LimitTotal>): void
  admitted(result: 'Injected' | 'Unchanged' | 'Refused' | 'Failed'): void
  /** Replaces what was said of the namespace; counts absent: it has no sidecars. */
  namespace(name: string, problems: readonly Problem[], sidecars: SidecarCounts | undefined): void
  /** Whoever leads next tells of the namespaces. */
  termEnded(): void
}

const SIDECAR_STATES = ['current', 'outdated', 'unreachable', 'missing', 'imageOutdated'] as const

/** Of the process: memory, CPU, event loop. */
export function collectProcessMetrics({ registry }: OperatorMetrics): void {
  collectDefaultMetrics({ register: registry })
}

export function createOperatorMetrics(version: string, state: OperatorState): OperatorMetrics {
  const registry = new Registry()
  const registers = [registry]
  gauge('outrigger_operator_info', 'Always 1; the version is a label.', ['version']).set({ version }, 1)
  collected('outrigger_operator_leader', '1 on the replica that writes.', () => (state.leads() ? 1 : 0))
  collected('outrigger_operator_queue_depth', 'Namespaces that wait to be reconciled.', state.queued)
  collected(
    'outrigger_operator_watch_silence_seconds',
    'Since the quietest watch last heard of the API server.',
    () => state.watchSilentMs() / 1000,
  )
  collected(
    'outrigger_operator_webhook_certificate_expiry_timestamp_seconds',
    'When the certificate that the webhook serves expires; 0 without one.',
    () => (state.certificateExpiresAtMs() ?? 0) / 1000,
  )
  const reconciles = counter('outrigger_operator_reconciles_total', 'Namespaces reconciled.', ['result'])
  const duration = histogram(
    'outrigger_operator_reconcile_duration_seconds',
    'One namespace, writes included.',
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
  )
  const nudges = counter('outrigger_operator_nudges_total', 'Pods told of a change.', ['result'])
  const shareWrites = counter(
    'outrigger_operator_limit_share_writes_total',
    'Pods whose shares of limits were written.',
    ['result'],
  )
  const limitShares = gauge(
    'outrigger_operator_limit_shares',
    'Of limits that pods share, in their own unit: granted to pods that are there, and used up by those that are gone.',
    ['limit', 'state'],
  )
  const propagation = histogram(
    'outrigger_operator_propagation_seconds',
    'From a document published to a sidecar that says it runs it.',
    [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 120],
  )
  const admissions = counter('outrigger_operator_admissions_total', 'Pods that the webhook was asked about.', [
    'result',
  ])
  const problems = gauge('outrigger_operator_problems', 'Mistakes in resources, as in their conditions.', [
    ...['kind', 'namespace', 'name', 'reason'],
  ])
  const sidecars = gauge('outrigger_operator_sidecars', 'Pods that ask for a sidecar, by what is known of it.', [
    ...['namespace', 'state'],
  ])
  for (const result of ['Done', 'Failed']) reconciles.inc({ result }, 0)
  for (const result of ['Sent', 'Failed']) nudges.inc({ result }, 0)
  for (const result of ['Written', 'Conflict', 'Failed']) shareWrites.inc({ result }, 0)
  for (const result of ['Injected', 'Unchanged', 'Refused', 'Failed']) admissions.inc({ result }, 0)
  const reported = new Map<string, readonly Problem[]>()

  return {
    registry,
    reconciled(result, durationMs) {
      reconciles.inc({ result })
      duration.observe(durationMs / 1000)
    },
    nudged: (result) => nudges.inc({ result }),
    rolledOut: (sinceMs) => propagation.observe(sinceMs / 1000),
    sharesWritten: (result) => shareWrites.inc({ result }),
    limitShares(totals) {
      limitShares.reset()
      for (const [limit, { granted, departed }] of totals) {
        limitShares.set({ limit, state: 'granted' }, granted)
        limitShares.set({ limit, state: 'departed' }, departed)
      }
    },
    admitted: (result) => admissions.inc({ result }),
    namespace(name, found, counts) {
      for (const { object, reason } of reported.get(name) ?? []) problems.remove({ ...object, reason })
      // Those of others' providers are told where they are.
      const own = found.filter(({ object }) => object.namespace === name)
      for (const { object, reason } of own) problems.inc({ ...object, reason })
      if (own.length === 0) reported.delete(name)
      else reported.set(name, own)
      for (const each of SIDECAR_STATES) {
        const labels = { namespace: name, state: each }
        if (counts === undefined) sidecars.remove(labels)
        else sidecars.set(labels, counts[each])
      }
    },
    termEnded() {
      problems.reset()
      sidecars.reset()
      limitShares.reset()
      reported.clear()
    },
  }

  function counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers })
  }

  function gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers })
  }

  function histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers })
  }

  function collected(name: string, help: string, value: () => number): Gauge {
    return new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(value())
      },
    })
  }
}
