import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import { afterEach, expect, test } from '@jest/globals'
import type { Check } from '../../../process/admin/health.ts'
import { type AdminDeps, type AdminServer, createAdminServer } from '../../../process/admin/server.ts'
import type { LogFields } from '../../../process/log.ts'
import { adopt, handle, metricsWith, record, TARGET } from '../../sidecar/telemetry/records.ts'
import { parsePrometheusText } from '../../support/prometheus-text.ts'

const ALIVE: Check = { name: 'listener', ok: true, message: '', kinds: ['live', 'ready', 'startup'] }
const CONFIG: Check = { name: 'config', ok: true, message: '', kinds: ['ready'] }
const NO_CONFIG: Check = { ...CONFIG, ok: false, message: 'no configuration\nhas been loaded yet' }
const STATUS = { revision: 'abc', loadedAt: '2026-11-21T09:00:00.000Z', lastError: null }
const PROVIDERS = { 'ai/openai': { open: 2, idle: 1 } }

const metrics = metricsWith()
adopt(metrics, [TARGET])
handle(metrics, record({ stream: true }))

const servers: AdminServer[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

const errors: { message: string; fields: LogFields | undefined }[] = []

const PAGES: AdminDeps['pages'] = {
  '/health/providers': () => PROVIDERS,
  '/health/cache': () => ({ enabled: false }),
  '/status': () => STATUS,
  '/config': () => ({ revision: 'abc', providers: [] }),
}

function deps(change: Partial<AdminDeps> = {}): AdminDeps {
  const nothing = () => {}
  return {
    checks: () => [ALIVE, CONFIG],
    details: () => ({ state: STATUS, providers: PROVIDERS }),
    pages: PAGES,
    registry: metrics.registry,
    log: {
      error: (message, fields) => void errors.push({ message, fields }),
      warn: nothing,
      info: nothing,
      debug: nothing,
      setLevel: nothing,
    },
    ...change,
  }
}

async function start(change: Partial<AdminDeps> = {}): Promise<AddressInfo> {
  const server = createAdminServer(deps(change))
  servers.push(server)
  return server.listen('127.0.0.1', 0)
}

interface Answer {
  status: number
  type: string | undefined
  headers: Record<string, string | string[] | undefined>
  body: string
}

async function ask({ port }: AddressInfo, path: string, method = 'GET'): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  request({ host: '127.0.0.1', port, path, method }, (response) => {
    textOf(response).then((body) => {
      const { statusCode, headers } = response
      resolve({ status: statusCode ?? 0, type: headers['content-type'], headers, body })
    }, reject)
  })
    .on('error', reject)
    .end()
  return promise
}

const TEXT = 'text/plain; charset=utf-8'
const JSON_TYPE = 'application/json; charset=utf-8'
const verbose = (...lines: string[]) => `${lines.join('\n')}\n`

const WELL: [string, number, string, string | object][] = [
  ['/livez', 200, TEXT, 'ok'],
  ['/readyz', 200, TEXT, 'ok'],
  ['/startupz', 200, TEXT, 'ok'],
  ['/livez?verbose', 200, TEXT, verbose('[+]ping ok', '[+]listener ok', 'livez check passed')],
  ['/readyz?verbose', 200, TEXT, verbose('[+]ping ok', '[+]listener ok', '[+]config ok', 'readyz check passed')],
  [
    '/readyz?verbose&exclude=config&exclude=x%0Ay',
    200,
    TEXT,
    verbose(
      '[+]ping ok',
      '[+]listener ok',
      '[+]config excluded: ok',
      'warn: 1 excluded name(s) match no check',
      'readyz check passed',
    ),
  ],
  ['/health', 200, JSON_TYPE, { status: 'ok', live: true, ready: true, startup: true }],
  [
    '/health/live',
    200,
    JSON_TYPE,
    {
      status: 'ok',
      checks: [
        { name: 'ping', ok: true, message: '' },
        { name: 'listener', ok: true, message: '' },
      ],
    },
  ],
  [
    '/health/ready',
    200,
    JSON_TYPE,
    {
      status: 'ok',
      checks: [
        { name: 'ping', ok: true, message: '' },
        { name: 'listener', ok: true, message: '' },
        { name: 'config', ok: true, message: '' },
      ],
    },
  ],
  ['/health/quick', 200, JSON_TYPE, { status: 'ok' }],
  ['/health/detailed', 200, JSON_TYPE, { status: 'ok', checks: [ALIVE, CONFIG], providers: PROVIDERS, state: STATUS }],
  ['/health/providers', 200, JSON_TYPE, PROVIDERS],
  ['/health/cache', 200, JSON_TYPE, { enabled: false }],
  ['/status', 200, JSON_TYPE, STATUS],
  ['/config', 200, JSON_TYPE, { revision: 'abc', providers: [] }],
  ['/debug', 404, JSON_TYPE, { error: 'not found' }],
  ['/livez/', 404, JSON_TYPE, { error: 'not found' }],
  ['/READYZ', 404, JSON_TYPE, { error: 'not found' }],
  ['/%zz', 404, JSON_TYPE, { error: 'not found' }],
]

