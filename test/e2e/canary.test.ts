// Keys that are easy to find, in every place where a key comes in: then everything that comes out is searched for them. The
// word that is searched for looks like no key, so that a redaction by pattern helps nobody. The tests are one flow, in order.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { WebSocket } from 'ws'
import { compileFiles } from '../../cli/compile.ts'
import { explain } from '../../cli/explain/explain.ts'
import { publish } from '../../cli/publish.ts'
import { CONFIG_FILE } from '../../contract/names.ts'
import type { ProviderConfig } from '../../contract/sidecar-config.ts'
import { type Mock, startMock } from '../../mock/server.ts'
import { createLog, type Log, type LogFields } from '../../process/log.ts'
import { SIDECAR_FLAGS, type SidecarSettings } from '../../sidecar/settings.ts'
import { type Sidecar, startSidecar } from '../../sidecar/sidecar.ts'
import { type AskOptions, ask, chat } from '../support/client.ts'
import { LEAK_NAMES, type LeakyProvider, startLeakyProvider } from '../support/leaky-provider.ts'
import { backend, provider, routeConfig, ruleConfig, sidecarConfig } from '../support/sidecar-config.ts'
import {
  AGAIN,
  BAD_FILES,
  BEHAVIOURS,
  CLIENT_HEADERS,
  CLIENT_KEY,
  ONCE,
  type Policy,
  REQUESTS,
} from './canary-requests.ts'

const CANARY = 'canary'

/** The file of each key, and what is in it. */
const KEYS: Readonly<Record<string, string>> = {
  'ai.openai.primary': 'canary-of-openai-83jf02',
  'ai.anthropic.primary': 'canary-of-anthropic-2lq9s7',
  'ai.gemini.primary': 'canary-of-gemini-m3x8a1',
  'ai.leaky.primary': 'canary-of-leaky-77dkq2',
  'ai.split.primary': 'canary-of-split-90skd3',
  'ai.proxied.primary': 'canary-of-proxied-1ks8d7',
  'ai.proxied.egress': 'user:canary-of-the-proxy-5jsk',
}

const TIMEOUTS = { connectMs: 500, firstByteMs: 150, idleMs: 150, totalMs: 2000 }

/** More than requests of one kind are sent at a time, so that one of them always has a key that was not refused yet. */
const CREDENTIALS = 12

interface Providers {
  openai: Mock
  anthropic: Mock
  gemini: Mock
  leaky: LeakyProvider
  split: LeakyProvider
}

let providers: Providers
let sidecar: Sidecar
let directory = ''
let dataPlane = ''
let admin = ''

/** Everything that came out, by where. */
const out: { where: string; what: string }[] = []
const accessLines: string[] = []

function note(where: string, what: unknown): void {
  // What is hidden is not printed by accident, but nobody may rely on that.
  const all = { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null, maxArrayLength: null }
  out.push({ where, what: typeof what === 'string' ? what : inspect(what, all) })
}

beforeAll(async () => {
  providers = {
    openai: await startMock(),
    anthropic: await startMock(),
    gemini: await startMock(),
    leaky: await startLeakyProvider(64 * 1024),
    split: await startLeakyProvider(1),
  }
  directory = await mkdtemp(path.join(tmpdir(), 'outrigger-test-'))
  await publishDocument(KEYS, ONCE)
  sidecar = await startSidecar({
    settings: settings(),
    version: '0.0.0-test',
    directory,
    log: everyLog(),
    output: {
      write(text, done) {
        note('access log', String(text))
        accessLines.push(...String(text).trimEnd().split('\n'))
        done?.()
      },
      drained: async () => {},
    },
  })
  dataPlane = `http://127.0.0.1:${sidecar.dataPlane.port}`
  admin = `http://127.0.0.1:${sidecar.admin.port}`
})

afterAll(async () => {
  await Promise.all(Object.values(providers).map((each: Mock | LeakyProvider) => each.close()))
  await rm(directory, { recursive: true })
})

/** So that comments go out before what comes late. */
const SHORT = { streamKeepAlive: 10, drainTimeout: 300 }

function settings(): SidecarSettings {
  const defaults = Object.entries(SIDECAR_FLAGS).map(([name, flag]) => [name, flag.parse(flag.default)])
  const anyPort = { host: '127.0.0.1', port: 0 }
  return { ...Object.fromEntries(defaults), ...SHORT, listen: anyPort, admin: anyPort, logLevel: 'debug' }
}

