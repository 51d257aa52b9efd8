import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { HealthCheckConfig, ProviderConfig } from '../../../contract/sidecar-config.ts'
import { createRuntime, type Provider } from '../../../sidecar/config/runtime.ts'
import { type HealthCheckOptions, HealthChecks } from '../../../sidecar/upstream/health-checks.ts'
import { until } from '../../support/client.ts'
import { provider, sidecarConfig } from '../../support/sidecar-config.ts'
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts'
import { FakeProvider, OK } from './fake-provider.ts'
import { closeAll, TestUpstream } from './upstream-for-tests.ts'

const CHECK: HealthCheckConfig = {
  path: '/models',
  intervalMs: 30_000,
  timeoutMs: 5000,
  unhealthyThreshold: 1,
  healthyThreshold: 1,
}

let fake: FakeProvider
let baseURL: string
let one: TestUpstream
let clock: VirtualClock
let checks: HealthChecks
let adopted: Provider
/** What the standing was told. */
let health: string[]

const standing: ReturnType<HealthCheckOptions['standingOf']> = {
  setHealth: (healthy, why) => health.push(`${healthy}: ${why}`),
  forgetHealth: () => health.push('forgotten'),
}

beforeEach(async () => {
  fake = await FakeProvider.start()
  baseURL = `http://127.0.0.1:${fake.port}`
  one = new TestUpstream(baseURL)
  clock = createVirtualClock()
  health = []
  checks = create()
})

afterEach(async () => {
  checks.close()
  await closeAll(one, fake)
})

function create(options: Partial<HealthCheckOptions> = {}): HealthChecks {
  return new HealthChecks({
    upstream: one.upstream,
    standingOf: () => standing,
    credentialLine: () => undefined,
    now: clock.now,
    random: () => 0.5,
    startTimer: clock.startTimer,
    ...options,
  })
}

function adopt(check: Partial<HealthCheckConfig> = {}, config: Partial<ProviderConfig> = {}): void {
  adopted = one.adopt(baseURL, { healthCheck: { ...CHECK, ...check }, ...config })
  checks.adopt([adopted])
}

/** What was sent has come to an end. */
function settled(): Promise<object> {
  return until(
    () => one.counts,
    ({ open, idle, waiting }) => open === idle && waiting === 0,
  )
}

/** Answers one check after the other. */
async function answerAll(answers: readonly string[]): Promise<void> {
  const left = [...answers]
  void fake.serve(() => left.shift())
  for (let i = 0; i < answers.length; i++) {
    await clock.advance(i === 0 ? 500 : 30_000)
    await settled()
  }
  expect(left).toEqual([])
}

function answer(status: number): string {
  return `HTTP/1.1 ${status} X\r\nContent-Length: 2\r\n\r\n${status === 204 || status === 304 ? '' : 'ok'}`
}

for (const status of [200, 204, 301, 304, 401, 402, 403, 429]) {
  test(`a provider that answers ${status} is there`, async () => {
    adopt()
    await answerAll([answer(status)])
    expect(health).toEqual([`Healthy: a check passed with ${status}`])
  })
}

for (const status of [400, 404, 408, 500, 502, 503, 529]) {
  test(`one that answers ${status} is not`, async () => {
    adopt()
    await answerAll([answer(status)])
    expect(health).toEqual([`Unhealthy: a check failed with status ${status}`])
  })
}

