// The client over real sockets: against the fake API server where it is about the API, against a bare server where it is
// about bytes.
import type http from 'node:http'
import net from 'node:net'
import { expect, test } from '@jest/globals'
import { createKubeClient, type KubeClient, type KubeError, type WatchEvent } from '../../../operator/kube/client.ts'
import { startFakeApiserver } from '../../support/fake-apiserver.ts'
import { clientFor, closeAtEnd, failureOf, listening, USER_AGENT, withServer } from './client-site.ts'

const SECRETS = '/api/v1/namespaces/a/secrets'
const SECRET = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } }

test('an object is created, read, changed and deleted, over one connection', async () => {
  const { client, fake } = await withFake()
  const created = await client.request({ method: 'POST', path: SECRETS, body: { ...SECRET, type: 'ä€😀' } })
  expect(created).toMatchObject({ metadata: { name: 'x', namespace: 'a' }, type: 'ä€😀' })
  const body = { metadata: { labels: { b: 'c' } } }
  await client.request({ method: 'PATCH', path: `${SECRETS}/x`, body, contentType: 'application/merge-patch+json' })
  const list = await client.request({
    method: 'GET',
    path: SECRETS,
    query: { labelSelector: 'b in (c,d)' },
    accept: 'a/b',
  })
  expect(list).toMatchObject({ items: [{ metadata: { name: 'x', labels: { b: 'c' } }, type: 'ä€😀' }] })
  await client.request({ method: 'DELETE', path: `${SECRETS}/x` })
  expect(fake.connections()).toBe(1)
  const seen = fake.requests.map(({ method, headers }) => [method, headers['content-type'], headers.accept])
  expect(seen).toEqual([
    ['POST', 'application/json', 'application/json'],
    ['PATCH', 'application/merge-patch+json', 'application/json'],
    ['GET', undefined, 'a/b'],
    ['DELETE', undefined, 'application/json'],
  ])
  expect(new Set(fake.requests.map(({ headers }) => headers['user-agent']))).toEqual(new Set([USER_AGENT]))
})

test('requests at the same time do not wait for each other', async () => {
  const { server, seen } = await withServer((_request, response) => {
    if (seen.length === 3) for (const waiting of [...responses, response]) waiting.end('{}')
    else responses.push(response)
  })
  const responses: http.ServerResponse[] = []
  const client = await clientFor(server)
  const all = ['/a', '/b', '/c'].map((path) => client.request({ method: 'GET', path }))
  expect(await Promise.all(all)).toEqual([{}, {}, {}])
})

test('a refusal says method, path, status, reason and message, and when to come back', async () => {
  const { client, fake } = await withFake()
  expect(await failureOf(client.request({ method: 'GET', path: `${SECRETS}/none` }))).toMatchObject({
    status: 404,
    reason: 'NotFound',
    message: 'GET /api/v1/namespaces/a/secrets/none: 404 NotFound: /api/v1/secrets "none" not found',
  })
  fake.faults.set({ conflict: 1 })
  expect(await failureOf(client.request({ method: 'POST', path: SECRETS, body: SECRET }))).toMatchObject({
    status: 409,
    reason: 'Conflict',
  })
  fake.faults.set({ tooManyRequests: 1 })
  const limited = await failureOf(client.request({ method: 'GET', path: SECRETS }))
  expect(limited).toMatchObject({ status: 429, reason: 'TooManyRequests' })
  expect(limited.retryAfterMs).toBeGreaterThan(0)
})

test('an answer without a body is undefined', async () => {
  const { server } = await withServer((_request, response) => response.writeHead(200).end())
  expect(await (await clientFor(server)).request({ method: 'DELETE', path: '/a' })).toBeUndefined()
})

test('the path of the server stands before the path of the request', async () => {
  const { server, seen } = await withServer((_request, response) => response.end('{}'))
  const client = await clientFor(server, '/k8s/clusters/c-1/')
  await client.request({ method: 'GET', path: '/api/v1/pods', query: { limit: '5', continue: 'a&b' } })
  expect(seen).toEqual(['GET /k8s/clusters/c-1/api/v1/pods?limit=5&continue=a%26b'])
})

