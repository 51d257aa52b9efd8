// Where scale is measured: a control plane that tells every request of the operator apart (audit), the chart's objects without its
// Deployment, and fake nodes whose pods run at once and do nothing (kwok). The operator runs as a process with the rights of the
// chart's ServiceAccount, so that fairness limits and the chart's admission policy hold for it as in a cluster; as cluster-admin it
// would be exempt from both. In: an empty folder. Out: a `Site`.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { createKubeClient, type KubeClient } from '../../../operator/kube/client.ts'
import { binary, KUBERNETES_VERSION } from '../support/binaries.ts'
import { type Cluster, startControlPlane } from '../support/cluster.ts'
import { run } from '../support/command.ts'
import { type ComponentName, component } from '../support/components.ts'
import { eventually } from '../support/patience.ts'
import { FAKE_NODE, NODES, nodeName } from './objects.ts'

export interface Site {
  readonly cluster: Cluster
  /** As cluster-admin. */
  readonly admin: KubeClient
  /** Of the operator's ServiceAccount. */
  readonly kubeconfig: string
  readonly injectionFile: string
  /** One line of JSON for each request of the operator. */
  readonly auditFile: string
  stop(): Promise<void>
}

/** An address of this machine that is no loopback address, which no endpoint may have: cluster.mk adds it. */
export const HOST = '10.243.0.1'
export const WEBHOOK_PORT = 8443

const STAGES = path.join(import.meta.dirname, 'stages.yaml')
const CHART = path.join(import.meta.dirname, '../../../charts/outrigger')
const NAMESPACE = 'outrigger'
const ACCOUNT = `system:serviceaccount:${NAMESPACE}:outrigger`
/** Of the chart: what would run pods, which nobody schedules here. */
const LEFT_OUT: readonly string[] = ['Deployment', 'PodDisruptionBudget']

interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string }
  data?: Readonly<Record<string, string>>
  spec?: { selector?: object }
}

export async function openSite(folder: string): Promise<Site> {
  const cluster = await startControlPlane(folder)
  const files = { auditFile: path.join(folder, 'audit.log'), injectionFile: path.join(folder, 'injection.json') }
  try {
    await startAgain(cluster, files.auditFile)
    await install(cluster, files.injectionFile)
    await startFakeNodes(cluster)
    const kubeconfig = await writeOperatorKubeconfig(cluster)
    const admin = createKubeClient({ kubeconfig: cluster.place.kubeconfig, userAgent: 'scale' })
    return {
      ...{ cluster, admin, kubeconfig, ...files },
      async stop() {
        admin.close()
        await cluster.stop()
      },
    }
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

/**
 * The API server begins again, with a log of what the operator asks for, and the controller manager without what would touch
 * pods when this machine is too busy for a fake node's heartbeat.
 */
async function startAgain(cluster: Cluster, auditFile: string): Promise<void> {
  const { place, kubectl } = cluster
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata', users: [ACCOUNT] }, { level: 'None' }],
  }
  const policyFile = path.join(place.folder, 'audit-policy.json')
  await writeFile(policyFile, JSON.stringify(policy))
  await withFlags(cluster, 'kube-apiserver', [`--audit-policy-file=${policyFile}`, `--audit-log-path=${auditFile}`])
  await eventually('the API server is ready', () => kubectl(['get', '--raw', '/readyz']))
  await withFlags(cluster, 'kube-controller-manager', ['--controllers=*,-node-lifecycle-controller'])
}

async function withFlags(cluster: Cluster, name: ComponentName, flags: readonly string[]): Promise<void> {
  const program = component(name, cluster.place, cluster.kubernetes)
  await cluster.endProgram(name)
  await cluster.startProgram({ ...program, args: [...program.args, ...flags] })
}

async function install({ kubectl }: Cluster, injectionFile: string): Promise<void> {
  const helm = await binary('helm')
  const line = ['template', 'outrigger', CHART, '--namespace', NAMESPACE, '--kube-version', KUBERNETES_VERSION]
  const text = await run(helm, line)
  const manifests = parseAllDocuments(text).flatMap((document) => (document.toJS() as Manifest | null) ?? [])
  const settings = manifests.find(({ kind, metadata: { name } }) => kind === 'ConfigMap' && name.endsWith('-injection'))
  await writeFile(injectionFile, settings?.data?.['injection.json'] ?? '')
  const objects = manifests.filter(({ kind }) => !LEFT_OUT.includes(kind)).flatMap(withEndpoint)
  await kubectl(['create', 'namespace', NAMESPACE])
  const input = objects.map((object) => JSON.stringify(object)).join('\n---\n')
  await kubectl(['apply', '--server-side', '--namespace', NAMESPACE, '--filename', '-'], { input })
}

/** Without a node, the Service's endpoint is the process; the API server goes straight to it. */
function withEndpoint(manifest: Manifest): Manifest[] {
  if (manifest.kind !== 'Service') return [manifest]
  const { name } = manifest.metadata
  const { selector, ...spec } = manifest.spec ?? {}
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-process`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [HOST], conditions: { ready: true } }],
    ports: [{ name: 'webhook', port: WEBHOOK_PORT, protocol: 'TCP' }],
  }
  return [{ ...manifest, spec }, slice]
}

async function startFakeNodes(cluster: Cluster): Promise<void> {
  const nodes = Array.from({ length: NODES }, (_, index) => ({ ...FAKE_NODE, metadata: { name: nodeName(index) } }))
  await cluster.kubectl(['apply', '--filename', '-'], {
    input: nodes.map((node) => JSON.stringify(node)).join('\n---\n'),
  })
  const { place } = cluster
  // Every address of 127/8 is this machine: one server can answer for all pods.
  const flags = ['--manage-all-nodes=true', '--cidr=127.80.0.0/16', '--node-ip=127.0.0.1']
  await cluster.startProgram({
    name: 'kwok',
    command: await binary('kwok'),
    args: [`--kubeconfig=${place.kubeconfig}`, `--config=${STAGES}`, ...flags],
    env: { HOME: place.folder },
  })
  const nodesReady = ['wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=60s']
  await cluster.kubectl(nodesReady)
}

async function writeOperatorKubeconfig({ kubectl, place }: Cluster): Promise<string> {
  const token = await kubectl(['create', 'token', 'outrigger', '--namespace', NAMESPACE, '--duration', '12h'])
  const config = JSON.parse(await kubectl(['config', 'view', '--raw', '--output', 'json'])) as {
    users: [{ user: object }]
  }
  config.users[0].user = { token }
  const kubeconfig = path.join(place.folder, 'operator.kubeconfig')
  await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 })
  return kubeconfig
}
