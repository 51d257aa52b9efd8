// The command line as a process: what it prints where, its exit codes and its signals.
import { readFileSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { ask, chat } from '../support/client.ts'
import { FREE_PORTS, outrigger, served } from '../support/command.ts'
import { folderForTests } from '../support/folder.ts'

const folder = folderForTests()
const ROOT = path.join(import.meta.dirname, '../..')

test('version is the one of package.json', async () => {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string }
  expect(await outrigger(['version']).finished).toEqual({ code: 0, stdout: `outrigger ${version}\n`, stderr: '' })
})

const HELPS: [args: string[], stdout: RegExp][] = [
  [[], /^Usage: outrigger COMMAND \[FLAGS\]\n\n {2}run {7}Serve from YAML files/],
  [['--help'], /^Usage: outrigger COMMAND/],
  [['run', '--help'], /Usage: outrigger run \[-f FILE_OR_FOLDER\]… \[FLAGS\]\n\n {2}--listen HOST:PORT /],
  [['compile', '-h'], /Usage: outrigger compile -f FILE_OR_FOLDER… \[FLAGS\]\n\n {2}--namespace NAME /],
  [
    ['explain', '--help'],
    /Usage: outrigger explain \[REQUEST_ID\] \[-f FILE\]… \[FLAGS\]\n\n {2}-o, --output FORMAT .* Default text\./,
  ],
  [
    ['usage', '--help'],
    /Usage: outrigger usage \[--from URL… \| --namespace NAME \| --all-namespaces\] \[FLAGS\]\n\n {2}--from URL,…/,
  ],
  [['mock', '--help'], /Usage: outrigger mock \[FLAGS\]\n\n {2}--listen HOST:PORT .* Default 127\.0\.0\.1:8789\./],
  [
    ['sidecar', '--help'],
    /Usage: outrigger sidecar \[FLAGS\]\n\n(.*\n)*.*--config-dir DIRECTORY .* Default \/etc\/outrigger\./,
  ],
]

test('help is printed on stdout, of all commands and of each', async () => {
  const finished = await Promise.all(HELPS.map(([args]) => outrigger(args).finished))
  expect(finished).toEqual(HELPS.map(([, stdout]) => ({ code: 0, stdout: expect.stringMatching(stdout), stderr: '' })))
})

const USAGE_ERRORS: [args: string[], env: Record<string, string>, stderr: RegExp][] = [
  [['serve'], {}, /^outrigger: unknown command "serve"; see outrigger help\n$/],
  [['toString'], {}, /^outrigger: unknown command "toString"/],
  [['run', '--nope'], {}, /^outrigger: Unknown option '--nope'/],
  [['run', '--listen', 'nowhere'], {}, /^outrigger: --listen: expected HOST:PORT/],
  [['run'], { OUTRIGGER_LOG_LEVEL: 'loud' }, /^outrigger: OUTRIGGER_LOG_LEVEL: expected one of/],
  [['compile'], {}, /^outrigger: compile needs at least one -f FILE_OR_FOLDER\n$/],
  [['explain', 'one', 'two'], {}, /^outrigger: explain takes one request id; files are given with -f FILE\n$/],
  [['explain', '-o', 'yaml'], {}, /^outrigger: --output: expected one of text, json, not "yaml"\n$/],
  [['mock', 'file.yaml'], {}, /^outrigger: Unexpected argument 'file\.yaml'/],
]

test('a wrong command line is told on stderr: exit code 2', async () => {
  const finished = await Promise.all(USAGE_ERRORS.map(([args, env]) => outrigger(args, env).finished))
  const expected = USAGE_ERRORS.map(([, , stderr]) => ({ code: 2, stdout: '', stderr: expect.stringMatching(stderr) }))
  expect(finished).toEqual(expected)
})

test('compile prints the document on stdout and warnings on stderr', async () => {
  const deployment = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n'
  await writeFile(path.join(folder(), 'a.yaml'), deployment)
  const { code, stdout, stderr } = await outrigger(['compile', '-f', folder()]).finished
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { format: 1, providers: [] }])
  expect(stderr).toMatch(/^warning: .*a\.yaml:1:1: Deployment default\/shop: .* is passed over\n$/)
})