test.each(WELL)('%s answers %d', async (path, status, type, body) => {
  const answer = await ask(await start(), path)
  const read = typeof body === 'string' ? answer.body : JSON.parse(answer.body)
  expect([answer.status, answer.type, read]).toEqual([status, type, body])
})

const UNREADY: [string, number, string | object][] = [
  ['/livez', 200, 'ok'],
  ['/startupz', 200, 'ok'],
  [
    '/readyz',
    503,
    verbose(
      '[+]ping ok',
      '[+]listener ok',
      '[-]config failed: no configuration has been loaded yet',
      'readyz check failed',
    ),
  ],
  ['/readyz?exclude=config', 200, 'ok'],
  ['/health', 503, { status: 'unavailable', live: true, ready: false, startup: true }],
  ['/health/quick', 503, { status: 'unavailable' }],
]

test.each(UNREADY)('without a config %s answers %d', async (path, status, body) => {
  const answer = await ask(
    await start({ checks: () => [ALIVE, NO_CONFIG], pages: { ...PAGES, '/config': () => null } }),
    path,
  )
  expect([answer.status, typeof body === 'string' ? answer.body : JSON.parse(answer.body)]).toEqual([status, body])
})

test('/config is null before the first', async () => {
  expect((await ask(await start({ pages: { '/config': () => null } }), '/config')).body).toBe('null')
})

test('/ links to every page, and every link is served', async () => {
  const address = await start()
  const { type, body } = await ask(address, '/')
  const links = [...body.matchAll(/href="([^"]+)"/g)].map((match) => match[1] ?? '')
  expect(type).toBe('text/html; charset=utf-8')
  expect(links).toEqual([
    '/livez',
    '/readyz',
    '/startupz',
    '/health',
    '/health/live',
    '/health/ready',
    '/health/quick',
    '/health/detailed',
    '/metrics',
    '/metrics.json',
    '/health/providers',
    '/health/cache',
    '/status',
    '/config',
  ])
  for (const link of links) expect((await ask(address, link)).status).toBe(200)
})

const AILING: Check = { name: 'providers', ok: false, message: 'ai/openai has no usable credential', kinds: [] }

const DEGRADED: [path: string, checks: Check[], status: number, body: object][] = [
  ['/health', [CONFIG, AILING], 200, { status: 'degraded', degraded: [AILING.message], live: true, ready: true }],
  [
    '/health',
    [NO_CONFIG, AILING],
    503,
    { status: 'unavailable', degraded: [AILING.message], live: true, ready: false },
  ],
  [
    '/health/detailed',
    [CONFIG, AILING],
    200,
    { status: 'degraded', degraded: [AILING.message], checks: [CONFIG, AILING] },
  ],
  ['/health/ready', [CONFIG, AILING], 200, { status: 'ok' }],
  ['/health/live', [CONFIG, AILING], 200, { status: 'ok' }],
  ['/health/quick', [CONFIG, AILING], 200, { status: 'ok' }],
]

