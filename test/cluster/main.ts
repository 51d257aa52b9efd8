// The cluster by hand: what cluster.mk runs. `up`, `down`, `kubectl ARGS…`, `image TAR`, `exec COMMAND…`, `binary NAME`, `logs FOLDER`, `test ARGS…`.
import { spawn } from 'node:child_process'
import { binary, isProgramName, programNames } from './support/binaries.ts'
import { attachCluster, type Cluster, knownCluster, removeCluster, startCluster } from './support/cluster.ts'
import { importImage } from './support/containers.ts'
import { collectLogs } from './support/logs.ts'
import { inNetwork } from './support/processes.ts'
import { missingForNode } from './support/requirements.ts'
import { runTests } from './support/runner.ts'

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  up,
  down: async () => {
    await removeCluster()
    return 0
  },
  kubectl: async (args) => {
    const { place, kubernetes } = await attached()
    const line = inNetwork(place, kubernetes, ['kubectl', ...args])
    return await interactive(line.command, line.args, { KUBECONFIG: place.kubeconfig, HOME: place.folder })
  },
  exec: async ([command = 'sh', ...args]) => {
    const { place } = await attached()
    const line = inNetwork(place, command, args)
    return await interactive(line.command, line.args, { KUBECONFIG: place.kubeconfig })
  },
  image: async ([file]) => {
    if (file === undefined) throw new Error('image: name an archive')
    await importImage((await attached()).place, file)
    return 0
  },
  binary: async ([name = '']) => {
    if (!isProgramName(name)) throw new Error(`binary: expected one of ${programNames().join(', ')}`)
    console.log(await binary(name))
    return 0
  },
  logs: async ([folder]) => {
    if (folder === undefined) throw new Error('logs: name a folder')
    await collectLogs(required(await knownCluster()), folder)
    return 0
  },
  test: runTests,
}

async function up(): Promise<number> {
  const missing = missingForNode()
  if (missing.length > 0) {
    console.error(['a cluster cannot run here:', ...missing.map((sentence) => `  ${sentence}`)].join('\n'))
    return 1
  }
  const cluster = (await attachCluster()) ?? (await startCluster('Kept'))
  console.log(`up: make cluster-kubectl ARGS="get pods -A"; kubeconfig ${cluster.place.kubeconfig}`)
  return 0
}

async function attached(): Promise<Cluster> {
  return required(await attachCluster())
}

function required(cluster: Cluster | undefined): Cluster {
  if (cluster === undefined) throw new Error('no cluster is up: make cluster-up')
  return cluster
}

/** With this terminal; its exit code. */
function interactive(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  child.once('error', reject).once('close', (code) => resolve(code ?? 1))
  return promise
}

const [name = '', ...args] = process.argv.slice(2)
const command = COMMANDS[name]
if (command === undefined) {
  console.error(`expected one of ${Object.keys(COMMANDS).join(', ')}`)
  process.exitCode = 2
} else {
  process.exitCode = await command(args).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    return 1
  })
}
