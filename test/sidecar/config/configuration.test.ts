// What becomes of a published document, seen from outside: by requests, /status, /metrics, /config and the log.
import { generateKeyPairSync, hash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { publish } from '../../../cli/publish.ts'
import { CONFIG_FILE, CONFIG_INDEX_FILE, LABELS_FILE, shardFile } from '../../../contract/names.ts'
import type { ProviderConfig, SidecarConfig } from '../../../contract/sidecar-config.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'
import { mockForTests } from '../../mock/with-mock.ts'
import { ask, askJson, chat, until } from '../../support/client.ts'
import { parsePrometheusText } from '../../support/prometheus-text.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import { backend, provider, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'

const FIRST = '1111111111111111'
const SECOND = '2222222222222222'
const KEY_FILE = 'shop.openai.primary'

const mock = mockForTests()

function openai(rest: Partial<ProviderConfig> = {}): ProviderConfig {
  const credentials = [{ name: 'primary', file: KEY_FILE, weight: 1 }]
  return provider('shop/openai', 'OpenAI', ['gpt'], { baseURL: `${mock().url}/v1`, credentials, ...rest })
}

function document(revision: string, rest: Partial<SidecarConfig> = {}): SidecarConfig {
  return sidecarConfig({ revision, providers: [openai()], ...rest })
}

const KEYS = { [KEY_FILE]: 'sk-first' }

async function withSidecar(work: (sidecar: TestSidecar) => Promise<void>): Promise<void> {
  const sidecar = await startTestSidecar({ config: document(FIRST), keys: KEYS })
  try {
    await work(sidecar)
  } finally {
    await sidecar.stop()
  }
}

/** Publishes files as they are, whatever is in them. */
async function publishRaw(sidecar: TestSidecar, files: Readonly<Record<string, string>>): Promise<void> {
  await publish(sidecar.directory, new Map(Object.entries(files)))
  await sidecar.sidecar.check()
}

interface Told {
  /** Status and serving provider of a request. */
  served: string
  revision: unknown
  lastError: string | undefined
  rejected: number | undefined
  rejectedTotal: number | undefined
  /** `reason` of each rejection in the log. */
  logged: unknown[]
}

async function toldBy(sidecar: TestSidecar): Promise<Told> {
  const { status, headers } = await ask(`${sidecar.url}/v1/chat/completions`, { body: chat('gpt') })
  const { revision, lastError } = (await askJson(`${sidecar.adminUrl}/status`)) as {
    revision: unknown
    lastError: { message: string } | null
  }
  const families = parsePrometheusText((await ask(`${sidecar.adminUrl}/metrics`)).body)
  const metric = (name: string) => families.get(name)?.samples[0]?.value
  return {
    served: `${status} ${headers['x-outrigger-provider']}`,
    revision,
    lastError: lastError?.message,
    rejected: metric('outrigger_config_rejected'),
    rejectedTotal: metric('outrigger_config_rejected_total'),
    logged: sidecar.logLines.filter(({ level }) => level === 'error').map(({ reason }) => reason),
  }
}

const WELL = {
  served: '200 shop/openai',
  revision: FIRST,
  lastError: undefined,
  rejected: 0,
  rejectedTotal: 0,
  logged: [],
}

const DANGLING = { routes: [routeConfig('shop/chat', [ruleConfig('all', { backends: [backend('shop/gone')] })])] }

const BAD_DOCUMENTS: [what: string, text: () => string | undefined, why: string][] = [
  ['is not JSON', () => '{"format": 1,', 'document: not JSON'],
  ['is empty', () => '', 'document: not JSON'],
  ['is no object', () => '[]', 'document: expected an object'],
  [
    'is of a later format',
    () => JSON.stringify({ ...document(SECOND), format: 2 }),
    'format: this sidecar reads format 1',
  ],
  ['has an unknown field', () => JSON.stringify({ ...document(SECOND), budget: 1 }), 'budget'],
  [
    'names a provider that is not in it',
    () => JSON.stringify(document(SECOND, DANGLING)),
    'no provider has the id shop/gone',
  ],
  ['is gone', () => undefined, 'The document is gone; the last one stays in force.'],
]

test.each(BAD_DOCUMENTS)('a document that %s changes nothing but what is told about it', async (_, text, why) => {
  await withSidecar(async (sidecar) => {
    expect(await toldBy(sidecar)).toEqual(WELL)
    const bad = text()
    await publishRaw(sidecar, { ...KEYS, ...(bad === undefined ? {} : { [CONFIG_FILE]: bad }) })
    const reason = expect.stringContaining(why)
    expect(await toldBy(sidecar)).toEqual({
      ...WELL,
      lastError: reason,
      rejected: 1,
      rejectedTotal: 1,
      logged: [reason],
    })
    expect((await askJson(`${sidecar.adminUrl}/config`)).revision).toBe(FIRST)
    expect((await ask(`${sidecar.adminUrl}/readyz`)).status).toBe(200)
  })
})

test('a mended document takes the error back, also when it is the one that was in force', async () => {
  await withSidecar(async (sidecar) => {
    await publishRaw(sidecar, { ...KEYS, [CONFIG_FILE]: 'bad' })
    await sidecar.publish({ config: document(FIRST), keys: KEYS })
    const logged = [expect.stringContaining('not JSON')]
    expect(await toldBy(sidecar)).toEqual({ ...WELL, rejectedTotal: 1, logged })
    await publishRaw(sidecar, { ...KEYS, [CONFIG_FILE]: 'bad' })
    await sidecar.publish({ config: document(SECOND), keys: KEYS })
    expect(await toldBy(sidecar)).toMatchObject({
      revision: SECOND,
      lastError: undefined,
      rejected: 0,
      rejectedTotal: 2,
    })
  })
})

test('a first document that is bad leaves the sidecar alive and not ready, and says why', async () => {
  const sidecar = await startTestSidecar(undefined)
  await publishRaw(sidecar, { [CONFIG_FILE]: 'bad' })
  expect((await ask(`${sidecar.adminUrl}/livez`)).body).toBe('ok')
  const { status, body } = await ask(`${sidecar.adminUrl}/readyz`)
  expect([status, body]).toEqual([503, expect.stringContaining('[-]config failed: document: not JSON')])
  const { status: refused, headers } = await ask(`${sidecar.url}/v1/chat/completions`, { body: chat('gpt') })
  expect([refused, headers['x-outrigger-reason'], headers['retry-after']]).toEqual([503, 'not_configured', '1'])
  await sidecar.publish({ config: document(FIRST), keys: KEYS })
  expect((await ask(`${sidecar.adminUrl}/readyz`)).status).toBe(200)
  await sidecar.stop()
})

const BAD_KEYS: [what: string, keys: Record<string, string>, problem: string][] = [
  ['is empty', { [KEY_FILE]: ' \n' }, 'does not hold a key (one line of visible ASCII characters)'],
  [
    'has two lines',
    { [KEY_FILE]: 'sk-canary\nsk-canary' },
    'does not hold a key (one line of visible ASCII characters)',
  ],
  [
    'would add a header',
    { [KEY_FILE]: 'sk-canary\r\nx-a: b' },
    'does not hold a key (one line of visible ASCII characters)',
  ],
  ['is no ASCII', { [KEY_FILE]: 'sk-canäry' }, 'does not hold a key (one line of visible ASCII characters)'],
]

test.each(BAD_KEYS)('a key that %s is named by its file, in /status and in the log', async (_, keys, problem) => {
  await withSidecar(async (sidecar) => {
    await sidecar.publish({ config: document(SECOND), keys })
    const sentence = `credential primary of provider shop/openai: file ${KEY_FILE} ${problem}`
    const status = await askJson(`${sidecar.adminUrl}/status`)
    expect([status.revision, status.problems]).toEqual([SECOND, [sentence]])
    const warnings = sidecar.logLines.filter(({ level }) => level === 'warn').map(({ problem }) => problem)
    expect(warnings).toEqual([sentence])
    const { status: refused, headers } = await ask(`${sidecar.url}/v1/chat/completions`, { body: chat('gpt') })
    expect([refused, headers['x-outrigger-reason']]).toEqual([503, 'credential_unavailable'])
  })
})

const NEXT_FILE = `${KEY_FILE}.2`

/** Of another revision, with the key of another version. */
function rotated(): SidecarConfig {
  return document(SECOND, { providers: [openai({ credentials: [{ name: 'primary', file: NEXT_FILE, weight: 1 }] })] })
}

test('a document whose credential files have not come waits for them, while the one in force serves', async () => {
  await withSidecar(async (sidecar) => {
    mock().clear()
    await sidecar.publish({ config: rotated(), keys: KEYS })
    const waiting = `provider shop/openai: file ${NEXT_FILE} is not there yet`
    const told = { ...WELL, lastError: waiting, rejected: 1, rejectedTotal: 1, logged: [waiting] }
    expect(await toldBy(sidecar)).toEqual(told)
    await sidecar.publish({ config: rotated(), keys: { [NEXT_FILE]: 'sk-second' } })
    expect(await toldBy(sidecar)).toEqual({ ...told, revision: SECOND, lastError: undefined, rejected: 0 })
    expect(keysSeen()).toEqual(['Bearer sk-first', 'Bearer sk-second'])
  })
})

test('credentials that come before their document change nothing for the one in force', async () => {
  await withSidecar(async (sidecar) => {
    await sidecar.publish({ config: document(FIRST), keys: { [NEXT_FILE]: 'sk-second' } })
    expect(await toldBy(sidecar)).toMatchObject({ served: '200 shop/openai', revision: FIRST, rejected: 1 })
    await sidecar.publish({ config: rotated(), keys: { [NEXT_FILE]: 'sk-second' } })
    expect(await toldBy(sidecar)).toMatchObject({ served: '200 shop/openai', revision: SECOND, rejected: 0 })
  })
})

test('many files that are not there are told by a few, and their number', async () => {
  await withSidecar(async (sidecar) => {
    const credentials = Array.from({ length: 16 }, (_, i) => ({ name: `key-${i}`, file: `gone-${i}`, weight: 1 }))
    await sidecar.publish({ config: document(SECOND, { providers: [openai({ credentials })] }), keys: KEYS })
    const { lastError } = await toldBy(sidecar)
    expect(lastError).toMatch(/^provider shop\/openai: file gone-0 is not there yet; .*gone-4 .*; and 11 more$/)
  })
})

test('a first document is taken without its credential files, and told as incomplete until they come', async () => {
  const sidecar = await startTestSidecar({ config: document(FIRST) })
  const completeness = async () => {
    const { revision, complete, problems } = await askJson(`${sidecar.adminUrl}/status`)
    return { revision, complete, problems }
  }
  const problems = [`credential primary of provider shop/openai: file ${KEY_FILE} is missing`]
  expect(await completeness()).toEqual({ revision: FIRST, complete: false, problems })
  expect((await ask(`${sidecar.adminUrl}/readyz`)).status).toBe(200)
  const { status, headers } = await ask(`${sidecar.url}/v1/chat/completions`, { body: chat('gpt') })
  expect([status, headers['x-outrigger-reason']]).toEqual([503, 'credential_unavailable'])
  await sidecar.publish({ config: document(FIRST), keys: KEYS })
  expect(await completeness()).toEqual({ revision: FIRST, complete: true, problems: [] })
  await sidecar.stop()
})

test('spaces and a line end around a key are not part of it', async () => {
  await withSidecar(async (sidecar) => {
    mock().clear()
    await sidecar.publish({ config: document(SECOND), keys: { [KEY_FILE]: ' sk-second\n' } })
    await toldBy(sidecar)
    expect(keysSeen()).toEqual(['Bearer sk-second'])
  })
})

function keysSeen(): (string | undefined)[] {
  return mock().requests.map(({ rawHeaders }) => {
    const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization')
    return rawHeaders[at + 1]
  })
}

test('a rotated key is used by the next request, while a stream that began with the old one goes on', async () => {
  await withSidecar(async (sidecar) => {
    mock().clear()
    let streamed = ''
    const stream = ask(`${sidecar.url}/v1/chat/completions`, {
      body: chat('gpt', { stream: true }),
      headers: { 'x-mock-words': '60', 'x-mock-chunk-delay': '5' },
      onBody: (body) => {
        streamed = body
      },
    })
    await until(
      () => streamed,
      (body) => body.includes('data: '),
    )
    // The same document with another key.
    await sidecar.publish({ config: document(FIRST), keys: { [KEY_FILE]: 'sk-rotated' } })
    expect(await toldBy(sidecar)).toEqual(WELL)
    expect(streamed).not.toContain('[DONE]')
    expect(await stream).toMatchObject({ status: 200, complete: true, body: expect.stringContaining('[DONE]') })
    expect(keysSeen()).toEqual(['Bearer sk-first', 'Bearer sk-rotated'])
  })
})

const CERTIFICATE_FILE = 'shop.openai.tls.crt'
const PRIVATE_KEY_FILE = 'shop.openai.tls.key'
const OTHER_KEY = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
}).privateKey