test.each(DEGRADED)('%s of what no probe fails for: case %#', async (path, checks, status, body) => {
  const answer = await ask(await start({ checks: () => checks }), path)
  expect(answer.status).toBe(status)
  expect(JSON.parse(answer.body)).toMatchObject(body)
})

test('what no probe fails for is not listed by the probes', async () => {
  const address = await start({ checks: () => [AILING] })
  for (const path of ['/livez', '/readyz', '/startupz']) expect((await ask(address, path)).body).toBe('ok')
  expect((await ask(address, '/readyz?verbose')).body).not.toContain('providers')
})

test('/metrics is Prometheus text that a strict reader takes', async () => {
  const { status, type, body } = await ask(await start(), '/metrics')
  expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  const families = parsePrometheusText(body)
  expect(families.get('outrigger_requests_total')?.samples).toEqual([
    {
      name: 'outrigger_requests_total',
      labels: {
        route: 'shop/chat',
        rule: 'fast',
        provider: 'ai/openai',
        model: 'gpt-5-mini',
        operation: 'Chat',
        status: '200',
        fault: '',
      },
      value: 1,
    },
  ])
  expect([...families.keys()]).toEqual([...parsePrometheusText(await metrics.registry.metrics()).keys()])
})

test('two scrapes at the same time and one after them see the same families', async () => {
  const address = await start()
  const [one, two] = await Promise.all([ask(address, '/metrics'), ask(address, '/metrics')])
  const three = await ask(address, '/metrics')
  const names = ({ body }: Answer) => [...parsePrometheusText(body).keys()]
  expect(names(two)).toEqual(names(one))
  expect(names(three)).toEqual(names(one))
})

test('/metrics.json holds the same metrics', async () => {
  const { type, body } = await ask(await start(), '/metrics.json')
  expect(type).toBe(JSON_TYPE)
  const names = (JSON.parse(body) as { name: string }[]).map(({ name }) => name)
  expect(names).toEqual([...parsePrometheusText(await metrics.registry.metrics()).keys()])
})

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is refused on every page', async (method) => {
  const address = await start()
  for (const path of ['/', '/livez', '/metrics', '/health/cache', '/config']) {
    const { status, headers, body } = await ask(address, path, method)
    expect([status, headers.allow, body]).toEqual([405, 'GET, HEAD', '{"error":"method not allowed"}'])
  }
  expect((await ask(address, '/unknown', method)).status).toBe(404)
})

test('HEAD answers as GET does, without the body', async () => {
  const address = await start()
  for (const path of ['/livez', '/status', '/health']) {
    const get = await ask(address, path)
    const head = await ask(address, path, 'HEAD')
    expect(head).toEqual({ ...get, body: '', headers: { ...get.headers, date: head.headers.date } })
  }
})

test('answers are not cached, not sniffed, and name no software', async () => {
  const { headers } = await ask(await start(), '/status')
  expect(Object.keys(headers).sort()).toEqual([
    'cache-control',
    'connection',
    'content-length',
    'content-type',
    'date',
    'keep-alive',
    'x-content-type-options',
  ])
  expect([headers['cache-control'], headers['x-content-type-options']]).toEqual(['no-store', 'nosniff'])
})

test('a failing source is our fault: 500 without details, and one line in the log', async () => {
  errors.length = 0
  const boom = new Error('secret detail')
  const address = await start({
    pages: {
      '/status': () => {
        throw boom
      },
    },
  })
  const { status, body } = await ask(address, '/status')
  expect([status, body]).toEqual([500, '{"error":"internal error"}'])
  expect(errors).toEqual([{ message: 'admin request failed', fields: { error: boom } }])
  expect((await ask(address, '/livez')).body).toBe('ok')
})

test('a port that is taken is an error, not a crash', async () => {
  const { port } = await start()
  await expect(createAdminServer(deps()).listen('127.0.0.1', port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test('close ends idle connections and takes no new ones', async () => {
  const server = createAdminServer(deps())
  const { port } = await server.listen('127.0.0.1', 0)
  const socket = connect(port, '127.0.0.1')
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  await new Promise((resolve) => socket.once('data', resolve))
  await server.close()
  await closed
  await expect(ask({ port, address: '', family: '' }, '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})
