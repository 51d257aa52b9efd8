// What `outrigger usage` says of the answers that it got: the totals, who could not be asked, what to know of the numbers.
//
// In: an answer per sidecar. Out: text for standard output, lines for standard error, an exit code. Every sidecar that could not be
// asked is named, and the others are told all the same; only when there is nobody left it fails.
import type { UsageReport } from '../../contract/usage-report.ts'
import { visible } from '../explain/access-line.ts'
import type { Answer } from './read-report.ts'
import { renderTotals, type UsageFormat } from './render.ts'
import { type Dimension, totalsOf } from './totals.ts'

export interface UsageRequest {
  by: readonly Dimension[]
  /** `YYYY-MM-DD`, UTC; '' for all. */
  firstDay: string
  output: UsageFormat
}

export interface UsageTold {
  exitCode: 0 | 1
  output: string
  /** For standard error. */
  messages: string[]
}

/** Of those that cannot be asked; a cluster may have thousands. */
const NAMED_MAX = 20

export function tellUsage(answers: readonly Answer[], { by, firstDay, output }: UsageRequest): UsageTold {
  const missing = answers.filter((answer) => 'why' in answer)
  const { reports, twice } = reportsOf(answers)
  const messages = [...namedMissing(missing), ...twice]
  if (reports.length === 0) {
    const nobody = missing.length === 0 ? ['there is no sidecar to ask'] : []
    return { exitCode: missing.length === 0 ? 0 : 1, output: '', messages: [...messages, ...nobody] }
  }
  const totals = totalsOf(reports, { by, firstDay })
  const sources = { sidecars: reports.length, missing: missing.map(({ source }) => source) }
  const { estimatedTokens, inputTokens, outputTokens } = totals.total
  if (estimatedTokens > 0) {
    messages.push(
      `${estimatedTokens} of ${inputTokens + outputTokens} tokens are of answers whose provider did not tell all: partly estimated`,
    )
  }
  return { exitCode: 0, output: renderTotals(totals, sources, output), messages }
}

/** Two addresses may lead to one sidecar. */
function reportsOf(answers: readonly Answer[]): { reports: UsageReport[]; twice: string[] } {
  const bySidecar = new Map<string, string>()
  const reports: UsageReport[] = []
  const twice: string[] = []
  for (const answer of answers) {
    if ('why' in answer) continue
    const { source, report } = answer
    // With namespace and pod: one pod cannot pass for another, whatever it says of itself.
    const sidecar = JSON.stringify([report.instance, report.namespace, report.pod])
    const first = bySidecar.get(sidecar)
    if (first === undefined) reports.push(report)
    else twice.push(`${source} is the same sidecar as ${first}: it counts once`)
    bySidecar.set(sidecar, first ?? source)
  }
  return { reports, twice }
}

function namedMissing(missing: readonly { source: string; why: string }[]): string[] {
  const named = missing.slice(0, NAMED_MAX).map(({ source, why }) => `${source} cannot be asked: ${visible(why)}`)
  return missing.length > NAMED_MAX ? [...named, `and ${missing.length - NAMED_MAX} more cannot be asked`] : named
}