const clientCertificate = { certificateFile: CERTIFICATE_FILE, keyFile: PRIVATE_KEY_FILE }
const egressProxy = { url: 'http://proxy.example:3128', credentialsFile: 'proxy' }

const BAD_TLS: [what: string, rest: Partial<ProviderConfig>, files: Record<string, string>, why: RegExp][] = [
  [
    'a client certificate whose key is missing',
    { tls: { clientCertificate } },
    { [CERTIFICATE_FILE]: CERTIFICATE },
    /^provider shop\/tls: file shop\.openai\.tls\.key is not there yet$/,
  ],
  [
    'a client certificate that is none',
    { tls: { clientCertificate } },
    { [CERTIFICATE_FILE]: 'no', [PRIVATE_KEY_FILE]: KEY },
    /^TLS or egress proxy settings cannot be used: .*PEM/,
  ],
  [
    'a client certificate with the key of another',
    { tls: { clientCertificate } },
    { [CERTIFICATE_FILE]: CERTIFICATE, [PRIVATE_KEY_FILE]: OTHER_KEY },
    /^TLS or egress proxy settings cannot be used: .*key values mismatch/,
  ],
  ['a CA bundle that is none', { tls: { caBundle: 'no certificate' } }, {}, /^TLS or egress proxy .*PEM/],
  ['a proxy whose credentials are missing', { egressProxy }, {}, /^provider shop\/tls: file proxy is not there yet$/],
]

