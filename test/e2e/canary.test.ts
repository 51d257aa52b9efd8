// Keys that are easy to find, in every place where a key comes in: then everything that comes out is searched for them. The
// word that is searched for looks like no key, so that a redaction by pattern helps nobody. The tests are one flow, in order.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { WebSocket } from 'ws'
import { compileFiles } from '../../cli/compile.ts'
import { publish } from '../../cli/publish.ts'
import { CONFIG_FILE } from '../../contract/names.ts'
import type { ProviderConfig } from '../../contract/sidecar-config.ts'
import { type Mock, startMock } from '../../mock/server.ts'
import { createLog, type Log, type LogFields } from '../../process/log.ts'
import { SIDECAR_FLAGS, type SidecarSettings } from '../../sidecar/settings.ts'
import { type Sidecar, startSidecar } from '../../sidecar/sidecar.ts'
import { type AskOptions, ask, chat } from '../support/client.ts'
import { LEAK_NAMES, type LeakyProvider, startLeakyProvider } from '../support/leaky-provider.ts'
import { provider, sidecarConfig } from '../support/sidecar-config.ts'

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

const CLIENT_KEY = 'canary-of-the-client-4kd8s2'

const TIMEOUTS = { connectMs: 500, firstByteMs: 150, idleMs: 150, totalMs: 2000 }

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
  await publishDocument(KEYS)
  sidecar = await startSidecar({
    settings: settings(),
    version: '0.0.0-test',
    directory,
    log: everyLog(),
    output: {
      write(text, done) {
        note('access log', text)
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

function settings(): SidecarSettings {
  const defaults = Object.entries(SIDECAR_FLAGS).map(([name, flag]) => [name, flag.parse(flag.default)])
  const anyPort = { host: '127.0.0.1', port: 0 }
  return { ...Object.fromEntries(defaults), listen: anyPort, admin: anyPort, logLevel: 'debug', drainTimeout: 300 }
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
  const credentials = [{ name: 'primary', file: `ai.${name}.primary`, weight: 1 }]
  return provider(`ai/${name}`, type, [model], { baseURL, credentials, timeouts: TIMEOUTS })
}

async function publishDocument(keys: Readonly<Record<string, string>>, change: object = {}): Promise<void> {
  const config = sidecarConfig({
    providers: [
      providerConfig('openai', 'OpenAI', 'gpt', `${providers.openai.url}/v1`),
      providerConfig('anthropic', 'Anthropic', 'claude', providers.anthropic.url),
      providerConfig('gemini', 'Gemini', 'gemini', providers.gemini.url),
      providerConfig('leaky', 'OpenAICompatible', 'leaky', `${providers.leaky.url}/v1`),
      providerConfig('split', 'OpenAICompatible', 'split', `${providers.split.url}/v1`),
      {
        ...providerConfig('proxied', 'OpenAICompatible', 'proxied', 'http://llm.example/v1'),
        egressProxy: { url: providers.openai.url, credentialsFile: 'ai.proxied.egress' },
      },
    ],
  })
  await publish(directory, new Map([[CONFIG_FILE, JSON.stringify({ ...config, ...change })], ...Object.entries(keys)]))
}

/** Where a client puts a key, whatever it speaks. */
const CLIENT_HEADERS = {
  authorization: `Bearer ${CLIENT_KEY}`,
  'x-api-key': CLIENT_KEY,
  'api-key': CLIENT_KEY,
  'proxy-authorization': `Basic ${CLIENT_KEY}`,
  cookie: `session=${CLIENT_KEY}`,
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

const MESSAGE = { model: 'claude', max_tokens: 50, messages: [{ role: 'user', content: 'Hello' }] }
const CONTENTS = { contents: [{ parts: [{ text: 'Hello' }] }] }
const ANTHROPIC = { 'anthropic-version': '2023-06-01' }
const GEMINI = { 'x-goog-api-key': CLIENT_KEY }

const REQUESTS: [target: string, options: AskOptions][] = [
  ['/v1/chat/completions', { body: chat('gpt') }],
  ['/v1/chat/completions', { body: chat('gpt', { stream: true }) }],
  ['/v1/responses', { body: { model: 'gpt', input: 'Hello', stream: true } }],
  ['/v1/embeddings', { body: { model: 'gpt', input: 'Hello' } }],
  ['/v1/files', { headers: { 'x-goog-api-client': '' }, method: 'GET' }],
  ['/v1/messages', { body: MESSAGE, headers: ANTHROPIC }],
  ['/v1/messages', { body: { ...MESSAGE, stream: true }, headers: ANTHROPIC }],
  ['/v1/messages/count_tokens', { body: MESSAGE, headers: ANTHROPIC }],
  ['/v1beta/models/gemini:generateContent', { body: CONTENTS, headers: GEMINI }],
  ['/v1beta/models/gemini:streamGenerateContent?alt=sse', { body: CONTENTS, headers: GEMINI }],
  ['/v1beta/models/gemini:streamGenerateContent', { body: CONTENTS, headers: GEMINI }],
]

/** All that the mock can be asked for, and what makes it repeat the key in its own ways. */
const BEHAVIOURS: Readonly<Record<string, string>>[] = [
  {},
  { 'x-mock-status': '401' },
  { 'x-mock-status': '429', 'x-mock-retry-after': '1' },
  { 'x-mock-status': '500' },
  { 'x-mock-echo-key': '1' },
  { 'x-mock-echo-key': '1', 'x-mock-status': '503' },
  { 'x-mock-echo-key': '1', 'x-mock-status': '200' },
  { 'x-mock-echo-key': '1', 'x-mock-chunk-size': '1' },
  { 'x-mock-echo-key': '1', 'x-mock-gzip': '1' },
  { 'x-mock-echo-key': '1', 'x-mock-no-length': '1' },
  { 'x-mock-echo-key': '1', 'x-mock-cut-after-bytes': '60' },
  { 'x-mock-echo-key': '1', 'x-mock-error-in-stream': 'first' },
  { 'x-mock-echo-key': '1', 'x-mock-error-in-stream': 'after-2' },
  { 'x-mock-echo-key': '1', 'x-mock-error-in-stream': 'after-2', 'x-mock-chunk-size': '1' },
  { 'x-mock-stall': '' },
  { 'x-mock-stall': '2' },
  { 'x-mock-cut-after-events': '1' },
  { 'x-mock-cut-after-bytes': '30', 'x-mock-cut': 'rst' },
  { 'x-mock-cut-after-bytes': '30', 'x-mock-cut': 'clean' },
  { 'x-mock-gzip': '1', 'x-mock-trailers': '1', 'x-mock-early-hints': '1' },
  { 'x-mock-close': '1', 'x-mock-tools': 'parallel' },
  { 'x-mock-nonsense': '1' },
]

async function exercise(): Promise<void> {
  for (const behaviour of BEHAVIOURS) {
    await Promise.all(
      REQUESTS.map(([target, options]) => send(target, { ...options, headers: { ...options.headers, ...behaviour } })),
    )
  }
}

test('requests of every kind, with every fault of the mock', async () => {
  const statuses = await Promise.all(REQUESTS.map(([target, options]) => send(target, options)))
  expect(statuses).toEqual(REQUESTS.map(() => 200))
  await exercise()
})

test('providers that repeat the key where none would', async () => {
  for (const leak of LEAK_NAMES) {
    for (const model of ['leaky', 'split']) {
      for (const body of [chat(model), chat(model, { stream: true })]) {
        await send('/v1/chat/completions', { body, headers: { 'x-leak': leak } })
      }
    }
  }
})

test('requests that are refused', async () => {
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
  [{ 'x-mock-echo-key': '1' }, 401],
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
  await publishDocument(notAKey)
  await sidecar.check()
  await send('/v1/chat/completions', { body: chat('gpt') })
  await publishDocument(KEYS, { format: 9 })
  await sidecar.check()
  const clientCertificate = { certificateFile: 'c', keyFile: 'k' }
  const tls = { ...providerConfig('tls', 'OpenAI', 'tls', 'https://llm.example'), tls: { clientCertificate } }
  const pem = '-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n'
  await publishDocument({ ...KEYS, c: pem, k: pem }, { providers: [tls] })
  await sidecar.check()
  await publishDocument({ ...KEYS, 'ai.openai.primary': 'canary-of-openai-rotated-9d' })
  await sidecar.check()
  expect(await send('/v1/chat/completions', { body: chat('gpt'), headers: { 'x-mock-echo-key': '1' } })).toBe(401)
})

test('files with keys in them that file mode refuses', async () => {
  const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n'
  const files = [
    `${secret}stringData: {key: canary-1, key: canary-2}\n`,
    `${secret}stringData: {key: [canary-1]}\n`,
    `${secret}stringData: {key: "canary-\${UNSET_VARIABLE}"}\n`,
    `${secret}data: {key: canary-1}\n`,
    `${secret}stringData: canary-1\n`,
    `${secret}stringData: {key: "canary-1\n`,
    `${secret}stringData: {key: *canary-1}\n`,
    `${secret}stringdata: {key: canary-1}\n`,
    `kind: Secret\nstringData: {key: canary-1}\n`,
  ]
  const file = path.join(directory, '..files.yaml')
  for (const text of files) {
    await writeFile(file, text)
    const { exitCode, messages } = await compileFiles([file], 'default', { CANARY: 'canary-of-the-environment' })
    expect(exitCode).toBe(1)
    note('problems of files', messages.join('\n'))
  }
})

test('what the admin server tells, and what the sidecar holds', async () => {
  const index = await ask(`${admin}/`)
  const pages = [...index.body.matchAll(/href="([^"]+)"/g)].map(([, page = '']) => page)
  expect(pages).toContain('/metrics.json')
  for (const page of pages) note(`admin ${page}`, await ask(`${admin}${page}?verbose`))
  note('the sidecar itself', sidecar)
  await sidecar.drain()
})

test('no key came out anywhere, whole or in part', () => {
  const places = new Set(out.map(({ where }) => where))
  expect(places).toContain('log line')
  expect(places).toContain('access log')
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
