// bin/outrigger, copied into a repository that holds nothing but names: a Node that says what it is given to run.
import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { folderForTests } from '../support/folder.ts'

const LAUNCHER = path.join(import.meta.dirname, '../../bin/outrigger')
const NODE = 'node_modules/.bin/node'
const SOURCE = 'cli/main.ts'
const BUNDLE = 'dist/outrigger.cjs'

const folder = folderForTests()

/** Seconds since 1970 by file; folders are as old as the oldest. */
async function layOut(files: Readonly<Record<string, number>>): Promise<void> {
  await mkdir(path.join(folder(), 'bin'))
  await copyFile(LAUNCHER, path.join(folder(), 'bin/outrigger'))
  for (const [file, time] of Object.entries(files)) {
    const at = path.join(folder(), file)
    await mkdir(path.dirname(at), { recursive: true })
    await writeFile(at, '#!/bin/sh\nprintf "%s|" "$@"\n')
    await chmod(at, 0o755)
    await utimes(at, time, time)
    await utimes(path.dirname(at), 0, 0)
  }
}

function launched(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(path.join(folder(), 'bin/outrigger'), args, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr })
    })
  })
}

test.each([
  ['the sources, where nothing was built', { [NODE]: 10, [SOURCE]: 10 }, SOURCE],
  ['the bundle, while no source is newer', { [NODE]: 30, [SOURCE]: 10, [BUNDLE]: 20 }, BUNDLE],
  ['the sources, when one changed since', { [NODE]: 10, [SOURCE]: 10, [BUNDLE]: 20, 'sidecar/sidecar.ts': 30 }, SOURCE],
  ['the bundle, where there are no sources', { [NODE]: 10, [BUNDLE]: 20 }, BUNDLE],
])('it starts %s', async (_name, files, started) => {
  await layOut(files)
  const { code, stdout, stderr } = await launched('usage', '-o', 'two words')
  expect([code, stderr]).toEqual([0, ''])
  const [entry = '', ...args] = stdout.split('|').slice(0, -1)
  expect(path.relative(path.join(folder(), 'bin'), entry)).toBe(path.join('..', started))
  expect(args).toEqual(['usage', '-o', 'two words'])
})

test('in a fresh clone it says what to do first', async () => {
  await layOut({ [SOURCE]: 10 })
  expect(await launched('usage')).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^outrigger: the dependencies are not installed; run `make install` in .* first\n$/),
  })
})
