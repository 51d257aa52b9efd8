// The scale proof, by hand: `make cluster-scale`. A hundred namespaces, a thousand pods, a thousand routes and twenty providers on a real
// API server; the operator as a process. It prints what it measured, each figure as often as it was taken, and fails where the
// operator does more than it should: a change of one route that touches other pods, a restart that changes an object, more memory
// than its limit. Times are printed and never judged: they are the machine's. docs/scale.md explains them.
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import path from 'node:path'
import { measureProvider, measureRoute } from './scale/changes.ts'
import { type Experiment, openExperiment } from './scale/experiment.ts'
import { printFigures } from './scale/figures.ts'
import { measureIdle, measureInjection, measureRestart, measureStart, measureSync } from './scale/measures.ts'
import { PROGRAM } from './scale/operator.ts'

const [rounds = '3', program = PROGRAM] = process.argv.slice(2)
const REPEATED = Number(rounds)

const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-scale-'))
try {
  const experiment = await openExperiment(path.join(folder, 'cluster'), program)
  try {
    await measureAll(experiment)
  } finally {
    await experiment.close()
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function measureAll(experiment: Experiment): Promise<void> {
  const { say, figures, faults } = experiment
  await measureStart(experiment)
  for (let round = 0; round < REPEATED; round++) {
    const load = loadavg().map((each) => each.toFixed(1))
    say(`round ${round + 1} of ${REPEATED}; load ${load.join(' ')}`)
    await measureSync(experiment)
    await measureRoute(experiment, round)
    await measureProvider(experiment)
    await measureRestart(experiment)
    await measureIdle(experiment)
    await measureInjection(experiment)
  }
  printFigures(figures)
  if (faults.length === 0) return
  console.error(['The operator does more than it should:', ...faults].join('\n  '))
  process.exitCode = 1
}