/** The lines as they are written, and the fields, thrown errors among them, as util.inspect prints them. */
function everyLog(): Log {
  const lines = createLog({
    level: 'debug',
    service: 'sidecar',
    format: 'json',
    write: (line) => note('log line', line),
    now: Date.now,
  })
  const at =
    (level: 'error' | 'warn' | 'info' | 'debug') =>
    (message: string, fields?: LogFields): void => {
      note('what is logged', { message, fields })
      lines[level](message, fields)
    }
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug'), setLevel: () => {} }
}

function providerConfig(name: string, type: ProviderConfig['type'], model: string, baseURL: string): ProviderConfig {
  const credentials = Array.from({ length: CREDENTIALS }, (_, i) => {
    return { name: `key-${i}`, file: `ai.${name}.primary`, weight: 1 }
  })
  return provider(`ai/${name}`, type, [model], { baseURL, credentials, timeouts: TIMEOUTS })
}

async function publishDocument(
  keys: Readonly<Record<string, string>>,
  { retry, circuitBreaker }: Policy,
  change: object = {},
): Promise<void> {
  const retryBudget = { percent: 100, minPerSecond: 1000 }
  const providers = providerConfigs().map((config) => ({ ...config, circuitBreaker, retryBudget }))
  const backends = providers.map(({ id }) => backend(id))
  const routes = [routeConfig('shop/all', [ruleConfig('all', { backends, retry })])]
  const config = { ...sidecarConfig({ providers, routes }), ...change }
  await publish(directory, new Map([[CONFIG_FILE, JSON.stringify(config)], ...Object.entries(keys)]))
}

/** Nothing is known any more of keys that were refused, or of circuits. */
async function startAfresh(policy: Policy): Promise<void> {
  await publishDocument(KEYS, policy, { providers: [], routes: [] })
  await sidecar.check()
  await publishDocument(KEYS, policy)
  await sidecar.check()
}

function providerConfigs(): ProviderConfig[] {
  return [
    providerConfig('openai', 'OpenAI', 'gpt', `${providers.openai.url}/v1`),
    providerConfig('anthropic', 'Anthropic', 'claude', providers.anthropic.url),
    providerConfig('gemini', 'Gemini', 'gemini', providers.gemini.url),
    providerConfig('leaky', 'OpenAICompatible', 'leaky', `${providers.leaky.url}/v1`),
    providerConfig('split', 'OpenAICompatible', 'split', `${providers.split.url}/v1`),
    {
      ...providerConfig('proxied', 'OpenAICompatible', 'proxied', 'http://llm.example/v1'),
      egressProxy: { url: providers.openai.url, credentialsFile: 'ai.proxied.egress' },
    },
  ]
}

/** Sends it with all the client's keys; whatever comes back is noted. Gives the status, 0 for none. */
async function send(target: string, options: AskOptions): Promise<number> {
  const url = `${dataPlane}${target}${target.includes('?') ? '&' : '?'}key=${CLIENT_KEY}`
  try {
    const reply = await ask(url, { ...options, headers: { ...CLIENT_HEADERS, ...options.headers } })
    note(`answer to ${target}`, reply)
    return reply.status
  } catch (error) {
    note(`error of ${target}`, error)
    return 0
  }
}

async function exercise(policy: Policy): Promise<void> {
  for (const behaviour of BEHAVIOURS) {
    await startAfresh(policy)
    await Promise.all(
      REQUESTS.map(([target, options]) => send(target, { ...options, headers: { ...options.headers, ...behaviour } })),
    )
  }
}

/** That the mocks have had so far. */
function requestsSeen(): number {
  return providers.openai.requests.length + providers.anthropic.requests.length + providers.gemini.requests.length
}

test('requests of every kind, with every fault of the mock', async () => {
  const statuses = await Promise.all(REQUESTS.map(([target, options]) => send(target, options)))
  expect(statuses).toEqual(REQUESTS.map(() => 200))
  const before = requestsSeen()
  await exercise(ONCE)
  // But for one that went out on a connection which the mock was about to cut.
  expect(requestsSeen() - before).toBeGreaterThanOrEqual(BEHAVIOURS.length * (REQUESTS.length - 1))
}, 60_000)

