// Reflector and queue while everything goes wrong that can: seeded runs of random writes and random faults, after which all
// that was seen must be right. RUNS=10000 for many, FIRST_SEED=n to begin elsewhere (RUNS=1 FIRST_SEED=n repeats one).
import { expect, test } from '@jest/globals'
import { runWithFaults } from './fault-run.ts'
import { runWithFaultsOverSockets } from './socket-fault-run.ts'

const { RUNS, FIRST_SEED = '1' } = process.env
const QUICK_MS = 5000
const QUICK_RUNS = 1000
const SECONDS_PER_RUN_MAX = 1

test(
  'after all faults the objects, the changes and the work of every key are right',
  async () => {
    const runs = Number(RUNS ?? QUICK_RUNS)
    const stopAt = RUNS === undefined ? performance.now() + QUICK_MS : Number.POSITIVE_INFINITY
    const failed = await failedSeeds(runs, stopAt, runWithFaults)
    expect(failed).toEqual([])
  },
  timeoutMs(QUICK_RUNS),
)

test(
  'after all faults they are right over real connections too',
  async () => {
    const runs = Math.ceil(Number(RUNS ?? 300) / 100)
    const failed = await failedSeeds(runs, Number.POSITIVE_INFINITY, runWithFaultsOverSockets)
    expect(failed).toEqual([])
  },
  timeoutMs(QUICK_RUNS),
)

/** Runs the seeds in order, the first one in any case; a slow machine gets through fewer of them. */
async function failedSeeds(runs: number, stopAt: number, run: (seed: number) => Promise<string[]>): Promise<string[]> {
  const failed: string[] = []
  for (let index = 0; index < runs && (index === 0 || performance.now() < stopAt); index++) {
    const seed = Number(FIRST_SEED) + index
    failed.push(...(await run(seed)).map((problem) => `seed ${seed}: ${problem}`))
  }
  return failed
}

function timeoutMs(quickRuns: number): number {
  return Number(RUNS ?? quickRuns) * SECONDS_PER_RUN_MAX * 1000
}
