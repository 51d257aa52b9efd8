// The whole operator under faults, from seeds: whatever goes wrong, in the end the cluster holds what its resources say, the
// statuses are true, and nobody writes any more. `RUNS=1000` runs more of them; a failure names its seed.
import { expect, test } from '@jest/globals'
import { runOperatorWithFaults } from './operator-fault-run.ts'

const RUNS = Number(process.env.RUNS ?? 30)
const FIRST_SEED = Number(process.env.SEED ?? 1)

test(`comes to rest in what the resources say, in each of ${RUNS} runs`, async () => {
  const failed: Record<string, string[]> = {}
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
    const problems = await runOperatorWithFaults(seed)
    if (problems.length > 0) failed[`seed ${seed}`] = problems
  }
  expect(failed).toEqual({})
}, 3_600_000)
