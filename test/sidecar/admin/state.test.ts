// What the pages tell of providers, and what an ill one does to the sidecar's health: people are told, no probe fails.
import { expect, test } from '@jest/globals'
import { SecretValue } from '../../../contract/secret.ts'
import { allOk, checksOf } from '../../../process/admin/health.ts'
import { createState, type StateOptions } from '../../../sidecar/admin/state.ts'
import type { Adopted } from '../../../sidecar/config/configuration.ts'
import { createRuntime } from '../../../sidecar/config/runtime.ts'
import { CredentialStanding } from '../../../sidecar/standing/credential-standing.ts'
import {
  ailment,
  type CircuitReport,
  type ProviderReport,
  providerReports,
} from '../../../sidecar/telemetry/provider-report.ts'
import { createCredentials } from '../../../sidecar/upstream/credentials.ts'
import { provider, sidecarConfig } from '../../support/sidecar-config.ts'
import { limitRow, RULE, rowReport } from '../telemetry/row-reports.ts'

const NOW = Date.UTC(2026, 10, 21, 9, 0, 0)

function credentialsNamed(...names: string[]) {
  return names.map((name) => ({ name, file: `credentials/${name}`, weight: 1 }))
}

const runtime = createRuntime(
  sidecarConfig({
    revision: '0123456789abcdef',
    providers: [
      provider('ai/openai', 'OpenAI', ['gpt-5-mini'], { credentials: credentialsNamed('primary', 'second', 'gone') }),
      provider('ai/vllm', 'OpenAICompatible'),
    ],
  }),
  {},
)
const files = new Map(['primary', 'second'].map((name) => [`credentials/${name}`, new SecretValue(`sk-${name}`)]))

function adopted(): Adopted {
  const standing = () =>
    new CredentialStanding(
      () => 0.5,
      () => {},
    )
  return { runtime, credentials: createCredentials(runtime, files, undefined, standing), complete: true }
}

const CIRCUIT: CircuitReport = {
  operation: 'Chat',
  state: 'Closed',
  forMs: 60_000,
  leftMs: undefined,
  timeToFirstByteMs: 0,
  opened: 0,
  why: '',
}

const IDLE: ProviderReport = {
  provider: 'ai/vllm',
  inFlight: 0,
  health: undefined,
  circuits: [],
  retriesDenied: 0,
  credentials: [],
}

const ILL: ProviderReport = {
  provider: 'ai/openai',
  inFlight: 3,
  health: { state: 'Unhealthy', forMs: 90_000, why: 'GET /models took longer than 5 s' },
  circuits: [
    { ...CIRCUIT, state: 'Open', forMs: 3000, leftMs: 12_000, opened: 2, why: '5 failures in a row' },
    { ...CIRCUIT, operation: 'Embeddings', timeToFirstByteMs: 412 },
  ],
  retriesDenied: 7,
  credentials: [
    { name: 'primary', blocks: [], setAside: {} },
    {
      name: 'second',
      blocks: [
        { state: 'SetAside', model: undefined, leftMs: 8000, why: 'the provider does not accept the key (401)' },
        { state: 'CoolingDown', model: 'gpt-5-mini', leftMs: 500, why: 'the provider limits the rate (429)' },
      ],
      setAside: { Unauthorized: 1 },
    },
    {
      name: 'gone',
      blocks: [{ state: 'Missing', model: undefined, leftMs: undefined, why: 'its file holds no key' }],
      setAside: {},
    },
  ],
}

const CONNECTIONS = [
  { provider: 'ai/openai', open: 2, idle: 1, waiting: 0 },
  { provider: 'ai/vllm', open: 0, idle: 0, waiting: 0 },
  { provider: 'ai/not-for-this-pod', open: 0, idle: 0, waiting: 0 },
]

const NO_SHARES = { instance: 'i1', sharesVersion: null, limits: [] }
const STORE = {
  state: 'Up' as const,
  why: '',
  forMs: 0,
  calls: 0,
  failedCalls: 0,
  lateCalls: 0,
  failures: 0,
  store: 'Standalone redis:6379',
  evictionPolicy: null,
  problem: null,
  onFailure: 'LocalShare' as const,
  sidecars: 1,
  unsettled: 0,
}
const LIMITS = { reports: () => [], shares: () => NO_SHARES, awaits: () => undefined, store: () => undefined }
const NO_USE = { since: '', instance: 'i1', namespace: 'shop', workload: '', pod: '', rows: [] }