test.each([['compile'], ['run', ...FREE_PORTS]])(
  '%s with files that are wrong says where: exit code 1',
  async (...args) => {
    const file = path.join(folder(), 'a.yaml')
    await writeFile(file, `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: "$\{NO_KEY}"}\n`)
    expect(await outrigger([...args, '-f', file]).finished).toEqual({
      code: 1,
      stdout: '',
      stderr: `${file}:4:14: Secret default/s: stringData.key: the environment variable NO_KEY is not set\n`,
    })
  },
)

const ADDRESSES: [flag: string, address: (taken: number) => string, stderr: RegExp][] = [
  ['--listen', (taken) => `127.0.0.1:${taken}`, /^outrigger: listen EADDRINUSE: .*; choose another address/m],
  ['--admin', (taken) => `127.0.0.1:${taken}`, /^outrigger: listen EADDRINUSE: .*; choose another address/m],
  ['--listen', () => '192.0.2.1:0', /^outrigger: listen EADDRNOTAVAIL: .*; choose another address/m],
  ['--admin', () => 'name.invalid:0', /^outrigger: getaddrinfo .*; choose another address/m],
]

test('an address that cannot be listened on is told, and nothing stays behind: exit code 1', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const commands = ADDRESSES.map(([flag, address]) => ['run', ...FREE_PORTS, flag, address(port)])
  const finished = await Promise.all(commands.map((args) => outrigger(args, { XDG_RUNTIME_DIR: folder() }).finished))
  server.close()
  expect(finished.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
    ADDRESSES.map(([, , stderr]) => ({ code: 1, stderr: expect.stringMatching(stderr) })),
  )
  expect(await readdir(folder())).toEqual([])
})

test('run serves, takes its flags from the environment, and ends with 0 at SIGTERM', async () => {
  const env = { OUTRIGGER_LISTEN: '127.0.0.1:0', OUTRIGGER_ADMIN: '127.0.0.1:0', XDG_RUNTIME_DIR: folder() }
  const command = outrigger(['run'], env)
  const { url, adminUrl, banner } = await served(command)
  expect(banner).toContain(`export OPENAI_BASE_URL=${url}/v1 ANTHROPIC_BASE_URL=${url} GOOGLE_GEMINI_BASE_URL=${url}`)
  expect((await ask(`${url}/v1/chat/completions`, { body: chat('gpt-5-mini') })).status).toBe(200)
  expect((await ask(`${adminUrl}/readyz`)).body).toBe('ok')
  command.kill('SIGTERM')
  const { code, stdout } = await command.finished
  expect(code).toBe(0)
  const messages = stdout.trim().split('\n')
  // Access lines are written in batches: theirs may come before the other.
  expect(messages.map((line) => (JSON.parse(line) as { msg: string }).msg).sort()).toEqual([
    'access',
    'configuration adopted',
    'draining',
  ])
  expect(await readdir(folder())).toEqual([])
})

test.each(['SIGINT', 'SIGHUP'] as const)('%s ends it too, and nothing stays behind', async (signal) => {
  const command = outrigger(['run', ...FREE_PORTS], { XDG_RUNTIME_DIR: folder() })
  await served(command)
  command.kill(signal)
  expect((await command.finished).code).toBe(0)
  expect(await readdir(folder())).toEqual([])
})

test('mock serves the three APIs until it is told to stop', async () => {
  const command = outrigger(['mock', '--listen', '127.0.0.1:0'])
  const url = await command.prints(/on (http:\S+)\n/)
  const headers = { authorization: 'Bearer sk-any' }
  expect((await ask(`${url}/v1/chat/completions`, { body: chat('gpt-5-mini'), headers })).status).toBe(200)
  command.kill('SIGTERM')
  expect((await command.finished).code).toBe(0)
})

test('sidecar serves from a mounted directory that is not there yet', async () => {
  const directory = path.join(folder(), 'mounted')
  const command = outrigger(['sidecar', ...FREE_PORTS, '--config-dir', directory])
  const serving = await command.prints(/("msg":"serving".*\n)/)
  const port = /"admin":\{"host":"127\.0\.0\.1","port":(\d+)\}/.exec(serving)?.[1]
  expect((await ask(`http://127.0.0.1:${port}/livez`)).body).toBe('ok')
  expect((await ask(`http://127.0.0.1:${port}/readyz`)).status).toBe(503)
  command.kill('SIGTERM')
  expect((await command.finished).code).toBe(0)
})
