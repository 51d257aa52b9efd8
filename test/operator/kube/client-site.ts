// What the tests of the client need: servers that behave as a test says, clients for them, and that all is closed at the end.
import { writeFile } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import type net from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterEach } from '@jest/globals'
import { createKubeClient, type KubeClient, type KubeError } from '../../../operator/kube/client.ts'
import { kubeconfigFor } from '../../support/fake-apiserver.ts'
import { folderForTests } from '../../support/folder.ts'

export const USER_AGENT = 'outrigger-operator/0.0.0'

/** Of the test that runs. */
export const folder = folderForTests()

let closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.toReversed()) await close()
  closers = []
})

/** Called when the test has ended, the last one first. */
export function closeAtEnd(close: () => unknown): void {
  closers.push(close)
}

/** `seen` are the requests that came, a line each; `arrived` waits for so many. */
export async function withServer(serve: http.RequestListener) {
  const seen: string[] = []
  let onArrival = (): void => {}
  const server = http.createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    onArrival()
    serve(request, response)
  })
  const { port } = await listening(server)
  const arrived = async (count: number): Promise<void> => {
    while (seen.length < count) {
      await new Promise<void>((resolve) => {
        onArrival = resolve
      })
    }
  }
  return { server: `http://127.0.0.1:${port}`, seen, arrived, close: () => closed(server) }
}

/** On a port of its own, until the test ends. */
export async function listening(server: net.Server): Promise<AddressInfo> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => closed(server))
  return server.address() as AddressInfo
}

async function closed(server: net.Server): Promise<void> {
  if (server instanceof http.Server || server instanceof https.Server) server.closeAllConnections()
  if (server.listening) await new Promise((resolve) => server.close(resolve))
}

export function clientFor(server: string, base = ''): Promise<KubeClient> {
  return clientWith({ server: `${server}${base}` }, {})
}

export async function clientWith(
  cluster: { server: string; [field: string]: string },
  user: object,
): Promise<KubeClient> {
  const limits = { answerBytesMax: 100_000, eventBytesMax: 10_000 }
  const client = createKubeClient({ kubeconfig: await kubeconfigIn(cluster, user), userAgent: USER_AGENT, ...limits })
  closers.push(() => client.close())
  return client
}

export async function kubeconfigIn(cluster: { server: string }, user: object): Promise<string> {
  const file = path.join(folder(), `kubeconfig-${closers.length}`)
  const insecure = cluster.server.startsWith('http:') ? { 'insecure-skip-tls-verify': true } : {}
  await writeFile(file, kubeconfigFor({ ...insecure, ...cluster }, user))
  return file
}

/** What it was rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<KubeError> {
  return promise.then(
    () => {
      throw new Error('did not fail')
    },
    (error: KubeError) => error,
  )
}
