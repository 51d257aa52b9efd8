// All that a measurement works with, opened once: the site, the fake sidecars, eyes on the statuses, and the operator that runs now.

import { eventually } from '../support/patience.ts'
import { followWrites, type Writing } from './audit.ts'
import { createFigures, type Figures } from './figures.ts'
import { namespaces, providers, routes, secrets } from './objects.ts'
import { type OperatorProcess, startOperator } from './operator.ts'
import { type Sidecars, startSidecars } from './sidecars.ts'
import { openSite, type Site } from './site.ts'
import { type Statuses, startStatuses } from './statuses.ts'
import { createAll } from './writing.ts'

export interface Experiment {
  readonly site: Site
  readonly sidecars: Sidecars
  readonly statuses: Statuses
  /** Of the operator. */
  readonly writing: Writing
  readonly figures: Figures
  /** Sentences about what the operator did wrong. */
  readonly faults: string[]
  say(sentence: string): void
  /** The one that runs. */
  operator(): OperatorProcess
  /** Returns as soon as it was started. */
  start(): Promise<OperatorProcess>
  stop(): Promise<void>
  close(): Promise<void>
}

/** Everything is there but the pods, and no operator runs. `program` is what runs as the operator. */
export async function openExperiment(folder: string, program: string): Promise<Experiment> {
  const startedMs = performance.now()
  const say = (sentence: string): void =>
    console.error(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(7)} s  ${sentence}`)
  say('starting a control plane, the chart and fake nodes')
  const site = await openSite(folder)
  try {
    say('creating namespaces, Secrets, providers and routes')
    for (const objects of [namespaces(), secrets(), providers(), routes()]) await createAll(site.admin, objects)
    const sidecars = await startSidecars(site.admin)
    return createExperiment(site, sidecars, say, program)
  } catch (error) {
    await site.stop()
    throw error
  }
}

function createExperiment(
  site: Site,
  sidecars: Sidecars,
  say: (sentence: string) => void,
  program: string,
): Experiment {
  const statuses = startStatuses(site.admin)
  const writing = followWrites(site.auditFile)
  let running: OperatorProcess | undefined
  return {
    ...{ site, sidecars, statuses, writing, say, figures: createFigures(), faults: [] },
    operator() {
      if (running === undefined) throw new Error('no operator runs')
      return running
    },
    async start() {
      running = await startOperator(site, program)
      return running
    },
    async stop() {
      await running?.stop()
      running = undefined
    },
    async close() {
      await running?.stop()
      statuses.close()
      writing.close()
      await sidecars.close()
      await site.stop()
    },
  }
}

/** Until every status is up to date and the operator has written nothing for a while. Returns when the last status changed. */
export async function settles({ statuses, writing }: Experiment, quietMs = 8_000): Promise<number> {
  const isQuiet = (): boolean =>
    statuses.settled() && performance.now() - Math.max(statuses.changedMs, writing.lastMs) > quietMs
  await eventually('every status is up to date', isQuiet, { withinMs: 600_000, everyMs: 50 })
  return statuses.changedMs
}
