// `outrigger run` in this process: files and folders as a user edits them, and what its requests get.
import { existsSync, writeFileSync } from 'node:fs'
import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { parseFlags } from '../../cli/flags.ts'
import { InputError, type Running, run } from '../../cli/run.ts'
import { RUN_FLAGS } from '../../cli/settings.ts'
import { createLog } from '../../process/log.ts'
import { mockForTests } from '../mock/with-mock.ts'
import { ask, askJson, chat, until } from '../support/client.ts'
import { folderForTests } from '../support/folder.ts'

const folder = folderForTests()
/** What is published lies in here, where the test can look at it. */
const runtime = folderForTests()
const mock = mockForTests()
const ENV = { SHOP_KEY: 'sk-of-the-shop' }

interface Started {
  running: Running
  url: string
  adminUrl: string
  /** What was printed for a person. */
  printed: string
  logLines: Record<string, unknown>[]
}

let started: Started | undefined

afterEach(async () => {
  await started?.running.stop()
  started = undefined
})

async function start(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = ENV,
  onLog?: (line: Record<string, unknown>) => void,
): Promise<Started> {
  const ports = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--drain-timeout', '100ms']
  const logLines: Record<string, unknown>[] = []
  const printed: string[] = []
  const running = await run({
    ...parseFlags(RUN_FLAGS, [...ports, ...argv], {}, 'WithFiles'),
    env: { XDG_RUNTIME_DIR: runtime(), ...env },
    log: createLog({
      level: 'info',
      service: 'sidecar',
      format: 'json',
      write: (text) => {
        const line = JSON.parse(text) as Record<string, unknown>
        logLines.push(line)
        onLog?.(line)
      },
      now: Date.now,
    }),
    output: { write: (_text, done) => done?.(), drained: async () => {} },
    print: (line) => void printed.push(line),
  })
  const url = (address: { host: string; port: number }) => `http://${address.host}:${address.port}`
  started = {
    running,
    url: url(running.sidecar.dataPlane),
    adminUrl: url(running.sidecar.admin),
    printed: printed.join('\n'),
    logLines,
  }
  return started
}

const SECRET = `apiVersion: v1
kind: Secret
metadata: {name: openai}
stringData: {api-key: "\${SHOP_KEY}"}
`

function providerYaml(name: string, model: string): string {
  return `apiVersion: outrigger.dev/v1alpha1
kind: LLMProvider
metadata: {name: ${name}}
spec:
  type: OpenAI
  openAI: {baseURL: ${mock().url}/v1}
  credentials:
  - {name: primary, secretRef: {name: openai, key: api-key}}
  models:
  - name: ${model}
`
}

async function publishedFolder(): Promise<string> {
  const [name = 'none'] = await readdir(runtime())
  return path.join(runtime(), name)
}

async function write(name: string, text: string): Promise<string> {
  const file = path.join(folder(), name)
  await writeFile(file, text)
  return file
}

/** Status and answering provider for a model, or why not. */
async function serves({ url }: Started, model: string): Promise<string> {
  const { status, headers } = await ask(`${url}/v1/chat/completions`, { body: chat(model) })
  return `${status} ${headers['x-outrigger-provider'] ?? headers['x-outrigger-reason']}`
}

async function becomes(running: Started, model: string, expected: string): Promise<void> {
  await until(
    () => serves(running, model),
    (seen) => seen === expected,
  )
}

async function lastError({ adminUrl }: Started): Promise<string | undefined> {
  const { lastError } = (await askJson(`${adminUrl}/status`)) as { lastError: { message: string } | null }
  return lastError?.message
}

test('without a file and without keys it serves the quick start, and the embedded mock answers for all', async () => {
  const running = await start([], {})
  expect(running.printed).toContain('No key in the environment for openai, anthropic, gemini')
  for (const model of ['gpt-5-mini', 'gpt-5-nano']) expect(await serves(running, model)).toBe('200 default/openai')
  const message = { model: 'claude-haiku-4-5', max_tokens: 10, messages: [{ role: 'user', content: 'Hello' }] }
  const headers = { 'anthropic-version': '2023-06-01' }
  expect((await ask(`${running.url}/v1/messages`, { body: message, headers })).status).toBe(200)
  const contents = { contents: [{ parts: [{ text: 'Hello' }] }] }
  const gemini = await ask(`${running.url}/v1beta/models/gemini-2.5-flash:generateContent`, { body: contents })
  expect(gemini.status).toBe(200)
})

