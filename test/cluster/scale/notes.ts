// Figures that several measurements take.
import { type Requests, total, writesOf } from './audit.ts'
import type { Experiment } from './experiment.ts'

/** Its limit in the chart is 256 MiB. */
const MEMORY_MB_MAX = 250

export async function noteMemory({ operator, figures, faults }: Experiment, when: string): Promise<void> {
  const { rssMb, peakMb } = await operator().memory()
  figures.note(`memory ${when}`, rssMb, 'MB')
  figures.note(`memory ${when}, peak since the start`, peakMb, 'MB')
  if (peakMb > MEMORY_MB_MAX) faults.push(`the operator took ${peakMb.toFixed(0)} MB, ${when}`)
}

export function noteRequests({ figures }: Experiment, what: string, requests: Requests): void {
  const writes = total(writesOf(requests))
  figures.note(`${what}: writes`, writes, 'requests')
  figures.note(`${what}: reads`, total(requests) - writes, 'requests')
}