const BROKEN: readonly [name: string, serve: http.RequestListener, reason: string][] = [
  ['an answer that does not come', () => {}, 'Timeout'],
  ['an answer that stops in the middle', (_request, response) => response.write('{'), 'Timeout'],
  ['an answer that is cut', (_request, response) => response.write('{', () => response.destroy()), 'ConnectionFailed'],
  ['a connection that dies', (request) => request.socket.destroy(), 'ConnectionFailed'],
  ['an answer that is no JSON', (_request, response) => response.end('<html>'), 'InvalidAnswer'],
  ['an answer that is too long', (_request, response) => response.end(' '.repeat(200_000)), 'TooLarge'],
  ['an error that is too long', (_request, response) => response.writeHead(500).end(' '.repeat(2_000_000)), 'TooLarge'],
]

for (const [name, serve, reason] of BROKEN) {
  test(`${name} is ${reason}`, async () => {
    const { server } = await withServer(serve)
    const client = await clientFor(server)
    const timeoutMs = reason === 'Timeout' ? 100 : 15_000
    expect(await failureOf(client.request({ method: 'GET', path: '/a', timeoutMs }))).toMatchObject({
      status: 0,
      reason,
    })
  })
}

test('a redirect is not followed: credentials go nowhere else', async () => {
  const { server, seen } = await withServer((_request, response) => response.writeHead(302, { location: '/b' }).end())
  expect(await failureOf((await clientFor(server)).request({ method: 'GET', path: '/a' }))).toMatchObject({
    status: 302,
  })
  expect(seen).toEqual(['GET /a'])
})

test('nobody listens', async () => {
  const { server, close } = await withServer(() => {})
  await close()
  const failure = await failureOf((await clientFor(server)).request({ method: 'GET', path: '/a' }))
  expect(failure).toMatchObject({ status: 0, reason: 'ConnectionFailed' })
  expect(failure.message).toMatch(/^GET \/a: connect ECONNREFUSED/)
})

test('a signal ends a request, and close() ends all', async () => {
  const { server, arrived } = await withServer(() => {})
  const client = await clientFor(server)
  const leaving = new AbortController()
  const first = failureOf(client.request({ method: 'GET', path: '/a' }, leaving.signal))
  const second = failureOf(client.request({ method: 'GET', path: '/b' }))
  const third = failureOf(client.watch({ method: 'GET', path: '/c' }, () => {}, new AbortController().signal))
  await arrived(3)
  leaving.abort()
  expect(await first).toMatchObject({ status: 0, reason: 'Aborted' })
  client.close()
  expect(await Promise.all([second, third])).toMatchObject([{ reason: 'Aborted' }, { reason: 'Aborted' }])
  expect(await failureOf(client.request({ method: 'GET', path: '/d' }))).toMatchObject({ reason: 'Aborted' })
})

test('a GET survives that the server closed the idle connection, a POST does not risk to be done twice', async () => {
  let requests = 0
  // Each connection answers one request, and dies with the second.
  const server = net.createServer((socket) => {
    let served = 0
    socket.on('error', () => {})
    socket.on('data', () => {
      requests++
      if (++served > 1) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n{}')
    })
  })
  const address = await listening(server)
  const client = await clientFor(`http://127.0.0.1:${address.port}`)
  const get = { method: 'GET', path: '/a' } as const
  expect(await client.request(get)).toEqual({})
  await idle()
  expect(await client.request(get)).toEqual({})
  expect(requests).toBe(3)
  await idle()
  const post = client.request({ method: 'POST', path: '/a', body: {} })
  expect(await failureOf(post)).toMatchObject({ status: 0, reason: 'ConnectionFailed' })
  expect(requests).toBe(4)
})

const EVENTS: readonly WatchEvent[] = [
  { type: 'ADDED', object: { metadata: { name: 'ä€😀' } } },
  { type: 'BOOKMARK', object: { metadata: { resourceVersion: '7' } } },
  { type: 'ERROR', object: { code: 410, reason: 'Expired' } },
]