test('the same, where another attempt follows, circuits open, and keys are set aside', async () => {
  const before = requestsSeen()
  await exercise(AGAIN)
  expect(requestsSeen() - before).toBeGreaterThan(BEHAVIOURS.length * REQUESTS.length * 1.3)
  // Until none is left, and then once more.
  for (let i = 0; i < CREDENTIALS / 2 + 1; i++) {
    await Promise.all(
      REQUESTS.map(([target, options]) =>
        send(target, { ...options, headers: { ...options.headers, 'x-mock-echo-key': '1' } }),
      ),
    )
  }
  const [refused] = await Promise.all(REQUESTS.map(([target, options]) => send(target, options)))
  expect(refused).toBe(502)
  await noteAdminPages()
}, 60_000)

test.each([
  ['once', ONCE],
  ['again', AGAIN],
])(
  'providers that repeat the key where none would, asked %s',
  async (_, policy) => {
    for (const leak of LEAK_NAMES) {
      await startAfresh(policy)
      for (const model of ['leaky', 'split']) {
        for (const body of [chat(model), chat(model, { stream: true })]) {
          await send('/v1/chat/completions', { body, headers: { 'x-leak': leak } })
        }
      }
    }
  },
  60_000,
)

test('requests that are refused', async () => {
  // A rule would pass on a path that is not known.
  await publishDocument(KEYS, ONCE, { routes: [] })
  await sidecar.check()
  await send('/v1/chat/completions', { body: chat('nobody') })
  await send('/v1/chat/completions', { body: '{"model":' })
  await send(`/v1/${CLIENT_KEY}`, { body: {} })
  await send('/v1/chat/completions', { body: chat('claude') })
  await send('/v1/chat/completions', { body: chat('gpt'), headers: { origin: 'http://evil.example' } })
  await send('/v1/chat/completions', { body: chat('gpt'), headers: { host: 'evil.example' } })
  await send('/v1/chat/completions', { body: chat('gpt'), headers: { 'content-encoding': 'gzip' } })
  await send('/v1/chat/completions', { body: chat('gpt'), headers: { expect: 'a miracle' } })
  await send('/v1/chat/completions', { body: chat('proxied') })
  await send('/v1/models', {})
  const gone = AbortSignal.timeout(50)
  await send('/v1/chat/completions', { body: chat('gpt'), headers: { 'x-mock-stall': '' }, signal: gone })
})

const UPGRADES: [headers: Record<string, string>, status: number][] = [
  [{}, 101],
  [{ 'x-mock-status': '500' }, 500],
  [{ 'x-mock-echo-key': '1' }, 502],
]

test.each(UPGRADES)('a WebSocket with %j', async (headers, status) => {
  const protocols = ['realtime', `openai-insecure-api-key.${CLIENT_KEY}`]
  const url = `${dataPlane.replace('http', 'ws')}/v1/realtime?model=gpt&key=${CLIENT_KEY}`
  const socket = new WebSocket(url, protocols, { headers: { ...CLIENT_HEADERS, ...headers } })
  const answered = Promise.withResolvers<number>()
  socket.on('error', (error) => note('error of a WebSocket', error.message))
  socket.on('unexpected-response', (_request, response) => {
    let body = ''
    response.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    response.on('close', () => {
      note('refusal of a WebSocket', { headers: response.rawHeaders, body })
      answered.resolve(response.statusCode ?? 0)
    })
  })
  socket.on('upgrade', (response) => note('handshake of a WebSocket', response.rawHeaders))
  socket.on('message', (data) => {
    note('message of a WebSocket', String(data))
    answered.resolve(101)
  })
  expect(await answered.promise).toBe(status)
  socket.terminate()
})

test('documents and keys that are bad, and keys that are rotated', async () => {
  const notAKey = { ...KEYS, 'ai.openai.primary': 'canary with\nspaces' }
  await publishDocument(notAKey, ONCE)
  await sidecar.check()
  await send('/v1/chat/completions', { body: chat('gpt') })
  await publishDocument(KEYS, ONCE, { format: 9 })
  await sidecar.check()
  const clientCertificate = { certificateFile: 'c', keyFile: 'k' }
  const tls = { ...providerConfig('tls', 'OpenAI', 'tls', 'https://llm.example'), tls: { clientCertificate } }
  const pem = '-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n'
  await publishDocument({ ...KEYS, c: pem, k: pem }, ONCE, { providers: [tls], routes: [] })
  await sidecar.check()
  await publishDocument({ ...KEYS, 'ai.openai.primary': 'canary-of-openai-rotated-9d' }, ONCE)
  await sidecar.check()
  expect(await send('/v1/chat/completions', { body: chat('gpt'), headers: { 'x-mock-echo-key': '1' } })).toBe(502)
})

