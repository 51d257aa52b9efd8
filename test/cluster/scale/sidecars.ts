// Stands in for a thousand sidecars and the kubelets below them: one HTTP server that answers `/status` on every pod's address, the
// revision being what that pod would have mounted by then. A nudge is mounted 20 to 200 ms after it was seen, and every pod is synced
// once in 60 to 90 s anyway, as kubelets do it (docs/propagation.md). The revision of a nudge is taken from the nudge: that a kubelet
// may hold an older ConfigMap at that moment is not played. In: the cluster, as admin. Out: `/status`, and how much was asked.
import { createServer, type Server } from 'node:http'
import type { KubeClient } from '../../../operator/kube/client.ts'
import { type KubeObject, type Reflector, startReflector } from '../../../operator/kube/reflector.ts'
import { CONFIG_MAPS, PODS, type Resource } from '../../../operator/kube/resource.ts'
import { recordedLog } from '../../support/recorded-log.ts'

export interface Sidecars {
  /** Pods that run. */
  readonly running: number
  /** Namespaces with a document. */
  readonly published: number
  /** Whether every namespace was published to since then, and every pod runs its newest document, whatever anybody was told. */
  allFollow(sinceMs: number): boolean
  /** Since the start. */
  readonly asked: number
  close(): Promise<void>
}

interface Pod {
  namespace: string
  startedMs: number
  everyMs: number
  nudge?: { revision: string; atMs: number }
}

interface Published {
  revision: string
  atMs: number
}

const REVISION = 'outrigger.dev/revision'
const PORT = 8788

/** What is known of the cluster. */
interface Known {
  byIp: Map<string, Pod>
  /** Documents by namespace, oldest first. */
  history: Map<string, Published[]>
}

export async function startSidecars(client: KubeClient): Promise<Sidecars> {
  const known: Known = { byIp: new Map(), history: new Map() }
  let asked = 0
  const pods = reflect(client, PODS, 'outrigger.dev/inject=true', (pod) => notePod(known, pod))
  const managed = 'app.kubernetes.io/managed-by=outrigger'
  const documents = reflect(client, CONFIG_MAPS, managed, (configMap) => noteDocument(known, configMap))
  const server = await serve((ip) => {
    asked++
    const pod = known.byIp.get(ip)
    return pod === undefined ? null : revisionOf(pod, known.history.get(pod.namespace) ?? [])
  })
  return {
    get running() {
      return known.byIp.size
    },
    get published() {
      return documents.objects.size
    },
    allFollow: (sinceMs) => allFollow(known, sinceMs),
    get asked() {
      return asked
    },
    async close() {
      pods.close()
      documents.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function allFollow({ byIp, history }: Known, sinceMs: number): boolean {
  const newest = [...history.values()].map((published) => published.at(-1))
  return (
    newest.every((one) => one !== undefined && one.atMs >= sinceMs) &&
    [...byIp.values()].every((pod) => {
      const published = history.get(pod.namespace) ?? []
      return revisionOf(pod, published) === published.at(-1)?.revision
    })
  )
}

function noteDocument({ history }: Known, { metadata: { namespace = '', annotations = {} } }: KubeObject): void {
  const list = history.get(namespace) ?? []
  const revision = annotations[REVISION] ?? ''
  if (list.at(-1)?.revision !== revision) history.set(namespace, [...list, { revision, atMs: performance.now() }])
}

function notePod({ byIp }: Known, object: KubeObject): void {
  const { metadata, status } = object as KubeObject & { status?: { podIP?: string } }
  const ip = status?.podIP
  if (ip === undefined) return
  const nowMs = performance.now()
  const everyMs = 60_000 + Math.random() * 30_000
  const pod = byIp.get(ip) ?? { namespace: metadata.namespace ?? '', startedMs: nowMs, everyMs }
  byIp.set(ip, pod)
  const [revision] = (metadata.annotations?.[REVISION] ?? '').split('/')
  if (!revision || revision === pod.nudge?.revision) return
  pod.nudge = { revision, atMs: nowMs + 20 + Math.random() * 180 }
}

/** Null before the first. What the kubelet's own sync brought, or the nudge, whichever came last. */
function revisionOf({ startedMs, everyMs, nudge }: Pod, published: readonly Published[]): string | null {
  const nowMs = performance.now()
  const syncedMs = startedMs + Math.floor((nowMs - startedMs) / everyMs) * everyMs
  if (nudge !== undefined && nudge.atMs <= nowMs && nudge.atMs > syncedMs) return nudge.revision
  return published.findLast(({ atMs }) => atMs <= syncedMs)?.revision ?? null
}

function reflect(
  client: KubeClient,
  resource: Resource,
  labelSelector: string,
  note: (object: KubeObject) => void,
): Reflector<string> {
  return startReflector({
    ...{ client, resource, labelSelector, content: 'Whole' as const },
    keep: (object: KubeObject) => {
      note(object)
      return object.metadata.resourceVersion
    },
    onChange: () => undefined,
    log: recordedLog(),
    random: Math.random,
    now: () => performance.now(),
  })
}

async function serve(revisionAt: (ip: string) => string | null): Promise<Server> {
  const server = createServer((request, response) => {
    const revision = revisionAt(request.socket.localAddress ?? '')
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ revision, complete: true }))
  })
  server.keepAliveTimeout = 5_000
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject).listen(PORT, '0.0.0.0', resolve)
  await promise
  return server
}
