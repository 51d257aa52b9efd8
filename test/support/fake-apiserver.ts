// The fake API server over HTTP, for everything that uses a KubeClient: `createKubeClient({ kubeconfig: fake.kubeconfig })`.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimer } from '../../operator/kube/timer.ts'
import { createFakeCore, type FakeCore, type FakeCoreOptions, type Reply } from './fake-apiserver-core.ts'
import type { FakeRequest } from './fake-apiserver-request.ts'
import type { WireEvent } from './fake-apiserver-watch.ts'
import { seeded } from './random.ts'

export interface FakeApiserver extends Pick<FakeCore, 'store' | 'faults'> {
  readonly url: string
  /** Path of a kubeconfig for it. */
  readonly kubeconfig: string
  /** In the order in which they came. */
  readonly requests: SeenRequest[]
  /** Connections that were accepted so far. */
  connections(): number
  close(): Promise<void>
}

export interface SeenRequest extends FakeRequest {
  headers: http.IncomingHttpHeaders
}

export type FakeApiserverOptions = Partial<FakeCoreOptions>

export async function startFakeApiserver(options: FakeApiserverOptions = {}): Promise<FakeApiserver> {
  const core = createFakeCore({ random: seeded(1), startTimer: setTimer, now: () => Date.now(), ...options })
  const requests: SeenRequest[] = []
  let connections = 0
  const server = http.createServer((incoming, outgoing) => {
    const serve = (request: FakeRequest): void => {
      requests.push({ ...request, headers: incoming.headers })
      const leave = core.serve(request, replyOver(outgoing, core))
      outgoing.once('close', leave)
    }
    // A request that does not arrive whole is nobody's.
    readRequest(incoming).then(serve, () => outgoing.destroy())
  })
  server.on('connection', (socket) => {
    connections++
    if (core.refuses()) socket.destroy()
  })
  core.onRefuse = () => server.closeAllConnections()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-apiserver-'))
  const kubeconfig = path.join(folder, 'kubeconfig')
  await writeFile(kubeconfig, kubeconfigFor({ server: url, 'insecure-skip-tls-verify': true }, {}))
  return {
    ...{ store: core.store, faults: core.faults, url, kubeconfig, requests },
    connections: () => connections,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** JSON is YAML. */
export function kubeconfigFor(cluster: object, user: object): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'fake',
    clusters: [{ name: 'fake', cluster }],
    users: [{ name: 'fake', user }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
  })
}

async function readRequest(incoming: http.IncomingMessage): Promise<FakeRequest> {
  const pieces: Buffer[] = []
  for await (const piece of incoming as AsyncIterable<Buffer>) pieces.push(piece)
  const text = Buffer.concat(pieces).toString('utf8')
  const url = new URL(incoming.url ?? '/', 'http://fake')
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    contentType: incoming.headers['content-type'] ?? '',
    accept: incoming.headers.accept ?? '',
    body: text === '' ? undefined : JSON.parse(text),
  }
}

function replyOver(outgoing: http.ServerResponse, core: FakeCore): Reply {
  const write = (text: Buffer): void => {
    // Split anywhere, also within a character.
    const middle = Math.floor(core.faults.draw() * text.length)
    outgoing.write(text.subarray(0, middle))
    outgoing.write(text.subarray(middle))
  }
  return {
    answer(status, headers, body) {
      outgoing.writeHead(status, { 'content-type': 'application/json', ...headers })
      outgoing.end(JSON.stringify(body))
    },
    reset: () => outgoing.socket?.destroy(),
    begin() {
      outgoing.writeHead(200, { 'content-type': 'application/json' })
      outgoing.flushHeaders()
    },
    event: (event) => write(lineOf(event)),
    cut(event) {
      const line = lineOf(event)
      const part = line.subarray(0, Math.floor(core.faults.draw() * line.length))
      outgoing.write(part, () => outgoing.socket?.destroy())
    },
    end: () => outgoing.end(),
  }
}

function lineOf(event: WireEvent): Buffer {
  return Buffer.from(`${JSON.stringify(event)}\n`)
}
