// `GET /usage`: what this sidecar has used, with the pod's place in the cluster, so that whoever adds several up knows whose is whose.
import type { UsageReport } from '../../contract/usage-report.ts'
import type { UsageLedger } from '../telemetry/usage-ledger.ts'

/** Who this sidecar is; '' for what is unknown, as outside of a cluster. */
export interface Identity {
  /** Random, made when the process started. */
  instance: string
  namespace: string
  workload: string
  pod: string
}

export function usageReport(
  ledger: Pick<UsageLedger, 'sinceMs' | 'rows'>,
  { instance, namespace, workload, pod }: Identity,
): UsageReport {
  return { since: new Date(ledger.sinceMs).toISOString(), instance, namespace, workload, pod, rows: ledger.rows() }
}