function state(change: Partial<StateOptions> = {}) {
  return createState({
    configuration: { current: adopted(), adoptedAtMs: NOW - 1000, rejection: undefined, problems: [] },
    upstream: { connections: () => CONNECTIONS },
    standings: () => [ILL, IDLE],
    limits: LIMITS,
    usage: () => NO_USE,
    draining: () => false,
    wallClock: () => NOW,
    ...change,
  })
}

const OPENAI = {
  provider: 'ai/openai',
  open: 2,
  idle: 1,
  waiting: 0,
  inFlight: 3,
  healthCheck: {
    state: 'Unhealthy',
    since: '2026-11-21T08:58:30.000Z',
    why: 'GET /models took longer than 5 s',
  },
  circuits: [
    {
      operation: 'Chat',
      state: 'Open',
      since: '2026-11-21T08:59:57.000Z',
      until: '2026-11-21T09:00:12.000Z',
      timeToFirstByteMs: null,
      opened: 2,
      why: '5 failures in a row',
    },
    {
      operation: 'Embeddings',
      state: 'Closed',
      since: '2026-11-21T08:59:00.000Z',
      until: null,
      timeToFirstByteMs: 412,
      opened: 0,
      why: null,
    },
  ],
  retriesDenied: 7,
  credentials: [
    { name: 'primary', state: 'InUse', model: null, until: null, why: null },
    {
      name: 'second',
      state: 'SetAside',
      model: null,
      until: '2026-11-21T09:00:08.000Z',
      why: 'the provider does not accept the key (401)',
    },
    {
      name: 'second',
      state: 'CoolingDown',
      model: 'gpt-5-mini',
      until: '2026-11-21T09:00:00.500Z',
      why: 'the provider limits the rate (429)',
    },
    { name: 'gone', state: 'Missing', model: null, until: null, why: 'its file holds no key' },
  ],
}
const VLLM = {
  provider: 'ai/vllm',
  open: 0,
  idle: 0,
  waiting: 0,
  inFlight: 0,
  healthCheck: null,
  circuits: [],
  retriesDenied: 0,
  credentials: [],
}

test('providers are told with connections, circuits, health check, speed and credentials, in moments', () => {
  const { pages } = state()
  expect(pages['/health/providers']?.()).toEqual([OPENAI, VLLM])
  expect(pages['/status']?.()).toEqual({
    revision: '0123456789abcdef',
    complete: true,
    limits: [],
    loadedAt: '2026-11-21T08:59:59.000Z',
    lastError: null,
    problems: ['credential gone of provider ai/openai: file credentials/gone is missing'],
    providers: [OPENAI, VLLM],
  })
})

test('limits and usage have pages of their own, and limits are a part of the status', () => {
  const reports = () => [rowReport(limitRow(RULE))]
  const { pages, details } = state({ limits: { ...LIMITS, reports } })
  const id = 'rule:shop/chat/fast/rpm'
  const limits = [{ id, mode: 'Enforce', unit: 'requests', capacity: 600, used: 0, usedPercent: 0 }]
  expect(pages['/limits']?.()).toEqual({ ...NO_SHARES, rows: [expect.objectContaining({ id, windowMs: 60_000 })] })
  expect(pages['/usage']?.()).toEqual(NO_USE)
  expect(pages['/status']?.()).toMatchObject({ limits, providers: [OPENAI, VLLM] })
  expect(details()).toMatchObject({ limits, state: { limits } })
})

test('no page holds a key', () => {
  const { pages, details } = state()
  const told = JSON.stringify([details(), ...Object.values(pages).map((page) => page())])
  expect(told).toContain('primary')
  expect(told).not.toMatch(/sk-/)
})

test('before the first configuration there is nothing to tell, and nothing is ill', () => {
  const configuration = { current: undefined, adoptedAtMs: undefined, rejection: undefined, problems: [] }
  const { pages, checks } = state({ configuration, standings: () => [] })
  expect(pages['/health/providers']?.()).toEqual([])
  expect(checks().map(({ name, ok, message }) => [name, ok, message])).toEqual([
    ['config', false, 'no configuration has been loaded yet'],
    ['drain', true, ''],
    ['limits', true, ''],
    ['providers', true, ''],
  ])
})

