// `outrigger explain` as a process: where it reads, where it writes, and its exit codes.
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import { explainFiles } from '../../../cli/explain-command.ts'
import { outrigger } from '../../support/command.ts'
import { folderForTests } from '../../support/folder.ts'

const folder = folderForTests()
const MAIN = path.join(import.meta.dirname, '../../../cli/main.ts')

function line(requestId: string, status: number): string {
  return JSON.stringify({ time: '2026-11-21T09:05:03.007Z', msg: 'access', requestId, status, durationMs: 5 })
}

const TEXT = { requestId: undefined, output: 'text' } as const

test('it reads files one after the other, of which the last line may lack its end', async () => {
  const [one, two] = ['one.log', 'two.log'].map((name) => path.join(folder(), name)) as [string, string]
  await writeFile(one, `starting…\r\n${line('a', 502)}`)
  await writeFile(two, `${line('b', 200)}\r\n`)
  const found = await explainFiles([one, two], TEXT)
  expect(found).toEqual({ exitCode: 0, output: expect.stringMatching(/^request {3}a, ended /), message: '' })
  expect((await explainFiles([one, two], { ...TEXT, requestId: 'b' })).output).toMatch(/^request {3}b, ended /)
})

test('a file that cannot be read is told', async () => {
  const told = async (file: string) => explainFiles([file], TEXT)
  expect(await told(path.join(folder(), 'gone.log'))).toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(/^the access log cannot be read: ENOENT/),
  })
  expect(await told(folder())).toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(/^the access log cannot be read: EISDIR/),
  })
})

test('it reads standard input, and needs not wait for its end when it has found the request', async () => {
  const child = spawn(process.execPath, [MAIN, 'explain', 'b'], { stdio: 'pipe' })
  const closed = new Promise((resolve) => child.once('close', resolve))
  child.stdin.on('error', () => {})
  const written = `${line('a', 200)}\n${line('b', 200)}\n`
  // In two pieces, split within a line; and it stays open.
  child.stdin.write(written.slice(0, 30))
  child.stdin.write(written.slice(30))
  const stdout = await text(child.stdout)
  expect([await closed, stdout.split(',')[0]]).toEqual([0, 'request   b'])
})

test('what cannot be found is told on stderr: exit code 1; OUTRIGGER_FILE, which names resources, is none of its matter', async () => {
  const env = { OUTRIGGER_FILE: path.join(folder(), 'gone.yaml') }
  expect(await outrigger(['explain'], env).finished).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^outrigger: there is no line of an access log in what was read; .*\n$/),
  })
})