test.each(BAD_TLS)('a document with %s is rejected whole', async (_, rest, files, why) => {
  await withSidecar(async (sidecar) => {
    const config = document(SECOND, {
      providers: [openai(), { ...openai(rest), id: 'shop/tls', baseURL: 'https://llm.example' }],
    })
    await sidecar.publish({ config, keys: { ...KEYS, ...files } })
    const { lastError, ...told } = await toldBy(sidecar)
    expect(lastError).toMatch(why)
    expect(told).toMatchObject({ served: '200 shop/openai', revision: FIRST, rejected: 1 })
  })
})

/** Pods with the label app=cart are refused. */
function routed(): SidecarConfig {
  const closed = ruleConfig('all', { unavailable: 'closed' })
  return document(FIRST, { routes: [routeConfig('shop/cart', [closed], { app: 'cart' })] })
}

const LABELS: [what: string, labels: string | undefined, flag: Record<string, string>, status: number][] = [
  ['no labels', undefined, {}, 200],
  ['the published labels', 'app="cart"', {}, 503],
  ['the labels of the flag instead of the published ones', 'app="cart"', { app: 'shop' }, 200],
  ['the labels of the flag where none are published', undefined, { app: 'cart' }, 503],
]

test.each(LABELS)('a pod with %s', async (_, labels, flag, expected) => {
  const sidecar = await startTestSidecar(undefined, { labels: flag })
  const published = labels === undefined ? {} : { [LABELS_FILE]: labels }
  await publishRaw(sidecar, { ...KEYS, ...published, [CONFIG_FILE]: JSON.stringify(routed()) })
  const { status } = await ask(`${sidecar.url}/v1/chat/completions`, { body: chat('gpt') })
  expect(status).toBe(expected)
  await sidecar.stop()
})