const BROKEN: readonly [name: string, bytes: string, code: string][] = [
  ['closes', '', 'provider_disconnected'],
  ['stops in the middle of its answer', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\no', 'provider_total_timeout'],
  ['does not answer', ' ', 'provider_total_timeout'],
  ['answers something else', 'SSH-2.0-OpenSSH_9.6\r\n', 'provider_invalid_response'],
]

test.each(BROKEN)('nor is one that %s', async (_name, bytes, code) => {
  adopt()
  void fake.serve((_request, { socket }) => {
    if (bytes === '') socket.destroy()
    return bytes.trim()
  })
  await clock.advance(500)
  const connection = await until(
    () => fake.connections[0],
    (seen) => seen !== undefined,
  )
  await until(
    () => connection?.socket.bytesRead ?? 0,
    (bytesRead) => bytesRead > 0,
  )
  // The others end by themselves.
  if (code === 'provider_total_timeout') one.pass(5000)
  await settled()
  expect(health).toEqual([`Unhealthy: a check failed with no whole answer (${code})`])
})

test('nor is one that cannot be reached', async () => {
  await fake.close()
  adopt()
  await clock.advance(500)
  await settled()
  expect(health[0]).toContain('no whole answer (provider_unreachable)')
  fake = await FakeProvider.start()
})

test('that requests use all connections says nothing about the provider', async () => {
  const connections = { max: 1, idleMs: 60_000 }
  adopt({}, { connections })
  const request = one.send('/slow')
  const connection = await fake.connection()
  await connection.request()
  await clock.advance(500)
  await one.reaches({ open: 1, idle: 0, waiting: 1 })
  one.pass(4600)
  await one.reaches({ open: 1, idle: 0, waiting: 0 })
  connection.write(OK)
  await request.outcome
  expect(health).toEqual([])
})

test('it takes so many checks in a row to change what is thought of it', async () => {
  adopt({ unhealthyThreshold: 3, healthyThreshold: 2 })
  const [good, bad] = [answer(200), answer(503)]
  await answerAll([bad, bad, good, bad, bad, 'what?\r\n', good, bad, good, good])
  expect(health).toEqual([
    'Unhealthy: 3 checks failed in a row, the last with no whole answer (provider_invalid_response)',
    'Healthy: a check passed with 200',
  ])
})

test('more of a body than its bound is not read, and the answer counts', async () => {
  adopt()
  void fake.serve(() => `HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n${'x'.repeat(1024 * 1024 + 1)}`)
  await clock.advance(500)
  await one.reaches({ open: 0, idle: 0, waiting: 0 })
  expect(health).toEqual(['Healthy: a check passed with 200'])
})

test('the connection of a check is kept, for requests, too', async () => {
  adopt()
  await answerAll([answer(200), answer(200)])
  expect([fake.connections.length, one.counts]).toEqual([1, { open: 1, idle: 1, waiting: 0 }])
})

/** The request for each kind of provider, without its host. */
const REQUESTS: readonly [
  type: ProviderConfig['type'],
  rest: Partial<ProviderConfig>,
  path: string,
  expected: string,
][] = [
  [
    'OpenAI',
    { headers: [{ name: 'openai-organization', value: 'org-1' }] },
    '/models?limit=1',
    'GET /base/models?limit=1|user-agent: outrigger-health-check|accept: application/json|accept-encoding: identity|' +
      'openai-organization: org-1|authorization: Bearer sk-1',
  ],
  [
    'Anthropic',
    {},
    '/v1/models',
    'GET /base/v1/models|user-agent: outrigger-health-check|accept: application/json|accept-encoding: identity|' +
      'anthropic-version: 2023-06-01|authorization: Bearer sk-1',
  ],
  [
    'AzureOpenAI',
    { apiVersion: '2024-10-21', headers: [{ name: 'user-agent', value: 'ours' }] },
    '/models',
    'GET /base/models?api-version=2024-10-21|accept: application/json|accept-encoding: identity|user-agent: ours|' +
      'authorization: Bearer sk-1',
  ],
]

test.each(REQUESTS)('the request is one of %s, with its headers and key', async (type, rest, path, expected) => {
  checks = create({ credentialLine: () => 'authorization: Bearer sk-1\r\n' })
  const config = provider('shop/fake', type, [], {
    baseURL: `${baseURL}/base`,
    healthCheck: { ...CHECK, path },
    ...rest,
  })
  const runtime = createRuntime(sidecarConfig({ providers: [config] }), {})
  one.upstream.adopt(runtime.providers, new Map())
  checks.adopt(runtime.providers)
  await clock.advance(500)
  const lines = (await (await fake.connection()).request())?.split('\r\n') ?? []
  expect(lines[1]).toBe(`host: 127.0.0.1:${fake.port}`)
  expect(lines.slice(-2)).toEqual(['', ''])
  expect([lines[0]?.replace(' HTTP/1.1', ''), ...lines.slice(2, -2)].join('|')).toBe(expected)
})

/** When checks are begun: after adoption, and each after the one before. */
async function delays(random: number, check: Partial<HealthCheckConfig> = {}): Promise<number[]> {
  const seen: number[] = []
  checks = create({
    random: () => random,
    startTimer: (run, delayMs) => {
      seen.push(Math.round(delayMs))
      return clock.startTimer(run, delayMs)
    },
  })
  void fake.serve(() => OK)
  adopt(check)
  while (seen.length < 3) {
    await clock.advance(seen.at(-1) ?? 0)
    await settled()
  }
  return seen
}

test('the first check comes within a second, the others at the interval, less or more a tenth', async () => {
  expect(await delays(0)).toEqual([0, 27_000, 27_000])
})

test('so that not all sidecars ask at the same moment', async () => {
  expect(await delays(1)).toEqual([1000, 33_000, 33_000])
})

test('a short interval makes the first one sooner', async () => {
  expect(await delays(1, { intervalMs: 100, timeoutMs: 50 })).toEqual([100, 110, 110])
})

test('no check is begun while the last one is under way', async () => {
  adopt({ intervalMs: 100 })
  const connection = await clock.advance(50).then(() => fake.connection())
  await connection.request()
  await clock.advance(1000)
  expect(one.counts).toEqual({ open: 1, idle: 0, waiting: 0 })
  connection.write(OK)
  await settled()
  await clock.advance(100)
  expect(await connection.request()).toMatch(/^GET \/models /)
})

test('the same provider of a newer document goes on as it was', async () => {
  let told: Provider | undefined
  checks = create({
    standingOf: (of) => ({
      setHealth: (healthy) => {
        told = of
        health.push(healthy)
      },
      forgetHealth() {},
    }),
  })
  adopt({ unhealthyThreshold: 2 })
  void fake.serve(() => answer(503))
  await clock.advance(500)
  await settled()
  adopt({ unhealthyThreshold: 2 }, { streamUsage: 'AsSent' })
  expect(clock.pending).toBe(1)
  await clock.advance(29_999)
  expect(health).toEqual([])
  await clock.advance(1)
  await settled()
  expect(health).toEqual(['Unhealthy'])
  expect(told).toBe(adopted)
})

test('another check begins anew, and soon', async () => {
  adopt({ unhealthyThreshold: 2 })
  void fake.serve(() => answer(503))
  await clock.advance(500)
  await settled()
  adopt({ unhealthyThreshold: 2, path: '/v1/models' })
  expect(clock.pending).toBe(1)
  await clock.advance(500)
  await settled()
  expect(health).toEqual([])
  await clock.advance(30_000)
  await settled()
  expect(health).toEqual(['Unhealthy: 2 checks failed in a row, the last with status 503'])
})

test('where none is declared any more, none is made, what is under way is broken off, and nothing is known', async () => {
  adopt()
  await clock.advance(500)
  const connection = await fake.connection()
  await connection.request()
  checks.adopt([one.adopt(baseURL)])
  await connection.closed
  expect([clock.pending, health]).toEqual([0, ['forgotten']])
})

test('what was seen of a provider that no rule uses any more is forgotten', async () => {
  adopt()
  await answerAll([answer(503)])
  checks.adopt([])
  checks.adopt([])
  expect(health).toEqual(['Unhealthy: a check failed with status 503', 'forgotten'])
})

test('closing leaves nothing behind', async () => {
  adopt()
  await clock.advance(500)
  const connection = await fake.connection()
  await connection.request()
  checks.close()
  await connection.closed
  expect([clock.pending, health]).toEqual([0, []])
})

test('by itself it uses timers that do not keep the process', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
  const before = timers()
  checks = new HealthChecks({
    upstream: one.upstream,
    standingOf: () => standing,
    credentialLine: () => '',
    now: clock.now,
    random: () => 0,
  })
  adopt()
  expect(timers()).toBe(before)
  void fake.serve(() => OK)
  await until(
    () => health,
    (seen) => seen.length > 0,
  )
})
