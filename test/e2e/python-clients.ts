// The official Python clients, for tests: installed once into .cache/, in a folder named for the pinned versions, and driven by
// python/operations.py, of which one run does all operations of some groups.
import { execFile, spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe } from '@jest/globals'

const run = promisify(execFile)

const REQUIREMENTS = path.join(import.meta.dirname, 'requirements.txt')
const OPERATIONS = path.join(import.meta.dirname, 'python', 'operations.py')
const CACHE = path.join(import.meta.dirname, '..', '..', '.cache')

/** For the hook or test that calls pythonWithClients. */
export const INSTALL_MS = 300_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

const HAS_PYTHON =
  spawnSync('python3', ['-c', 'import venv, ensurepip, sys; assert sys.version_info >= (3, 9)']).status === 0

/** `describe`, where there is a Python that clients can be installed for. */
export function withPython(name: string, tests: () => void): void {
  const family = HAS_PYTHON ? describe : describe.skip
  family(`${name}${HAS_PYTHON ? '' : ' (skipped: no python3 with venv)'}`, tests)
}

export type Result = { value: unknown } | { error: Readonly<Record<string, unknown>> }
/** By group and operation. */
export type Results<Group extends string> = Readonly<Record<Group, Readonly<Record<string, Result>>>>

/** `groups` are those of operations.py. */
export async function operations<Group extends string>(
  python: string,
  origin: string,
  key: string,
  groups: readonly Group[],
): Promise<Results<Group>> {
  const { stdout } = await run(python, [OPERATIONS, origin, key, ...groups], { maxBuffer: OUTPUT_BYTES_MAX })
  return JSON.parse(stdout)
}

/** Path of an interpreter that has the clients. Rejects with pip's output when they cannot be installed. */
export async function pythonWithClients(): Promise<string> {
  const folder = path.join(CACHE, `python-${hash('sha256', readFileSync(REQUIREMENTS)).slice(0, 12)}`)
  const python = path.join(folder, 'bin', 'python')
  const done = path.join(folder, 'installed')
  if (existsSync(done)) return python
  await rm(folder, { recursive: true, force: true })
  await mkdir(CACHE, { recursive: true })
  await run('python3', ['-m', 'venv', folder])
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', REQUIREMENTS]
  await run(python, pip)
  // Last, so that an installation that was interrupted is not taken for one.
  await writeFile(done, '')
  return python
}
