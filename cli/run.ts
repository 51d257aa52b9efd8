// `outrigger run`: file mode. YAML files instead of a cluster, the operator's compile step, and the same sidecar, which
// follows the folder that is published to as it would follow a mounted volume.
//
// At the start the files must be right, or nothing runs (exit code 1). Later a mistake changes nothing that is in force:
// it is in the log, in /status and in a metric until it is mended. Objects that refer to something that is missing are
// published without that part, as in a cluster, and reported.
import { accessSync, constants, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type Mock, startMock } from '../mock/server.ts'
import type { Address } from '../process/flag.ts'
import type { Log } from '../process/log.ts'
import type { Output } from '../process/output.ts'
import { type Sidecar, startSidecar } from '../sidecar/sidecar.ts'
import { compileObjects, formatCompileProblem } from './file-mode.ts'
import { loadFiles } from './files/load.ts'
import type { LoadResult } from './files/parse.ts'
import { formatProblem } from './files/problem.ts'
import type { Environment, Parsed } from './flags.ts'
import { publish } from './publish.ts'
import { quickStart } from './quick-start.ts'
import type { RUN_FLAGS } from './settings.ts'
import { VERSION } from './version.ts'
import { signatureOf, watchFiles } from './watch-files.ts'

export interface RunOptions extends Parsed<typeof RUN_FLAGS> {
  env: Environment
  log: Log
  output: Output
  /** For a person: where to point an SDK. */
  print(line: string): void
}

export interface Running {
  readonly sidecar: Sidecar
  /** Drains and removes what was published. */
  stop(): Promise<void>
}

/** The files are wrong: exit code 1. The message has a line per problem. */
export class InputError extends Error {}

export async function run(options: RunOptions): Promise<Running> {
  const directory = await mkdtemp(path.join(memoryFolder(options.env), 'outrigger-'))
  // Whatever ends the process, a second signal or a fault of ours: what is published holds keys.
  const removeAtExit = (): void => rmSync(directory, { recursive: true, force: true })
  process.once('exit', removeAtExit)
  const cleanUps: (() => void | Promise<void>)[] = [
    () => rm(directory, { recursive: true, force: true }),
    () => void process.off('exit', removeAtExit),
  ]
  const stop = async (): Promise<void> => {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  }
  try {
    const signature = await signatureOf(options.files)
    const { loaded, mock } = await loadFirst(options)
    if (mock !== undefined) cleanUps.push(() => mock.close())
    const problems = await publishObjects(loaded, directory, options, 'First')
    const sidecar = await startSidecar({ ...options, version: VERSION, directory })
    sidecar.configuration.problems = problems
    cleanUps.push(() => sidecar.drain())
    if (options.files.length > 0) {
      cleanUps.push(watchFiles(options.files, signature, () => reload(sidecar, directory, options)))
    }
    for (const line of banner(sidecar)) options.print(line)
    return { sidecar, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Where a laptop keeps files in memory, if it does: the published folder holds keys. */
function memoryFolder(env: Environment): string {
  return [env.XDG_RUNTIME_DIR, '/dev/shm'].find((folder) => folder && isWritable(folder)) ?? os.tmpdir()
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

async function loadFirst(options: RunOptions): Promise<{ loaded: LoadResult; mock: Mock | undefined }> {
  if (options.files.length > 0) {
    const loaded = await load(options)
    if (loaded.problems.length > 0) throw new InputError(loaded.problems.map(formatProblem).join('\n'))
    return { loaded, mock: undefined }
  }
  const mock = await startMock({})
  const { loaded, mocked, real } = quickStart(options.env, options.settings.namespace, mock.url)
  if (mocked.length > 0)
    options.print(`No key in the environment for ${mocked.join(', ')}: an embedded mock answers for them.`)
  if (real.length > 0) options.print(`Real, with the key from the environment: ${real.join(', ')}.`)
  return { loaded, mock }
}

function load({ files, env, settings }: RunOptions): Promise<LoadResult> {
  return loadFiles(files, env, { allowLoopback: 'Allow', defaultNamespace: settings.namespace })
}

async function reload({ configuration, check }: Sidecar, directory: string, options: RunOptions): Promise<void> {
  try {
    const loaded = await load(options)
    if (loaded.problems.length > 0) return configuration.reject(loaded.problems.map(formatProblem).join('; '))
    const { providers, routes } = loaded.objects
    const time = configuration.current === undefined ? 'First' : 'Later'
    if (time === 'Later' && providers.length === 0 && routes.length === 0) {
      return configuration.reject('The files hold no LLMProvider and no LLMRoute any more.')
    }
    configuration.problems = await publishObjects(loaded, directory, options, time)
    await check()
  } catch (error) {
    configuration.reject(`The files cannot be published: ${(error as Error).message}`)
  }
}

/**
 * Returns what is wrong, most of which is left out. An empty folder is no mistake: nothing is published, and the sidecar waits, alive and
 * not ready, until files come.
 */
async function publishObjects(
  loaded: LoadResult,
  directory: string,
  { settings, log }: RunOptions,
  time: 'First' | 'Later',
): Promise<string[]> {
  for (const warning of loaded.warnings) log.warn('file passed over', { problem: formatProblem(warning) })
  const { providers, routes } = loaded.objects
  if (time === 'First' && providers.length === 0 && routes.length === 0) {
    log.warn('there are no LLMProviders yet: requests get 503 until files come')
    return []
  }
  const { files, problems, warnings } = compileObjects(loaded.objects, settings.namespace)
  const texts = problems.map((problem) => formatCompileProblem(problem, loaded))
  for (const problem of texts) log.warn('problem in the configuration', { problem })
  for (const warning of warnings)
    log.warn('doubt about the configuration', { problem: formatCompileProblem(warning, loaded) })
  await publish(directory, files)
  return texts
}

function banner(sidecar: Sidecar): string[] {
  const url = urlOf(sidecar.dataPlane)
  const runtime = sidecar.configuration.current?.runtime
  // Which names a route serves is for the list to say.
  const routed = runtime !== undefined && runtime.routes.length > 0
  const model = runtime?.providers
    .filter(({ dialect }) => dialect === 'OpenAI')
    .flatMap(({ models }) => [...models.keys()])[0]
  const body = `{"model":"${model ?? 'gpt-5-mini'}","messages":[{"role":"user","content":"Hello"}]}`
  return [
    `Outrigger ${VERSION} serves on ${url}; health, metrics and status on ${urlOf(sidecar.admin)}`,
    `  export OPENAI_BASE_URL=${url}/v1 ANTHROPIC_BASE_URL=${url} GOOGLE_GEMINI_BASE_URL=${url}`,
    routed
      ? `  curl ${url}/v1/models`
      : `  curl ${url}/v1/chat/completions -H 'content-type: application/json' -d '${body}'`,
  ]
}

function urlOf({ host, port }: Address): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
