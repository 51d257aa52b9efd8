// Where the API server is and who we are to it, over real sockets: kubeconfigs, tokens, plugins, CAs.
import { readFile, writeFile } from 'node:fs/promises'
import https from 'node:https'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { createKubeClient, type KubeClient } from '../../../operator/kube/client.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'
import {
  clientWith,
  closeAtEnd,
  failureOf,
  folder,
  kubeconfigIn,
  listening,
  USER_AGENT,
  withServer,
} from './client-site.ts'

test('a token that is refused is read again for the next request', async () => {
  const tokenFile = path.join(folder(), 'token')
  await writeFile(tokenFile, 'old')
  let accepted = 'old'
  const { server } = await withServer((request, response) => {
    response.writeHead(request.headers.authorization === `Bearer ${accepted}` ? 200 : 401).end('{}')
  })
  const client = await clientWith({ server }, { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } })
  const get = { method: 'GET', path: '/a' } as const
  expect(await client.request(get)).toEqual({})
  accepted = 'new'
  await writeFile(tokenFile, 'new')
  // The library holds a token for a minute.
  expect(await failureOf(client.request(get))).toMatchObject({ status: 401, reason: 'Unauthorized' })
  expect(await client.request(get)).toEqual({})
})

test('an exec plugin gives the token, and is asked once by requests at the same time', async () => {
  const calls = path.join(folder(), 'calls')
  const status = { token: 'from-plugin' }
  const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }
  const script = `fs.appendFileSync(${JSON.stringify(calls)}, 'x'); console.log(${JSON.stringify(JSON.stringify(credential))})`
  const { server } = await withServer((request, response) =>
    response.end(JSON.stringify(request.headers.authorization)),
  )
  const client = await clientWith({ server }, { exec: { command: process.execPath, args: ['-e', script] } })
  const answers = ['/a', '/b', '/c'].map((path) => client.request({ method: 'GET', path, timeoutMs: 15_000 }))
  expect(await Promise.all(answers)).toEqual(answers.map(() => 'Bearer from-plugin'))
  expect(await readFile(calls, 'utf8')).toBe('x')
})

test('an exec plugin that fails is CredentialsFailed, one that hangs ends with the deadline', async () => {
  const server = 'http://127.0.0.1:1'
  const request = { method: 'GET', path: '/a', timeoutMs: 15_000 } as const
  const failing = await clientWith({ server }, { exec: { command: process.execPath, args: ['-e', 'process.exit(3)'] } })
  expect(await failureOf(failing.request(request))).toMatchObject({ status: 0, reason: 'CredentialsFailed' })
  const pid = path.join(folder(), 'pid')
  const hang = `fs.writeFileSync(${JSON.stringify(pid)}, String(process.pid)); setTimeout(() => {}, 60_000)`
  const hanging = await clientWith({ server }, { exec: { command: process.execPath, args: ['-e', hang] } })
  const ended = await failureOf(hanging.request({ ...request, timeoutMs: 50 }))
  // Here: the folder is removed before anything that is closed after the test.
  await endOf(pid)
  expect(ended).toMatchObject({ reason: 'Timeout' })
})

test('a CA that is replaced is used at once, and a watch goes on', async () => {
  const ca = path.join(folder(), 'ca.crt')
  await writeFile(ca, 'not yet')
  const server = https.createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
    if (request.url?.includes('watch')) response.flushHeaders()
    else response.end('{}')
  })
  const { port } = await listening(server)
  const client = await clientWith({ server: `https://127.0.0.1:${port}`, 'certificate-authority': ca }, {})
  const get = { method: 'GET', path: '/a', timeoutMs: 15_000 } as const
  expect(await failureOf(client.request(get))).toMatchObject({ status: 0, reason: 'ConnectionFailed' })
  await writeFile(ca, CERTIFICATE)
  expect(await client.request(get)).toEqual({})
  const leaving = new AbortController()
  let ended = false
  const watch = failureOf(client.watch(get, () => {}, leaving.signal)).finally(() => {
    ended = true
  })
  await writeFile(ca, `${CERTIFICATE}${CERTIFICATE}`)
  expect(await client.request(get)).toEqual({})
  expect(ended).toBe(false)
  leaving.abort()
  expect(await watch).toMatchObject({ reason: 'Aborted' })
})

test('a kubeconfig that cannot be used says so at the start, with its name', async () => {
  const file = path.join(folder(), 'kubeconfig')
  const create = (): KubeClient => createKubeClient({ kubeconfig: file, userAgent: USER_AGENT })
  expect(create).toThrow(`kubeconfig ${file}: ENOENT`)
  await writeFile(file, JSON.stringify({ clusters: [{ cluster: {} }] }))
  expect(create).toThrow(`kubeconfig ${file}: clusters[0].name is missing`)
  await writeFile(file, JSON.stringify({ clusters: [] }))
  expect(create).toThrow(`kubeconfig ${file}: no current-context`)
  await writeFile(file, JSON.stringify({ 'current-context': 'gone' }))
  expect(create).toThrow(`kubeconfig ${file}: context gone names no cluster with a server URL`)
})

test('several kubeconfigs are one, as in $KUBECONFIG', async () => {
  const { server } = await withServer((_request, response) => response.end('{}'))
  const other = path.join(folder(), 'other')
  await writeFile(other, JSON.stringify({ users: [{ name: 'nobody', user: {} }] }))
  const file = await kubeconfigIn({ server }, {})
  const client = createKubeClient({ kubeconfig: [file, other].join(path.delimiter), userAgent: USER_AGENT })
  closeAtEnd(() => client.close())
  expect(await client.request({ method: 'GET', path: '/a' })).toEqual({})
})

test('no kubeconfig outside of a cluster says so at the start', () => {
  const { KUBERNETES_SERVICE_HOST: host } = process.env
  delete process.env.KUBERNETES_SERVICE_HOST
  closeAtEnd(() => {
    if (host !== undefined) process.env.KUBERNETES_SERVICE_HOST = host
  })
  const create = (): KubeClient => createKubeClient({ kubeconfig: '', userAgent: USER_AGENT })
  expect(create).toThrow('not in a cluster, and no kubeconfig is given')
})

/** Ends the process that wrote, or is about to write, its id into this file. */
async function endOf(pidFile: string): Promise<void> {
  for (;;) {
    const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''))
    if (pid > 0) return void process.kill(pid)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
