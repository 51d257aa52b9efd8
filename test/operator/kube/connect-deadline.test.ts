import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { expect, test } from '@jest/globals'
import { createKubeClient, type KubeClient } from '../../../operator/kube/client.ts'
import { closeAtEnd, failureOf, kubeconfigIn, USER_AGENT, withServer } from './client-site.ts'

test('a connection that nobody answers is given up long before the deadline of its request', async () => {
  const client = await clientWithin(`http://127.0.0.1:${await silentPort()}`, 200)
  const watch = client.watch({ method: 'GET', path: '/a', timeoutMs: 600_000 }, () => {}, new AbortController().signal)
  expect(await failureOf(watch)).toMatchObject({
    status: 0,
    reason: 'ConnectionFailed',
    message: 'GET /a: no connection within 200 ms',
  })
})

test('a connection that stands may wait for its answer, the first time and when it is used again', async () => {
  const { server, seen } = await withServer((_request, response) => setTimeout(() => response.end('{}'), 2_500))
  const client = await clientWithin(server, 2_000)
  for (const path of ['/a', '/b']) expect(await client.request({ method: 'GET', path, timeoutMs: 60_000 })).toEqual({})
  expect(seen).toEqual(['GET /a', 'GET /b'])
})

async function clientWithin(server: string, connectTimeoutMs: number): Promise<KubeClient> {
  const kubeconfig = await kubeconfigIn({ server }, {})
  const client = createKubeClient({ kubeconfig, userAgent: USER_AGENT, connectTimeoutMs })
  closeAtEnd(() => client.close())
  return client
}

/** Listens and never accepts: as soon as the two that may wait have come, the kernel does not answer any more. */
const NEVER_ACCEPTS = `
const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  require('node:fs').writeSync(1, String(server.address().port))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

async function silentPort(): Promise<number> {
  const listener = spawn(process.execPath, ['-e', NEVER_ACCEPTS], { stdio: ['ignore', 'pipe', 'inherit'] })
  closeAtEnd(() => listener.kill('SIGKILL'))
  const [text] = (await once(listener.stdout, 'data')) as [Buffer]
  const port = Number(text.toString())
  const waiting = Array.from({ length: 4 }, () => net.connect(port, '127.0.0.1').on('error', () => {}))
  closeAtEnd(() => waiting.forEach((socket) => void socket.destroy()))
  // Those that the queue holds are connected first; the kernel drops the others' requests from then on.
  await Promise.all(waiting.slice(0, 2).map((socket) => once(socket, 'connect')))
  return port
}
