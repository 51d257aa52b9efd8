// What runs beside Outrigger in its tests: a provider, and applications that ask it. In: names. Out: manifests, and what the
// applications count.
import type { Cluster } from './cluster.ts'
import { eventually } from './patience.ts'
import type { Images } from './product.ts'

/** As apps/traffic.ts counts. */
export interface Counts {
  answered: number
  failed: number
  errors: string[]
  providers: Record<string, number>
  models: Record<string, number>
}

export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
  [field: string]: unknown
}

/** Applied as they are; kubectl reads JSON, too. */
export async function apply(cluster: Cluster, ...objects: readonly Manifest[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
  await cluster.kubectl(['apply', '--filename', '-'], { input })
}

/** With Pod Security `restricted`, enforced. */
export function namespace(name: string, labels: Record<string, string> = {}): Manifest {
  const metadata = { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted', ...labels } }
  return { apiVersion: 'v1', kind: 'Namespace', metadata }
}

/** The mock provider as a Deployment with a Service of that name, on 8789. */
export function mockProvider(name: string, namespace: string, { outrigger }: Images): Manifest[] {
  const labels = { app: name }
  const container = {
    name: 'mock',
    args: ['mock', '--listen', '0.0.0.0:8789'],
    readinessProbe: { tcpSocket: { port: 8789 } },
  }
  return [
    deployment(name, namespace, { labels, replicas: 1, container: { image: outrigger, ...container } }),
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } },
      spec: { selector: labels, ports: [{ port: 8789 }] },
    },
  ]
}

/** apps/traffic.ts with the label that asks for a sidecar; asks through OpenAI's SDK. */
export function traffic(name: string, namespace: string, images: Images, replicas = 1): Manifest {
  return deployment(name, namespace, trafficOptions(name, images, { replicas, args: [] }))
}

/** The same through Anthropic's. */
export function anthropicTraffic(name: string, namespace: string, images: Images, replicas = 1): Manifest {
  return deployment(name, namespace, trafficOptions(name, images, { replicas, args: ['--anthropic'] }))
}

function trafficOptions(
  name: string,
  { traffic: image }: Images,
  { replicas, args }: { replicas: number; args: readonly string[] },
): DeploymentOptions {
  const labels = { app: name, 'outrigger.dev/inject': 'true' }
  const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 }
  return { labels, replicas, container: { name: 'app', image, args, readinessProbe } }
}

/** apps/prober.ts, in as many pods. */
export function prober(
  name: string,
  namespace: string,
  { prober: image }: Images,
  { count, everyMs }: { count: number; everyMs: number },
): Manifest {
  const labels = { app: name, 'outrigger.dev/inject': 'true' }
  const env = [{ name: 'PROBE_EVERY_MS', value: String(everyMs) }]
  const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 5 }
  return deployment(name, namespace, {
    labels,
    replicas: count,
    container: { name: 'app', image, env, readinessProbe },
  })
}

/** apps/load.ts. */
export function load(name: string, namespace: string, image: string, replicas = 1): Manifest {
  const labels = { app: name, 'outrigger.dev/inject': 'true' }
  const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 }
  return deployment(name, namespace, { labels, replicas, container: { name: 'app', image, readinessProbe } })
}

interface DeploymentOptions {
  labels: Record<string, string>
  replicas: number
  container: object
}

function deployment(name: string, namespace: string, { labels, replicas, container }: DeploymentOptions): Manifest {
  return {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels }, spec: podSpec(container) },
    },
  }
}

/** What `restricted` asks for. */
export function podSpec(container: object, rest: object = {}): object {
  return {
    ...{ automountServiceAccountToken: false, terminationGracePeriodSeconds: 20 },
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [restricted(container)],
    ...rest,
  }
}

/** A container as `restricted` asks for it, of an image that is there. */
export function restricted(container: object): object {
  const capabilities = { drop: ['ALL'] }
  return { imagePullPolicy: 'Never', securityContext: { allowPrivilegeEscalation: false, capabilities }, ...container }
}

export async function rolledOut(cluster: Cluster, namespace: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await cluster.kubectl(['--namespace', namespace, 'rollout', 'status', `deployment/${name}`, '--timeout=180s'], {
      timeoutMs: 200_000,
    })
  }
}

export interface PodAddress {
  name: string
  ip: string
}

/** Of the pods with the label `app`, those that are not on their way out. */
export async function podsOf(cluster: Cluster, namespace: string, app: string): Promise<PodAddress[]> {
  const text = await cluster.kubectl([
    '--namespace',
    namespace,
    'get',
    'pods',
    '--selector',
    `app=${app}`,
    '--output',
    'json',
  ])
  const { items } = JSON.parse(text) as { items: RawPod[] }
  return items
    .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.podIP !== undefined)
    .map(({ metadata, status }) => ({ name: metadata.name, ip: status.podIP ?? '' }))
}

interface RawPod {
  metadata: { name: string; deletionTimestamp?: string }
  status: { podIP?: string }
}

export async function countsOf({ ip }: PodAddress): Promise<Counts> {
  const response = await fetch(`http://${ip}:8080/`)
  return (await response.json()) as Counts
}

/** All pods of an application together. */
export async function countsOfAll(pods: readonly PodAddress[]): Promise<Counts> {
  const all = await Promise.all(pods.map(countsOf))
  const sum = (a: Record<string, number>, b: Record<string, number>): Record<string, number> =>
    Object.fromEntries(
      [...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]),
    )
  return all.reduce((a, b) => ({
    answered: a.answered + b.answered,
    failed: a.failed + b.failed,
    errors: [...a.errors, ...b.errors],
    providers: sum(a.providers, b.providers),
    models: sum(a.models, b.models),
  }))
}

/** Until this many more answers came; what failed meanwhile is for the caller to compare. */
export async function moreAnswers(pods: readonly PodAddress[], count: number): Promise<Counts> {
  const { answered } = await countsOfAll(pods)
  return await eventually(`${count} more answers`, async () => {
    const counts = await countsOfAll(pods)
    return counts.answered >= answered + count && counts
  })
}
