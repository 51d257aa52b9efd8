// How a provider is doing, as `/health/providers` and `/status` show it: moments instead of spans, null for what does not apply.
import type { CredentialReport, ProviderReport } from '../telemetry/provider-report.ts'

/** `nowMs` since the epoch. */
export function providerState(report: ProviderReport, nowMs: number): object {
  const { inFlight, health, circuits, retriesDenied, credentials } = report
  const since = (forMs: number): string => moment(nowMs - forMs)
  const until = (leftMs: number | undefined): string | null => (leftMs === undefined ? null : moment(nowMs + leftMs))
  return {
    inFlight,
    healthCheck:
      health === undefined ? null : { state: health.state, since: since(health.forMs), why: told(health.why) },
    circuits: circuits.map(({ operation, state, forMs, leftMs, timeToFirstByteMs, opened, why }) => ({
      operation,
      state,
      since: since(forMs),
      until: until(leftMs),
      timeToFirstByteMs: timeToFirstByteMs === 0 ? null : timeToFirstByteMs,
      opened,
      why: told(why),
    })),
    retriesDenied,
    credentials: credentials.flatMap((credential) => credentialStates(credential, until)),
  }
}

/** One that is out for some models only has a line for each of them. */
function credentialStates(
  { name, blocks }: CredentialReport,
  until: (leftMs: number | undefined) => string | null,
): object[] {
  if (blocks.length === 0) return [{ name, state: 'InUse', model: null, until: null, why: null }]
  return blocks.map(({ state, model, leftMs, why }) => ({
    name,
    state,
    model: model ?? null,
    until: until(leftMs),
    why: told(why),
  }))
}

function told(why: string): string | null {
  return why === '' ? null : why
}

function moment(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