test("the banner's own request works", async () => {
  const { printed } = await start([], {})
  const [, url = '', body = ''] = /curl (\S+) -H 'content-type: application\/json' -d '(.*)'/.exec(printed) ?? []
  expect((await ask(url, { body })).status).toBe(200)
})

test('a key in the environment makes its provider the real one, and no other', async () => {
  const running = await start([], { OPENAI_API_KEY: 'sk-canary-of-the-laptop' })
  expect(running.printed).toContain('No key in the environment for anthropic, gemini:')
  const { providers } = (await askJson(`${running.adminUrl}/config`)) as {
    providers: { id: string; baseURL: string }[]
  }
  expect(providers.map(({ id, baseURL }) => `${id} ${baseURL.replace(/:\d+/, ':PORT')}`)).toEqual([
    'default/anthropic http://127.0.0.1:PORT',
    'default/gemini http://127.0.0.1:PORT',
    'default/openai https://api.openai.com/v1',
  ])
  const key = path.join(await publishedFolder(), '..data/default.openai.primary')
  expect((await stat(key)).mode & 0o777).toBe(0o600)
})

test('a request may be given less time than a head has by default', async () => {
  expect(await serves(await start(['--request-timeout', '5s'], {}), 'gpt-5-mini')).toBe('200 default/openai')
})

test('files of a folder are edited, added, removed, broken and mended, and requests follow', async () => {
  await write('secret.yaml', SECRET)
  await write('a.yaml', providerYaml('first', 'one'))
  const running = await start(['-f', folder()])
  expect(await serves(running, 'one')).toBe('200 default/first')

  await write('a.yaml', providerYaml('first', 'two'))
  await becomes(running, 'two', '200 default/first')
  expect(await serves(running, 'one')).toBe('404 model_not_found')

  await write('b.yaml', providerYaml('second', 'three'))
  await becomes(running, 'three', '200 default/second')

  await rm(path.join(folder(), 'b.yaml'))
  await becomes(running, 'three', '404 model_not_found')

  await write('b.yaml.tmp', providerYaml('second', 'four'))
  await rename(path.join(folder(), 'b.yaml.tmp'), path.join(folder(), 'b.yaml'))
  await becomes(running, 'four', '200 default/second')

  const broken = await write('b.yaml', providerYaml('second', 'four').replace('models:', 'modells:'))
  const message = await until(
    () => lastError(running),
    (seen) => seen !== undefined,
  )
  expect(message).toBe(`${broken}:9:3: LLMProvider default/second: spec.modells: unknown field; did you mean models?`)
  expect(await serves(running, 'four')).toBe('200 default/second')
  expect(running.logLines.filter(({ level }) => level === 'error')).toMatchObject([{ reason: message }])

  // Exactly what was in force before.
  await write('b.yaml', providerYaml('second', 'four'))
  await until(
    () => lastError(running),
    (seen) => seen === undefined,
  )
  expect(await serves(running, 'four')).toBe('200 default/second')
})

test('an empty folder is no mistake: alive, not ready, 503 with the reason, until files come', async () => {
  const running = await start(['-f', folder()])
  expect((await ask(`${running.adminUrl}/livez`)).body).toBe('ok')
  const { status, body } = await ask(`${running.adminUrl}/readyz`)
  expect([status, body]).toEqual([503, expect.stringContaining('config failed: no configuration has been loaded yet')])
  expect(await serves(running, 'one')).toBe('503 not_configured')

  // Not a provider yet, so not a configuration.
  await write('secret.yaml', SECRET)
  await until(
    () => running.logLines.filter(({ msg }) => String(msg).startsWith('there are no LLMProviders yet')).length,
    (times) => times === 2,
  )
  expect(await serves(running, 'one')).toBe('503 not_configured')

  await write('a.yaml', providerYaml('first', 'one'))
  await becomes(running, 'one', '200 default/first')
  expect((await ask(`${running.adminUrl}/readyz`)).body).toBe('ok')
})

