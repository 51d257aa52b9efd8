// The official Python clients, by the same rule: what they get through the sidecar is what they get without it. They are
// installed once into .cache/, in a folder named for the pinned versions. Two runs of one script do all operations.
import { execFile, spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { comparable } from './comparable.ts'
import { CLIENT_KEY, DIRECT_KEY, twoWaysForTests } from './two-ways.ts'

const run = promisify(execFile)

const REQUIREMENTS = path.join(import.meta.dirname, 'requirements.txt')
const OPERATIONS = path.join(import.meta.dirname, 'python', 'operations.py')
const CACHE = path.join(import.meta.dirname, '..', '..', '.cache')

const INSTALL_MS = 300_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

const HAS_PYTHON =
  spawnSync('python3', ['-c', 'import venv, ensurepip, sys; assert sys.version_info >= (3, 9)']).status === 0
const family = HAS_PYTHON ? describe : describe.skip

type Result = { value: unknown } | { error: Readonly<Record<string, unknown>> }
type Results = Readonly<Record<'plain' | 'failing' | 'cut', Readonly<Record<string, Result>>>>

family(`Python clients${HAS_PYTHON ? '' : ' (skipped: no python3 with venv)'}`, () => {
  const ways = twoWaysForTests()
  let direct: Results
  let through: Results

  beforeAll(async () => {
    const python = await pythonWithClients()
    const { mock, sidecar } = ways()
    const runs = [operations(python, mock.url, DIRECT_KEY), operations(python, sidecar.url, CLIENT_KEY)] as const
    ;[direct, through] = await Promise.all(runs)
  }, INSTALL_MS)

  test('get the same results', () => {
    const failed = Object.entries(through.plain).filter(([, result]) => 'error' in result)
    expect(failed).toEqual([])
    expect(comparable(through.plain)).toEqual(comparable(direct.plain))
    expect(JSON.stringify(through.plain)).toContain('You said: Hello there')
  })

  test('raise the same errors, with the provider’s words', () => {
    const succeeded = Object.entries(through.failing).filter(([, result]) => 'value' in result)
    expect(succeeded).toEqual([])
    expect(comparable(through.failing)).toEqual(comparable(direct.failing))
  })

  test('raise the classes that are documented', () => {
    const classOf = (name: string) => through.failing[name] as object
    expect(classOf('openai chat: status 401')).toMatchObject({
      error: { class: 'AuthenticationError', status_code: 401 },
    })
    expect(classOf('openai chat: status 429')).toMatchObject({ error: { class: 'RateLimitError' } })
    expect(classOf('anthropic messages: status 529')).toMatchObject({ error: { class: 'OverloadedError' } })
    expect(classOf('openai chat iterator: error in stream after-2')).toMatchObject({ error: { class: 'APIError' } })
  })

  test('raise every stream that was cut, and never return a short success', () => {
    const texts = Object.entries(through.cut).map(([name, result]) => [
      name,
      'error' in result ? result.error.text : result,
    ])
    const raised = Object.keys(through.cut).map((name) => [name, expect.stringContaining('ended its answer too early')])
    expect(texts).toEqual(raised)
  })
})

async function operations(python: string, origin: string, key: string): Promise<Results> {
  const { stdout } = await run(python, [OPERATIONS, origin, key], { maxBuffer: OUTPUT_BYTES_MAX })
  return JSON.parse(stdout)
}

/** Path of an interpreter that has the clients. Rejects with pip's output when they cannot be installed. */
async function pythonWithClients(): Promise<string> {
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
