// Runs the cluster tests: jest inside the cluster's network, so that a test's fetch() reaches pods and Services as a pod would. In:
// jest's arguments. Out: its exit code. A cluster that was up before is used and left; else one is started, and ended at the end.
// On a machine that cannot run one, jest still lists every test, as skipped.
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { attachCluster, startCluster } from './cluster.ts'
import { nodePlace } from './place.ts'
import { inNetwork } from './processes.ts'
import { missingForControlPlane, missingForNode } from './requirements.ts'
import { refuseWhenTaken } from './state.ts'

const ROOT = path.join(import.meta.dirname, '../../..')
const JEST = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  path.join(ROOT, 'node_modules/jest/bin/jest.js'),
  '--config',
  path.join(ROOT, 'test/cluster/jest.config.cjs'),
]

/** As shells count it. */
const INTERRUPTED = 130

/** What this machine cannot run; see environment.cjs. Without a value, everything runs. */
type Skipped = 'All' | 'WithNode'

export async function runTests(args: readonly string[]): Promise<number> {
  const missing = missingForNode()
  if (missing.length > 0) return await runWithoutNode(args, missing)
  const kept = await attachCluster()
  await refuseWhenTaken(nodePlace())
  const interruption = holdInterruptions()
  const cluster = kept ?? (await startCluster('Own'))
  try {
    if (interruption.came()) return INTERRUPTED
    const line = inNetwork(cluster.place, process.execPath, [...JEST, ...args])
    // Programs that tests need are built in this process's network: see binaries.ts.
    const env = { OUTRIGGER_TEST_OUTSIDE: `/proc/${process.pid}/ns/net` }
    return await finished(line.command, line.args, env, interruption)
  } finally {
    if (kept === undefined) await cluster.stop()
  }
}

async function runWithoutNode(args: readonly string[], missing: readonly string[]): Promise<number> {
  const skipped: Skipped = missingForControlPlane().length > 0 ? 'All' : 'WithNode'
  const which = skipped === 'All' ? 'all tests' : 'all tests but those in control-plane/'
  console.error([`SKIPPED: ${which} on a cluster, which this machine cannot run:`, ...missing].join('\n  '))
  return await finished(process.execPath, [...JEST, ...args], { OUTRIGGER_TEST_SKIPPED: skipped }, holdInterruptions())
}

interface Interruption {
  /** Whether one came. */
  came(): boolean
  /** What it is passed on to from now on. */
  pass(child: ChildProcess): void
}

/** From now on an interruption ends the tests, not this process, which still has to take the cluster down. */
function holdInterruptions(): Interruption {
  let last: NodeJS.Signals | undefined
  let target: ChildProcess | undefined
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      last = signal
      target?.kill(signal)
    })
  }
  return {
    came: () => last !== undefined,
    pass: (child) => {
      target = child
    },
  }
}

/** The exit code. */
async function finished(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  interruption: Interruption,
): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit', cwd: ROOT, env: { ...process.env, ...env } })
  interruption.pass(child)
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.once('error', reject).once('close', (code) => resolve(code ?? INTERRUPTED))
  return await promise
}
