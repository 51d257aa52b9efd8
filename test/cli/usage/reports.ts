// Reports of sidecars, for what is tested with them.
import { NO_USAGE, type UsageReport, type UsageRow } from '../../../contract/usage-report.ts'

export function row(change: Partial<UsageRow> = {}): UsageRow {
  return {
    ...NO_USAGE,
    day: '2026-11-21',
    route: 'shop/chat',
    rule: 'fast',
    provider: 'ai/openai',
    model: 'gpt-5-mini',
    costUsd: null,
    ...change,
  }
}

export function report(change: Partial<UsageReport> = {}): UsageReport {
  return {
    since: '2026-11-20T08:00:00.000Z',
    instance: 'instance-1',
    namespace: 'shop',
    workload: 'web',
    pod: 'web-1',
    rows: [row({ requests: 3, attempts: 4, failedAttempts: 1, inputTokens: 100, outputTokens: 20, costUsd: '0.0001' })],
    ...change,
  }
}
