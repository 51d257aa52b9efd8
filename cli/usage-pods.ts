// Asks the sidecars of a cluster through the API server's pod proxy: no route to the pods is needed, only the right to list pods and to get
// `pods/proxy`. It comes with the operator's Kubernetes client, so it is loaded with that.
import { ADMIN_PORT, INJECT_LABEL } from '../contract/names.ts'
import { USAGE_PATH } from '../contract/usage-report.ts'
import { createKubeClient, type KubeClient } from '../operator/kube/client.ts'
import { readList } from '../operator/kube/list.ts'
import { PODS, pathOf } from '../operator/kube/resource.ts'
import { createSlots } from '../operator/pace.ts'
import { type RawPod, type SidecarPod, sidecarPodOf } from '../operator/rollout/pod.ts'
import { type Answer, parseUsageReport } from './usage/read-report.ts'

export interface ClusterQuestion {
  /** As `createKubeClient` takes it. */
  kubeconfig: string
  /** Undefined: all of them. */
  namespace: string | undefined
  userAgent: string
}

const PAGE_SIZE = 500
const ASKED_AT_ONCE_MAX = 16
/** A page of pods is the larger; a report has 2,000 rows and some. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/** Each sidecar of each pod that asks for one; a single answer that says why when they cannot even be listed. */
export async function askCluster({ kubeconfig, namespace, userAgent }: ClusterQuestion): Promise<Answer[]> {
  let client: KubeClient | undefined
  try {
    client = createKubeClient({ kubeconfig, userAgent, answerBytesMax: ANSWER_BYTES_MAX })
    return await askPods(client, namespace)
  } catch (error) {
    return [
      { source: namespace === undefined ? 'the cluster' : `namespace ${namespace}`, why: (error as Error).message },
    ]
  } finally {
    client?.close()
  }
}

async function askPods(client: KubeClient, namespace: string | undefined): Promise<Answer[]> {
  const inSlot = createSlots(ASKED_AT_ONCE_MAX)
  const pods = await sidecarPods(client, namespace)
  return Promise.all(pods.map((pod) => inSlot(() => askPod(client, pod))))
}

/** Those that have, or should have, a sidecar. */
async function sidecarPods(client: KubeClient, namespace: string | undefined): Promise<SidecarPod[]> {
  const { listed } = await readList({
    client,
    request: { method: 'GET', path: pathOf(PODS, { namespace }), query: { labelSelector: `${INJECT_LABEL}=true` } },
    pageSize: PAGE_SIZE,
    signal: new AbortController().signal,
    keep: (object) => sidecarPodOf(object as unknown as RawPod),
    onPage: () => {},
  })
  const pods = [...listed.values()].map(({ stored }) => stored)
  return pods.filter(({ state }) => state === 'Running' || state === 'Starting')
}

async function askPod(client: KubeClient, { namespace, name, state }: SidecarPod): Promise<Answer> {
  const source = `${namespace}/${name}`
  if (state !== 'Running') return { source, why: 'its sidecar does not run' }
  const proxy = pathOf(PODS, { namespace, name: `${name}:${ADMIN_PORT}`, subresource: 'proxy' })
  try {
    const report = parseUsageReport(await client.request<unknown>({ method: 'GET', path: `${proxy}${USAGE_PATH}` }))
    if (report === undefined) return { source, why: 'what answers there is no sidecar' }
    // Where it runs is what the API server says, not what the pod does.
    return { source, report: { ...report, namespace, pod: name } }
  } catch (error) {
    return { source, why: (error as Error).message }
  }
}