test('files with keys in them that file mode refuses', async () => {
  const file = path.join(directory, '..files.yaml')
  for (const text of BAD_FILES) {
    await writeFile(file, text)
    const { exitCode, messages } = await compileFiles([file], 'default', { CANARY: 'canary-of-the-environment' })
    expect(exitCode).toBe(1)
    note('problems of files', messages.join('\n'))
  }
})

async function noteAdminPages(): Promise<void> {
  const index = await ask(`${admin}/`)
  const pages = [...index.body.matchAll(/href="([^"]+)"/g)].map(([, page = '']) => page)
  expect(pages).toEqual(expect.arrayContaining(['/metrics.json', '/status', '/health/providers']))
  for (const page of pages) note(`admin ${page}`, await ask(`${admin}${page}?verbose`))
}

test('what the admin server tells, and what the sidecar holds', async () => {
  await noteAdminPages()
  note('the sidecar itself', sidecar)
  await sidecar.drain()
})

test('what is explained of each request', async () => {
  expect(accessLines.length).toBeGreaterThan(3 * BEHAVIOURS.length * REQUESTS.length)
  for (const line of accessLines) {
    const { requestId } = JSON.parse(line) as { requestId: string }
    for (const output of ['text', 'json'] as const) {
      const explained = await explain(Readable.from([line]), { requestId, output })
      expect(explained.exitCode).toBe(0)
      note('explanation', explained.output)
    }
  }
})

/** The search proves nothing of what never happened. */
const EXERCISED: readonly (readonly [where: string, what: string])[] = [
  ['log line', '"msg":"circuit opened"'],
  ['log line', '"msg":"credential set aside"'],
  ['log line', '"msg":"credential cools down"'],
  ['answer to', ': keep-alive'],
  ['answer to', 'provider_credentials_exhausted'],
  ['answer to', "'x-outrigger-attempts': '2'"],
  ['access log', '"failure":"provider_stream_error"'],
  ['access log', '"outcome":"Skipped"'],
  ['explanation', 'passed over'],
  ['admin /health/providers', 'SetAside'],
  ['admin /status', 'SetAside'],
]

test('no key came out anywhere, whole or in part', () => {
  const places = new Set(out.map(({ where }) => where))
  expect([...places]).toEqual(expect.arrayContaining(['log line', 'access log', 'explanation']))
  for (const [where, what] of EXERCISED) {
    const isThere = out.some((one) => one.where.startsWith(where) && one.what.includes(what))
    expect({ what, isThere }).toEqual({ what, isThere: true })
  }
  const leaks = out.filter(({ what }) => what.toLowerCase().includes(CANARY))
  expect(leaks.map(({ where, what }) => `${where}: ${excerpt(what)}`)).toEqual([])
})

function excerpt(text: string): string {
  const at = text.toLowerCase().indexOf(CANARY)
  return text.slice(Math.max(0, at - 300), at + 100)
}

test('each provider got its own key, in the header where it belongs, and nothing of the client', () => {
  const seen = { openai: seenBy('openai'), anthropic: seenBy('anthropic'), gemini: seenBy('gemini') }
  expect(seen).toEqual({
    openai: ['authorization: Bearer canary-of-openai-83jf02', 'authorization: Bearer canary-of-openai-rotated-9d'],
    anthropic: ['x-api-key: canary-of-anthropic-2lq9s7'],
    gemini: ['x-goog-api-key: canary-of-gemini-m3x8a1'],
  })
})

/** Wherever in its requests a canary is: request line, headers, body. */
function seenBy(name: 'openai' | 'anthropic' | 'gemini'): string[] {
  const found = providers[name].requests.flatMap(({ path: target, rawHeaders, body }) => {
    const headers = rawHeaders.flatMap((value, i) =>
      i % 2 === 0 ? [`${value.toLowerCase()}: ${rawHeaders[i + 1]}`] : [],
    )
    return [target, ...headers, body].filter((text) => text.toLowerCase().includes(CANARY))
  })
  return [...new Set(found)].sort()
}