test('a pod that has no share of what it shares is not ready, one without its store is', () => {
  const awaits = () => 'no share of shared limits has come yet'
  expect(allOk(checksOf('ready', state({ limits: { ...LIMITS, awaits } }).checks()))).toBe(false)
  const store = () => ({ ...STORE, state: 'Failed' as const, why: 'it does not answer' })
  const { checks, pages } = state({ standings: () => [], limits: { ...LIMITS, store } })
  expect(checks().filter(({ ok }) => !ok)).toEqual([
    {
      name: 'store',
      ok: false,
      message: 'the store of limits is away: Standalone redis:6379: it does not answer',
      kinds: [],
    },
  ])
  expect(allOk(checksOf('ready', checks()))).toBe(true)
  expect(pages['/status']?.()).toMatchObject({ store: { state: 'Failed', store: 'Standalone redis:6379' } })
})

test('a store that evicts is told, and makes nobody unready', () => {
  const store = () => ({ ...STORE, evictionPolicy: 'allkeys-lru' })
  const checks = state({ standings: () => [], limits: { ...LIMITS, store } }).checks()
  const forgets = 'maxmemory-policy allkeys-lru makes it forget counts, it must be noeviction'
  expect(checks.filter(({ ok }) => !ok)).toEqual([
    { name: 'store', ok: false, message: `the store of limits evicts: Standalone redis:6379: ${forgets}`, kinds: [] },
  ])
  expect(allOk(checksOf('ready', checks))).toBe(true)
})

test('an ill provider is told, and neither readiness nor liveness depends on it', () => {
  const checks = state().checks()
  expect(checks.filter(({ ok }) => !ok).map(({ name, message }) => [name, message])).toEqual([
    ['providers', 'ai/openai fails its health checks'],
  ])
  for (const kind of ['live', 'ready', 'startup'] as const) expect(allOk(checksOf(kind, checks))).toBe(true)
})

const WELL: ProviderReport = { ...ILL, health: undefined, circuits: [] }
const [CHAT, EMBEDDINGS] = ILL.circuits as [ProviderReport['circuits'][0], ProviderReport['circuits'][0]]
const [PRIMARY, SECOND, GONE] = ILL.credentials as [
  ProviderReport['credentials'][0],
  ProviderReport['credentials'][0],
  ProviderReport['credentials'][0],
]

test.each<[string, Partial<ProviderReport>, string | undefined]>([
  ['one credential of three is enough', {}, undefined],
  ['no credential is wanted', { credentials: [] }, undefined],
  ['no credential is left', { credentials: [SECOND, GONE] }, 'ai/openai has no usable credential'],
  ['one is out for a model only', { credentials: [{ ...SECOND, blocks: SECOND.blocks.slice(1) }, GONE] }, undefined],
  ['a circuit is open', { circuits: [CHAT, EMBEDDINGS], credentials: [PRIMARY] }, 'ai/openai: circuit open for Chat'],
  ['a circuit is half-open', { circuits: [{ ...CHAT, state: 'HalfOpen' }] }, undefined],
  ['its checks pass', { health: { state: 'Healthy', forMs: 5, why: '' } }, undefined],
])('what ails a provider: %s', (_name, change, expected) => {
  expect(ailment({ ...WELL, ...change })).toBe(expected)
})

test('reports are put together from standings and credentials; a credential without a key is told, too', () => {
  const current = adopted()
  const openai = runtime.providers[0]
  current.credentials.of(openai as NonNullable<typeof openai>)[1]?.standing?.refused(401, '', 1000)
  const { credentials: _, ...standing } = WELL
  const other = { ...standing, provider: 'ai/not-for-this-pod' }
  const reports = providerReports(current, [standing, other], 2000)
  expect(reports.map((report) => report.provider)).toEqual(['ai/openai'])
  expect(
    reports[0]?.credentials.map(({ name, blocks }) => [name, blocks.map(({ state: is, leftMs }) => [is, leftMs])]),
  ).toEqual([
    ['primary', []],
    ['second', [['SetAside', 9000]]],
    ['gone', [['Missing', undefined]]],
  ])
})
