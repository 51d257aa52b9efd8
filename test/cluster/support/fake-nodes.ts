// Nodes that are nothing but objects (kwok): their pods are "running" as soon as they are scheduled, which makes thousands of them
// affordable. In: a cluster, a number. Out: nodes, and a program that plays their kubelets. Such a pod has an address that nobody
// answers on; real nodes are not touched, and real pods never land on a fake one, because it is tainted.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { binary } from './binaries.ts'
import type { Cluster } from './cluster.ts'
import { eventually } from './patience.ts'

/** For a pod's `nodeSelector`. */
export const FAKE_NODE_LABELS = { 'test.outrigger.dev/node': 'fake' }

/** For a pod's `tolerations`. */
export const FAKE_NODE_TOLERATION = { key: 'test.outrigger.dev/fake', operator: 'Exists', effect: 'NoSchedule' }

const PROGRAM = 'kwok'
const LEASE_SECONDS = '40'

/** What a pod's status says when it runs; kwok fills it in as a template of its own. Native sidecars run, init containers have ended. */
const RUNNING_POD = `
{{ $now := Now | Quote }}
phase: Running
startTime: {{ $now }}
conditions:
{{ range $type := list "Initialized" "ContainersReady" "Ready" }}
- { type: {{ $type }}, status: "True", lastTransitionTime: {{ $now }} }
{{ end }}
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
{{ end }}
{{ with PodIPsWith .spec.nodeName false (or .metadata.uid "") (or .metadata.name "") (or .metadata.namespace "") }}
podIP: {{ index . 0 | Quote }}
podIPs: [{ ip: {{ index . 0 | Quote }} }]
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- { name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: true, started: true, restartCount: 0, state: { running: { startedAt: {{ $now }} } } }
{{ end }}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
  {{ if eq (or .restartPolicy "") "Always" }}
  started: true
  state: { running: { startedAt: {{ $now }} } }
  {{ else }}
  state: { terminated: { exitCode: 0, reason: Completed, startedAt: {{ $now }}, finishedAt: {{ $now }} } }
  {{ end }}
{{ end }}
`

const READY_NODE = `
{{ $now := Now | Quote }}
phase: Running
conditions:
- { type: Ready, status: "True", reason: KubeletReady, message: "", lastHeartbeatTime: {{ $now }}, lastTransitionTime: {{ $now }} }
allocatable: { cpu: 1k, memory: 1Ti, pods: 100k }
capacity: { cpu: 1k, memory: 1Ti, pods: 100k }
`

/** Starts them, and waits until they are ready. They end with the cluster, or by `removeFakeNodes`. */
export async function startFakeNodes(cluster: Cluster, count: number): Promise<void> {
  const config = path.join(cluster.place.folder, 'kwok.json')
  // Documents of YAML: JSON is YAML.
  await writeFile(config, STAGES.map((stage) => JSON.stringify(stage)).join('\n---\n'))
  const args = [
    `--config=${config}`,
    `--kubeconfig=${cluster.place.kubeconfig}`,
    '--manage-all-nodes=false',
    `--manage-nodes-with-label-selector=${SELECTOR}`,
    `--node-lease-duration-seconds=${LEASE_SECONDS}`,
  ]
  await cluster.startProgram({ name: PROGRAM, command: await binary('kwok'), args })
  const items = Array.from({ length: count }, (_, index) => fakeNode(`fake-${index}`))
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
  await cluster.kubectl(['apply', '--filename=-'], { input: list })
  await eventually('fake nodes are ready', () =>
    cluster.kubectl(['wait', 'node', `--selector=${SELECTOR}`, '--for=condition=Ready', '--timeout=10s']),
  )
}

/** Delete their pods first: nobody else ends them. */
export async function removeFakeNodes(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['delete', 'node', `--selector=${SELECTOR}`, '--ignore-not-found'])
  await cluster.endProgram(PROGRAM)
}

const SELECTOR = Object.entries(FAKE_NODE_LABELS)
  .map(([name, value]) => `${name}=${value}`)
  .join()

function fakeNode(name: string): unknown {
  const { key, effect } = FAKE_NODE_TOLERATION
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: FAKE_NODE_LABELS },
    spec: { taints: [{ key, effect }] },
  }
}

function stage(name: string, kind: string, matchExpressions: readonly object[], next: object): object {
  const spec = { resourceRef: { apiGroup: 'v1', kind }, selector: { matchExpressions }, next }
  return { apiVersion: 'kwok.x-k8s.io/v1alpha1', kind: 'Stage', metadata: { name }, spec }
}

const DELETED = '.metadata.deletionTimestamp'

const STAGES = [
  stage('node-ready', 'Node', [{ key: '.status.phase', operator: 'NotIn', values: ['Running'] }], {
    statusTemplate: READY_NODE,
  }),
  stage(
    'pod-running',
    'Pod',
    [
      { key: DELETED, operator: 'DoesNotExist' },
      { key: '.status.phase', operator: 'In', values: ['Pending'] },
    ],
    { statusTemplate: RUNNING_POD },
  ),
  stage('pod-gone', 'Pod', [{ key: DELETED, operator: 'Exists' }], { delete: true }),
]