test('events of a watch are whole wherever the stream is split', async () => {
  const bytes = Buffer.from(EVENTS.map((event) => `${JSON.stringify(event)}\n`).join(''))
  const { server, seen } = await withServer(async (_request, response) => {
    for (const byte of bytes) {
      response.write(Buffer.from([byte]))
      await idle()
    }
    response.end()
  })
  const { events } = await watched(await clientFor(server))
  expect(events).toEqual(EVENTS)
  expect(seen).toEqual(['GET /a?resourceVersion=5&watch=true'])
})

const BROKEN_WATCHES: readonly [name: string, serve: http.RequestListener, expected: Partial<KubeError>][] = [
  [
    'a watch that is cut in the middle of an event',
    (_request, response) => response.write('{"type":"ADDED"', () => response.destroy()),
    { status: 0, reason: 'ConnectionFailed' },
  ],
  [
    'a watch that ends in the middle of an event',
    (_request, response) => response.end('{"type"'),
    { reason: 'ConnectionFailed' },
  ],
  ['an event that is no JSON', (_request, response) => response.end('{"type\n'), { reason: 'InvalidAnswer' }],
  ['an event of no known type', (_request, response) => response.end('{"type":"X"}\n'), { reason: 'InvalidAnswer' }],
  [
    'an event that is too long',
    (_request, response) => response.end(`"${' '.repeat(20_000)}"\n`),
    { reason: 'TooLarge' },
  ],
  [
    'a watch that is refused',
    (_request, response) => response.writeHead(410).end('{"reason":"Expired"}'),
    { status: 410, reason: 'Expired' },
  ],
  ['a watch that does not begin', () => {}, { status: 0, reason: 'Timeout' }],
]

for (const [name, serve, expected] of BROKEN_WATCHES) {
  test(`${name} is an error`, async () => {
    const { server } = await withServer(serve)
    const { failure } = await watched(await clientFor(server), expected.reason === 'Timeout' ? 100 : 15_000)
    expect(failure).toMatchObject(expected)
  })
}

test('a watch that has begun has no deadline, and nothing is handed on after the signal', async () => {
  const line = `${JSON.stringify(EVENTS[0])}\n`
  const { server } = await withServer(async (_request, response) => {
    response.flushHeaders()
    await new Promise((resolve) => setTimeout(resolve, 2200))
    response.write(line + line + line)
  })
  const client = await clientFor(server)
  const leaving = new AbortController()
  const events: WatchEvent[] = []
  const onEvent = (event: WatchEvent): void => {
    events.push(event)
    if (events.length === 2) leaving.abort()
  }
  const ended = failureOf(client.watch({ method: 'GET', path: '/a', timeoutMs: 2000 }, onEvent, leaving.signal))
  expect(await ended).toMatchObject({ reason: 'Aborted' })
  expect(events).toHaveLength(2)
})

test('what the receiver of an event throws ends the watch, and comes out as it is', async () => {
  const { server } = await withServer((_request, response) => response.write(`${JSON.stringify(EVENTS[0])}\n`))
  const client = await clientFor(server)
  const fault = new Error('ours')
  const onEvent = (): void => {
    throw fault
  }
  const watch = client.watch({ method: 'GET', path: '/a' }, onEvent, new AbortController().signal)
  await expect(watch).rejects.toBe(fault)
})

async function withFake() {
  const fake = await startFakeApiserver()
  closeAtEnd(() => fake.close())
  const client = createKubeClient({ kubeconfig: fake.kubeconfig, userAgent: USER_AGENT })
  closeAtEnd(() => client.close())
  return { client, fake }
}

async function watched(client: KubeClient, timeoutMs = 15_000) {
  const events: WatchEvent[] = []
  const request = { method: 'GET', path: '/a', query: { resourceVersion: '5' }, timeoutMs } as const
  const watch = client.watch(request, (event) => events.push(event), new AbortController().signal)
  const failure = await watch.then(
    () => undefined,
    (error: KubeError) => error,
  )
  return { events, failure }
}

/** Long enough for a socket to go back to the agent. */
function idle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
