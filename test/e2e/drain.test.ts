// What SIGTERM does: open requests go on to their end, no longer than the drain timeout; new ones are taken meanwhile, since
// nobody else listens, for half of it at most; then nobody listens.
import { readdir } from 'node:fs/promises'
import http from 'node:http'
import { connect } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { mockForTests } from '../mock/with-mock.ts'
import { ask, chat, type Reply, until } from '../support/client.ts'
import { FREE_PORTS, outrigger, served } from '../support/command.ts'
import { folderForTests } from '../support/folder.ts'
import { startTestSidecar, type TestSidecar } from '../support/sidecar.ts'
import { provider, sidecarConfig } from '../support/sidecar-config.ts'

/** Far beyond what any of these tests takes: whoever waits for it fails by jest's limit. */
const PATIENT_MS = 600_000
const KEY_FILE = 'shop.openai.primary'
/** Also one of the quick start's. */
const MODEL = 'gpt-5-mini'

const mock = mockForTests()
const folder = folderForTests()
let sidecar: TestSidecar

afterEach(async () => {
  await sidecar?.stop()
})

async function start(drainTimeout: number): Promise<TestSidecar> {
  const openai = provider('shop/openai', 'OpenAI', [MODEL], {
    baseURL: `${mock().url}/v1`,
    credentials: [{ name: 'primary', file: KEY_FILE, weight: 1 }],
  })
  const source = { config: sidecarConfig({ providers: [openai] }), keys: { [KEY_FILE]: 'sk-provider' } }
  sidecar = await startTestSidecar(source, { drainTimeout })
  mock().clear()
  return sidecar
}

interface Open {
  reply: Promise<Reply>
  body: string
}

/** Resolves when the stream has begun. */
async function openStream(url: string, behaviour: Record<string, string>, agent?: http.Agent): Promise<Open> {
  const begun = Promise.withResolvers<void>()
  const open: Open = { reply: Promise.resolve({ status: 0, headers: {}, body: '', complete: false }), body: '' }
  open.reply = ask(`${url}/v1/chat/completions`, {
    body: chat(MODEL, { stream: true }),
    headers: behaviour,
    ...(agent && { agent }),
    onBody(body) {
      open.body = body
      begun.resolve()
    },
  })
  await Promise.race([begun.promise, open.reply])
  return open
}

const SLOW = { 'x-mock-words': '40', 'x-mock-chunk-delay': '10' }

