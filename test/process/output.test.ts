import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import { createOutput } from '../../process/output.ts'

test('texts reach a file whole and in order, and done comes after each', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'outrigger-output-'))
  const path = join(directory, 'log')
  const fd = openSync(path, 'w')
  const output = createOutput(fd)
  const done: string[] = []
  output.write('one\n', () => {
    done.push('one')
    output.write('written by done\n', () => done.push('third'))
  })
  output.write('é\n', () => done.push('second'))
  await output.drained()
  expect(readFileSync(path, 'utf8')).toBe('one\né\nwritten by done\n')
  expect(done).toEqual(['one', 'second', 'third'])
  closeSync(fd)
  rmSync(directory, { recursive: true })
})

// A child process, because only there is standard output a pipe that somebody may not read.
const CHILD = `
import { createOutput } from ${JSON.stringify(new URL('../../process/output.ts', import.meta.url).href)}
const output = createOutput(1, 4_500_000)
let done = 0
for (let i = 0; i < 5; i++) output.write(String(i).repeat(1_000_000), () => done++)
setTimeout(() => process.stderr.write('the loop runs, done ' + done), 50)
`

test('a pipe that nobody reads stops neither the process nor its memory bound', async () => {
  using child = spawn(process.execPath, ['--input-type=module', '-e', CHILD], { stdio: ['ignore', 'pipe', 'pipe'] })
  const { promise, resolve } = Promise.withResolvers<string>()
  child.stderr.once('data', (data) => resolve(String(data)))
  // Of five texts four fit below the bound: the fifth is dropped at once, which is its `done`.
  expect(await promise).toBe('the loop runs, done 1')
  const text = await textOf(child.stdout)
  expect(text).toBe(['0', '1', '2', '3'].map((digit) => digit.repeat(1_000_000)).join(''))
})

test('a descriptor that takes nothing is given up', async () => {
  const fd = openSync('/dev/full', 'w')
  const output = createOutput(fd)
  const { promise, resolve } = Promise.withResolvers<void>()
  output.write('nobody reads this\n', resolve)
  await promise
  await output.drained()
  closeSync(fd)
})
