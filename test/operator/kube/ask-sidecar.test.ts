import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { createSidecarAsker, type SidecarAsker } from '../../../operator/kube/ask-sidecar.ts'

const ended: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const end of ended.splice(0)) await end()
})

async function sidecar(listener: RequestListener): Promise<{ server: Server; admin: string }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ended.push(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return { server, admin: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function asker(atOnceMax = 8, timeoutMs = 10_000): SidecarAsker {
  const created = createSidecarAsker(atOnceMax, timeoutMs)
  ended.push(() => created.close())
  return created
}

function answering(status: number, body: string): RequestListener {
  return (_request, response) => response.writeHead(status).end(body)
}

test.each<[name: string, body: object, revision: string | null]>([
  ['the revision in force', { revision: 'r1', complete: true, loadedAt: null }, 'r1'],
  ['none before the first document', { revision: null, complete: false }, null],
  ['none while credentials are missing', { revision: 'r1', complete: false }, null],
])('hears %s', async (_name, body, revision) => {
  const { admin } = await sidecar(answering(200, JSON.stringify(body)))
  expect(await asker().ask(admin)).toBe(revision)
})

test.each<[name: string, listener: RequestListener, message: string]>([
  ['another status', answering(503, '{}'), 'answers 503'],
  ['what is no JSON', answering(200, '<secret>'), 'is no sidecar'],
  ['what has no revision', answering(200, 'null'), 'is no sidecar'],
  ['a revision that is no text', answering(200, '{"revision":1}'), 'is no sidecar'],
  ['more than a sidecar says', answering(200, 'x'.repeat(2 * 1024 * 1024)), 'answers with more than a sidecar does'],
])('refuses %s, in words of its own', async (_name, listener, message) => {
  const { admin } = await sidecar(listener)
  const error = await asker()
    .ask(admin)
    .catch((thrown: Error) => thrown)
  expect((error as Error).message).toContain(message)
  expect((error as Error).message).not.toContain('<secret>')
})

test('hears what a sidecar counts with others', async () => {
  const report = {
    instance: 'a',
    sharesVersion: 3,
    limits: [{ id: 'route:shop/chat//rpm', share: 5, used: 1, wanted: 2 }],
  }
  const asked: (string | undefined)[] = []
  const { admin } = await sidecar((request, response) => {
    asked.push(request.url)
    response.end(JSON.stringify(report))
  })
  expect(await asker().askLimits(admin)).toEqual(report)
  expect(asked).toEqual(['/limits'])
})

test.each([
  '{"revision":"r1"}',
  '{"instance":"<secret>","sharesVersion":0,"limits":[]}',
  '{"instance":"a","sharesVersion":1,"limits":[{"id":"<secret>","share":1,"used":-1,"wanted":0}]}',
])('does not believe, nor repeat, %j as what it counts', async (body) => {
  const { admin } = await sidecar(answering(200, body))
  const error = await asker()
    .askLimits(admin)
    .catch((thrown: Error) => thrown)
  expect((error as Error).message).toContain('does not say what it counts as a sidecar does')
  expect((error as Error).message).not.toContain('<secret>')
})

test.each<[name: string, listener: RequestListener]>([
  ['nothing comes', () => {}],
  ['the rest does not come', (_request, response) => response.writeHead(200).write('{')],
])('gives up when %s', async (_name, listener) => {
  const { admin } = await sidecar(listener)
  await expect(asker(8, 100).ask(admin)).rejects.toThrow(`${admin} does not answer`)
})

test('says so when nobody listens', async () => {
  const { server, admin } = await sidecar(() => {})
  await new Promise<void>((resolve) => server.close(() => resolve()))
  await expect(asker().ask(admin)).rejects.toThrow('ECONNREFUSED')
})

test('asks again when a connection that was kept is closed just then', async () => {
  const sockets = new Set<Socket>()
  let asked = 0
  const { admin, server } = await sidecar((request, response) => {
    asked++
    // The second request on a connection finds it dead.
    if (sockets.has(request.socket)) return void request.socket.resetAndDestroy()
    sockets.add(request.socket)
    response.end(JSON.stringify({ revision: `r${asked}`, complete: true }))
  })
  server.keepAliveTimeout = 60_000
  const { ask } = asker()
  expect(await ask(admin)).toBe('r1')
  expect(await ask(admin)).toBe('r3')
})

test('asks no more at once than it may', async () => {
  let [now, most] = [0, 0]
  const waiting: (() => void)[] = []
  const { admin } = await sidecar((_request, response) => {
    most = Math.max(most, ++now)
    waiting.push(() => {
      now--
      response.end('{"revision":"r","complete":true}')
    })
    if (waiting.length >= 2) for (const answer of waiting.splice(0)) answer()
  })
  const { ask } = asker(2)
  await Promise.all(Array.from({ length: 6 }, () => ask(admin)))
  expect(most).toBe(2)
})