test('while it drains, an open stream goes on, readyz says why not, and new connections are served until it ends', async () => {
  const { url, adminUrl, sidecar: draining, logLines } = await start(PATIENT_MS)
  const agent = new http.Agent({ keepAlive: true })
  const stream = await openStream(url, SLOW, agent)
  const drained = draining.drain()
  const ready = await ask(`${adminUrl}/readyz`)
  expect([ready.status, ready.body]).toEqual([503, expect.stringContaining('[-]drain failed: shutting down')])
  expect((await ask(`${adminUrl}/livez`)).body).toBe('ok')
  expect(await ask(`${url}/v1/models`)).toMatchObject({ status: 200, headers: { connection: 'close' } })
  expect(stream.body).not.toContain('[DONE]')

  expect(await stream.reply).toMatchObject({ complete: true, body: expect.stringMatching(/data: \[DONE\]\n\n$/) })
  await drained
  for (const gone of [`${url}/v1/models`, `${adminUrl}/livez`]) {
    await expect(ask(gone)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  }
  expect(logLines.map(({ msg }) => msg)).toEqual(['configuration adopted', 'draining'])
  expect(logLines.at(-1)).toMatchObject({ inFlight: 1, timeoutMs: PATIENT_MS })
  agent.destroy()
})

const WAITING: [what: string, headers: Record<string, string>][] = [
  ['whose answer has not begun', {}],
  ["that node:http's parser has read", { 'transfer-encoding': 'chunked' }],
]

test.each(WAITING)(
  'a request %s is answered, and its kept-alive connection does not hold up the end',
  async (_, headers) => {
    const { url, sidecar: draining } = await start(PATIENT_MS)
    const agent = new http.Agent({ keepAlive: true })
    const asked = { ...headers, 'x-mock-head-delay': '200' }
    const reply = ask(`${url}/v1/chat/completions`, { body: chat(MODEL), headers: asked, agent })
    await mock().waitFor(({ bodyComplete }) => bodyComplete)
    await draining.drain()
    expect((await reply).status).toBe(200)
    agent.destroy()
  },
)

test('connections without a request do not hold up the end', async () => {
  const { url, sidecar: draining } = await start(PATIENT_MS)
  const fresh = connect(Number(new URL(url).port), '127.0.0.1')
  const used = new http.Agent({ keepAlive: true })
  await ask(`${url}/v1/models`, { agent: used })
  const closed = new Promise((resolve) => fresh.once('close', resolve))
  await draining.drain()
  await closed
  used.destroy()
})

test('after half of the drain timeout new connections are refused, while an open stream goes on', async () => {
  const { url, sidecar: draining } = await start(2000)
  const stream = await openStream(url, { 'x-mock-stall': '3' })
  const drained = draining.drain()
  await until(
    () =>
      ask(`${url}/v1/models`).then(
        () => '',
        ({ code }: NodeJS.ErrnoException) => code,
      ),
    (code) => code === 'ECONNREFUSED',
  )
  expect(stream.body).not.toContain('[DONE]')
  await drained
  expect(await stream.reply).toMatchObject({ complete: false })
})

test('a stream that is open at the drain timeout is broken visibly', async () => {
  const { url, sidecar: draining, logLines } = await start(150)
  const stream = await openStream(url, { 'x-mock-stall': '3' })
  await draining.drain()
  expect(await stream.reply).toMatchObject({ status: 200, complete: false })
  expect(stream.body).not.toContain('[DONE]')
  expect(logLines.at(-1)?.msg).toBe('drain timeout: open requests are broken off')
  // Nor does it go on at the provider.
  await until(
    () => mock().requests.at(-1)?.abortedAt,
    (at) => at !== undefined,
  )
})

test('the process: SIGTERM lets a stream end, exit code 0', async () => {
  const command = outrigger(['run', ...FREE_PORTS], { XDG_RUNTIME_DIR: folder() })
  const { url } = await served(command)
  const stream = await openStream(url, SLOW)
  command.kill('SIGTERM')
  await command.prints(/("msg":"draining")/)
  expect(await ask(`${url}/v1/models`)).toMatchObject({ status: 200, headers: { connection: 'close' } })
  expect(await stream.reply).toMatchObject({ complete: true, body: expect.stringMatching(/data: \[DONE\]\n\n$/) })
  const { code, stdout } = await command.finished
  expect(code).toBe(0)
  const { status, failure } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>
  expect({ status, failure }).toEqual({ status: 200, failure: null })
})

test('the process: at the drain timeout a stream is broken, exit code 0', async () => {
  const command = outrigger(['run', ...FREE_PORTS, '--drain-timeout', '200ms'], { XDG_RUNTIME_DIR: folder() })
  const { url } = await served(command)
  const stream = await openStream(url, { 'x-mock-stall': '3' })
  command.kill('SIGTERM')
  expect(await stream.reply).toMatchObject({ complete: false })
  const { code, stdout } = await command.finished
  const { status, failure } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>
  expect({ code, status, failure }).toEqual({ code: 0, status: 200, failure: 'client_closed' })
})

test('the process: a second signal ends it at once, and no key stays behind', async () => {
  const command = outrigger(['run', ...FREE_PORTS], { XDG_RUNTIME_DIR: folder() })
  const { url } = await served(command)
  const stream = await openStream(url, { 'x-mock-stall': '3' })
  command.kill('SIGTERM')
  await command.prints(/("msg":"draining")/)
  expect(await readdir(folder())).toHaveLength(1)
  command.kill('SIGTERM')
  expect((await command.finished).code).toBe(0)
  expect(await stream.reply).toMatchObject({ complete: false })
  expect(await readdir(folder())).toEqual([])
})
