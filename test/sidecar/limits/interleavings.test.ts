// Random lives of `Limits`, each drawn from a seed that a failure names. `make limits` runs very many.
import { expect, test } from '@jest/globals'
import { seeded } from '../../support/random.ts'
import { problemsOfLife } from './interleavings.ts'

const RUNS = Number(process.env.LIMIT_RUNS ?? 2000)
const SEED = Number(process.env.SEED ?? 1)

test(
  `in ${RUNS} random lives nothing is over, nothing lost, all comes back`,
  () => {
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const problems = problemsOfLife(seeded(seed))
      if (problems.length > 0) expect({ seed, problems }).toEqual({ seed, problems: [] })
    }
  },
  20_000 + 20 * RUNS,
)
