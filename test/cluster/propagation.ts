// Measures how long a change takes from the API server's hands to a pod that serves by it: `make cluster-propagation`. In: a cluster
// that is up. Out: docs/propagation.md. A change is a server-side apply of an LLMRoute that names another model; it begins when
// the request is sent, and ends for a pod when its application gets the first answer by that model. All of it is one machine
// and one clock. It is a measurement and no test: what it finds is for people to judge.
import { writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createKubeClient } from '../../operator/kube/client.ts'
import { LLM_ROUTES, pathOf } from '../../operator/kube/resource.ts'
import { apply, mockProvider, namespace, type PodAddress, podsOf, prober, rolledOut } from './support/applications.ts'
import { attachCluster } from './support/cluster.ts'
import { eventually } from './support/patience.ts'
import { createRelease, provideImages } from './support/product.ts'

/** Fewer to try the script itself: `node test/cluster/propagation.ts 2`. */
const CHANGES = Number(process.argv[2] ?? 60)
const WARM_UP = 3
const NAMESPACE = 'propagation'
const EDGES_MS = [50, 100, 150, 200, 250, 300, 400, 500, 700, 1000, 2000, Number.POSITIVE_INFINITY]
const PAGE = path.join(import.meta.dirname, '../../docs/propagation.md')

interface Series {
  pods: number
  everyMs: number
  /** Of every pod and every change. */
  each: number[]
  /** Of every change: until its last pod. */
  last: number[]
}

const attached = await attachCluster()
if (attached === undefined) throw new Error('no cluster is up: make cluster-up')
const cluster = attached
const images = await provideImages(cluster)
const release = await createRelease(cluster, images)
const client = createKubeClient({ kubeconfig: cluster.place.kubeconfig, userAgent: 'outrigger-propagation' })
let model = 0
try {
  await release.remove()
  await release.apply()
  await apply(cluster, namespace(NAMESPACE), ...mockProvider('mock', NAMESPACE, images))
  await rolledOut(cluster, NAMESPACE, 'mock')
  await applyProvider()
  const series = [await measure(1, 10), await measure(20, 50)]
  await writeFile(PAGE, page(series))
  console.log(page(series))
} finally {
  await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=180s'], {
    timeoutMs: 200_000,
  })
  await release.remove()
  client.close()
}

async function applyProvider(): Promise<void> {
  const models = Array.from({ length: 2 * (CHANGES + WARM_UP + 1) + 1 }, (_, number) => ({ name: `model-${number}` }))
  const credentials = [{ name: 'primary', secretRef: { name: 'mock', key: 'api-key' } }]
  const metadata = { name: 'mock', namespace: NAMESPACE }
  const openAI = { baseURL: `http://mock.${NAMESPACE}.svc:8789/v1` }
  await apply(
    cluster,
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { 'api-key': 'sk-mock' } },
    {
      ...{ apiVersion: 'outrigger.dev/v1alpha1', kind: 'LLMProvider', metadata },
      spec: { type: 'OpenAI', openAI, credentials, models },
    },
  )
}

async function applyRoute(): Promise<string> {
  const name = `model-${++model}`
  const backends = [{ provider: { name: 'mock' }, model: name }]
  const body = {
    ...{ apiVersion: LLM_ROUTES.apiVersion, kind: LLM_ROUTES.kind, metadata: { name: 'chat', namespace: NAMESPACE } },
    spec: { rules: [{ name: 'chat', backends }] },
  }
  await client.request({
    ...{ method: 'PATCH', path: pathOf(LLM_ROUTES, { namespace: NAMESPACE, name: 'chat' }), body },
    ...{ contentType: 'application/apply-patch+yaml', query: { fieldManager: 'propagation', force: 'true' } },
  })
  return name
}

async function measure(count: number, everyMs: number): Promise<Series> {
  await applyRoute()
  await apply(cluster, prober('prober', NAMESPACE, images, { count, everyMs }))
  await rolledOut(cluster, NAMESPACE, 'prober')
  const pods = await eventually(`there are ${count} pods`, async () => {
    const found = await podsOf(cluster, NAMESPACE, 'prober')
    return found.length === count && found
  })
  const series: Series = { pods: count, everyMs, each: [], last: [] }
  for (let change = 0; change < WARM_UP + CHANGES; change++) {
    await sleep(500 + Math.random() * 1000)
    const startMs = Date.now()
    const name = await applyRoute()
    const latencies = (await servedAt(pods, name)).map((atMs) => atMs - startMs)
    if (change < WARM_UP) continue
    series.each.push(...latencies)
    series.last.push(Math.max(...latencies))
  }
  await cluster.kubectl(['delete', 'deployment', 'prober', '--namespace', NAMESPACE, '--timeout=120s'])
  return series
}

async function servedAt(pods: readonly PodAddress[], name: string): Promise<number[]> {
  // Looks rarely: what looks is on the same two cores.
  return await eventually(
    `all pods serve by ${name}`,
    async () => {
      const all = await Promise.all(pods.map(firstAnswers))
      const times = all.map((first) => first[name]).filter((atMs) => atMs !== undefined)
      return times.length === pods.length && times
    },
    { everyMs: 500 },
  )
}

async function firstAnswers({ ip }: PodAddress): Promise<Record<string, number>> {
  const answer = await fetch(`http://${ip}:8080/`)
  return ((await answer.json()) as { first: Record<string, number> }).first
}

function page(all: readonly Series[]): string {
  const cpu = os.cpus()
  const machine = `${cpu.length} cores (${cpu[0]?.model.trim()}), ${Math.round(os.totalmem() / 2 ** 30)} GiB`
  return `# How fast a change arrives

From the request that changes an \`LLMRoute\` to the first answer that an application in a pod gets by it. Written by
\`make cluster-propagation\`, which changes the model of a route ${CHANGES} times while every pod asks through its sidecar: one real
node with API server, kubelet, Outrigger, applications and provider on one machine, ${machine}, ${new Date().toISOString().slice(0, 10)}.
kubectl's own start is not in it; the time between two questions of a pod is.

| pods | questions every | samples | p50 | p90 | p99 | worst | last pod of a change: p50 | p99 |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${all.map(row).join('\n')}

${all.map(histogram).join('\n\n')}
`
}

function row({ pods, everyMs, each, last }: Series): string {
  const ms = (values: readonly number[], part: number): string => `${quantile(values, part)} ms`
  const cells = [
    pods,
    `${everyMs} ms`,
    each.length,
    ms(each, 0.5),
    ms(each, 0.9),
    ms(each, 0.99),
    ms(each, 1),
    ms(last, 0.5),
    ms(last, 0.99),
  ]
  return `| ${cells.join(' | ')} |`
}

/** The smallest value that so many are not above. */
function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}

function histogram({ pods, each }: Series): string {
  const lines = EDGES_MS.map((edge, i) => {
    const count = each.filter((ms) => ms <= edge && ms > (EDGES_MS[i - 1] ?? -1)).length
    const bar = '█'.repeat(Math.round((60 * count) / each.length))
    return `${(edge === Number.POSITIVE_INFINITY ? 'more' : `≤ ${edge} ms`).padStart(9)} ${String(count).padStart(5)} ${bar}`.trimEnd()
  })
  return `With ${pods === 1 ? 'one pod' : `${pods} pods`}:\n\n\`\`\`\n${lines.join('\n')}\n\`\`\``
}