test('labels that change alone change the routes, and not the revision; bad ones change nothing', async () => {
  await withSidecar(async (sidecar) => {
    const relabel = (labels: string) =>
      publishRaw(sidecar, { ...KEYS, [CONFIG_FILE]: JSON.stringify(routed()), [LABELS_FILE]: labels })
    await relabel('app="shop"')
    expect(await toldBy(sidecar)).toEqual(WELL)
    await relabel('app="cart"')
    expect(await toldBy(sidecar)).toEqual({ ...WELL, served: '503 undefined' })
    await relabel('app=shop')
    expect(await toldBy(sidecar)).toMatchObject({
      served: '503 undefined',
      revision: FIRST,
      lastError: 'labels: line 1: expected key="value"',
    })
    await relabel('app="shop"')
    expect(await toldBy(sidecar)).toMatchObject({ served: '200 shop/openai', lastError: undefined })
  })
})

test('a document in pieces is adopted when all are there that belong together', async () => {
  await withSidecar(async (sidecar) => {
    const gzip = gzipSync(JSON.stringify(document(SECOND)))
    const pieces = [gzip.subarray(0, 100), gzip.subarray(100)]
    const shards = pieces.map((piece, i) => ({ file: shardFile(i), sha256: hash('sha256', piece) }))
    const index = JSON.stringify({ revision: SECOND, shards })
    const files: [string, string | Uint8Array][] = [[CONFIG_INDEX_FILE, index], ...Object.entries(KEYS)]
    for (const [i, piece] of pieces.entries()) {
      expect(await toldBy(sidecar)).toMatchObject({ revision: FIRST, rejected: Math.min(i, 1) })
      files.push([shardFile(i), piece])
      await publish(sidecar.directory, new Map(files))
      await sidecar.sidecar.check()
    }
    expect(await toldBy(sidecar)).toMatchObject({ revision: SECOND, lastError: undefined, rejectedTotal: 1 })
  })
})