test('a change between reading the files and watching them is not lost', async () => {
  await write('secret.yaml', SECRET)
  const file = await write('a.yaml', providerYaml('first', 'one'))
  // Adopting the first document comes after reading and before watching.
  let adopted = 0
  const onLog = ({ msg }: Record<string, unknown>): void => {
    if (msg === 'configuration adopted' && adopted++ === 0) writeFileSync(file, providerYaml('first', 'two'))
  }
  const running = await start(['-f', folder()], ENV, onLog)
  await becomes(running, 'two', '200 default/first')
})

test('an object that refers to nothing is reported with its place, and the others are served', async () => {
  await write('secret.yaml', SECRET)
  await write('a.yaml', providerYaml('first', 'one'))
  await write('b.yaml', providerYaml('second', 'two').replace('name: openai, key', 'name: gone, key'))
  const running = await start(['-f', folder()])
  expect([await serves(running, 'one'), await serves(running, 'two')]).toEqual([
    '200 default/first',
    '404 model_not_found',
  ])
  const problems = running.logLines
    .filter(({ msg }) => msg === 'problem in the configuration')
    .map(({ problem }) => problem)
  expect(problems).toContainEqual(
    expect.stringMatching(/b\.yaml:8:\d+: LLMProvider default\/second: .*Secret default\/gone/),
  )
})

test('a model without a price beside a limit of cost is told with its place, and the others are served', async () => {
  await write('secret.yaml', SECRET)
  const priced = providerYaml('first', 'one').replace(
    '- name: one',
    '- {name: one, price: {inputPerMillion: "1", outputPerMillion: "2"}}',
  )
  const unpriced = '  - name: two\n  limits: [{name: day, what: Cost, limit: "5", window: 1d}]\n'
  await write('a.yaml', priced + unpriced)
  const running = await start(['-f', folder()])
  expect([await serves(running, 'one'), await serves(running, 'two')]).toEqual([
    '200 default/first',
    '403 price_unknown',
  ])
  const doubts = running.logLines.filter(({ msg }) => msg === 'doubt about the configuration')
  expect(doubts.map(({ problem }) => problem)).toEqual([
    expect.stringMatching(
      /a\.yaml:\d+:\d+: LLMProvider default\/first: spec\.limits\[0\]: there is no price for two, /,
    ),
  ])
})

test('labels and namespace play the pod', async () => {
  await write('secret.yaml', SECRET)
  await write('a.yaml', providerYaml('first', 'one'))
  await write(
    'route.yaml',
    `apiVersion: outrigger.dev/v1alpha1
kind: LLMRoute
metadata: {name: chat}
spec:
  workloads: {matchLabels: {app: shop}}
  rules:
  - name: all
    matches:
    - models: [{type: Exact, value: fast}]
    backends:
    - provider: {name: first}
      model: one
`,
  )
  const running = await start(['-f', folder(), '--labels', 'app=shop', '--namespace', 'shop'])
  expect([await serves(running, 'fast'), await serves(running, 'one')]).toEqual([
    '200 shop/first',
    '404 model_not_found',
  ])
})

const BAD_STARTS: [what: string, files: Record<string, string>, message: RegExp][] = [
  [
    'a variable that is not set',
    { 'a.yaml': SECRET.replace('SHOP_KEY', 'NO_KEY') },
    /a\.yaml:4:14: .*NO_KEY is not set$/,
  ],
  ['text that is no YAML', { 'a.yaml': 'a: [', 'b.yaml': 'b: [' }, /a\.yaml:1:\d+: .*\n.*b\.yaml:1:\d+: /],
]

test.each(BAD_STARTS)('with %s nothing starts, and nothing stays behind', async (_, files, message) => {
  for (const [name, text] of Object.entries(files)) await write(name, text)
  await expect(start(['-f', folder()])).rejects.toThrow(InputError)
  await expect(start(['-f', folder()])).rejects.toThrow(message)
  expect(await readdir(runtime())).toEqual([])
})

test('what is published is for its user alone, and gone after the stop', async () => {
  await write('secret.yaml', SECRET)
  await write('a.yaml', providerYaml('first', 'one'))
  const { running } = await start(['-f', folder()])
  const directory = await publishedFolder()
  expect((await stat(directory)).mode & 0o777).toBe(0o700)
  await running.stop()
  started = undefined
  expect(existsSync(directory)).toBe(false)
})
