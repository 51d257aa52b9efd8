// Asking the sidecars of a cluster, against an API server that knows no more than lists of pods and its pod proxy.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { askCluster } from '../../../cli/usage-pods.ts'
import { kubeconfigFor } from '../../support/fake-apiserver.ts'
import { report } from './reports.ts'

interface Served {
  status: number
  body: unknown
}

let server: http.Server
let folder: string
let kubeconfig: string
let asked: string[]
/** By decoded path. */
let answers: Record<string, Served>

beforeEach(async () => {
  asked = []
  answers = {}
  server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://apiserver')
    const place = decodeURIComponent(url.pathname)
    asked.push(`${place}${url.search}`)
    const { status, body } = answers[place] ?? { status: 404, body: failure('NotFound', `pods "x" not found`) }
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  folder = await mkdtemp(path.join(tmpdir(), 'outrigger-usage-'))
  kubeconfig = path.join(folder, 'kubeconfig')
  const { port } = server.address() as AddressInfo
  await writeFile(
    kubeconfig,
    kubeconfigFor({ server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true }, {}),
  )
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

function failure(reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message }
}

function pod(namespace: string, name: string, sidecar: 'running' | 'waiting' | 'none' = 'running'): object {
  const state = sidecar === 'running' ? { running: {} } : { waiting: {} }
  return {
    metadata: { namespace, name, uid: `${namespace}-${name}`, resourceVersion: '1' },
    spec: sidecar === 'none' ? {} : { initContainers: [{ name: 'outrigger', image: 'outrigger:1' }] },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      initContainerStatuses: [{ name: 'outrigger', started: true, state }],
    },
  }
}

function serveList(place: string, ...items: object[]): void {
  answers[place] = { status: 200, body: { metadata: { resourceVersion: '5' }, items } }
}

function serveUsage(namespace: string, name: string, served: Partial<Served>): void {
  answers[`/api/v1/namespaces/${namespace}/pods/${name}:8788/proxy/usage`] = { status: 200, body: {}, ...served }
}

function ask(namespace: string | undefined) {
  return askCluster({ kubeconfig, namespace, userAgent: 'test' })
}

test('each running sidecar of a namespace is asked through the proxy; where it runs is not what it says', async () => {
  serveList(
    '/api/v1/namespaces/shop/pods',
    pod('shop', 'web-1'),
    pod('shop', 'web-2', 'waiting'),
    pod('shop', 'old', 'none'),
  )
  serveUsage('shop', 'web-1', { body: report({ namespace: 'bank', pod: 'vault-1', workload: 'web' }) })
  expect(await ask('shop')).toEqual([
    { source: 'shop/web-1', report: report({ namespace: 'shop', pod: 'web-1', workload: 'web' }) },
    { source: 'shop/web-2', why: 'its sidecar does not run' },
  ])
  expect(asked).toEqual([
    '/api/v1/namespaces/shop/pods?labelSelector=outrigger.dev%2Finject%3Dtrue&limit=500',
    '/api/v1/namespaces/shop/pods/web-1:8788/proxy/usage',
  ])
})

test('all namespaces are one list, and a pod that fails stands in nobody’s way', async () => {
  serveList('/api/v1/pods', pod('shop', 'web-1'), pod('bank', 'web-1'), pod('bank', 'web-2'), pod('bank', 'web-3'))
  serveUsage('shop', 'web-1', { body: report() })
  serveUsage('bank', 'web-1', { status: 503, body: failure('ServiceUnavailable', 'connection refused') })
  serveUsage('bank', 'web-2', { body: 'hello' })
  serveUsage('bank', 'web-3', { body: { status: 'ok' } })
  expect(await ask(undefined)).toEqual([
    { source: 'shop/web-1', report: report() },
    { source: 'bank/web-1', why: expect.stringContaining('503 ServiceUnavailable: connection refused') },
    { source: 'bank/web-2', why: expect.stringContaining('Unexpected token') },
    { source: 'bank/web-3', why: 'what answers there is no sidecar' },
  ])
})

test('that pods may not be listed is told as such', async () => {
  answers['/api/v1/namespaces/shop/pods'] = { status: 403, body: failure('Forbidden', 'pods is forbidden: User "ada"') }
  expect(await ask('shop')).toEqual([
    { source: 'namespace shop', why: expect.stringContaining('403 Forbidden: pods is forbidden: User "ada"') },
  ])
})

test('so is a kubeconfig that cannot be read', async () => {
  const gone = path.join(folder, 'gone')
  expect(await askCluster({ kubeconfig: gone, namespace: undefined, userAgent: 'test' })).toEqual([
    { source: 'the cluster', why: expect.stringMatching(/^kubeconfig .*gone: ENOENT/) },
  ])
})
