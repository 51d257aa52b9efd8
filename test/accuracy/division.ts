// The operator's part where sidecars have shares: its real keeper and book ask the sidecars on their admin servers, and write shares for
// them. There is no cluster: the annotation that is patched becomes the file `limit-shares` in the sidecar's mounted directory at once,
// as a kubelet would bring it, and the ledger of the namespace is kept in memory.
import { SHARES_ANNOTATION, SHARES_FILE } from '../../contract/limit-shares.ts'
import type { SidecarConfig } from '../../contract/sidecar-config.ts'
import { createSidecarAsker } from '../../operator/kube/ask-sidecar.ts'
import { KubeError, type KubeRequest } from '../../operator/kube/client.ts'
import { systemClock } from '../../operator/kube/clock.ts'
import { ShareKeeper } from '../../operator/kube/share-keeper.ts'
import type { SidecarPod } from '../../operator/rollout/pod.ts'
import { createLog } from '../../process/log.ts'
import type { TestSidecar } from '../support/sidecar.ts'

export interface Division {
  close(): void
}

/** `keys` are published with the document again and again. */
export function startDivision(
  sidecars: readonly TestSidecar[],
  config: SidecarConfig,
  keys: Readonly<Record<string, string>>,
): Division {
  const pods = sidecars.map((sidecar, at) => podOf(sidecar, at))
  const asker = createSidecarAsker(pods.length)
  const keeper = new ShareKeeper({
    client: { request },
    askLimits: asker.askLimits,
    writeTurn: async () => {},
    onWrite() {},
    onTotals() {},
    onUse() {},
    clock: systemClock,
    random: Math.random,
    log: createLog({ level: 'warn', service: 'operator', format: 'pretty', write: console.error, now: Date.now }),
  })
  let ledger: unknown

  async function request<Answer>({ method, path, body }: KubeRequest): Promise<Answer> {
    const at = pods.findIndex(({ name }) => path.endsWith(`/pods/${name}`))
    if (at >= 0) return (await annotate(at, body as AnnotationPatch)) as Answer
    if (method === 'PATCH') ledger = body
    if (method === 'DELETE') ledger = undefined
    if (ledger === undefined) throw new KubeError('there is none', { status: 404, reason: 'NotFound' })
    return ledger as Answer
  }

  async function annotate(at: number, { metadata: { annotations } }: AnnotationPatch): Promise<unknown> {
    const pod = pods[at] as SidecarPod
    const annotation = annotations[SHARES_ANNOTATION] ?? ''
    const resourceVersion = String(Number(pod.sharing.resourceVersion) + 1)
    pods[at] = { ...pod, sharing: { ...pod.sharing, annotation, resourceVersion } }
    await sidecars[at]?.publish({ config, keys: { ...keys, [SHARES_FILE]: annotation } })
    keeper.setPod(pods[at])
    return { metadata: { resourceVersion } }
  }

  keeper.setDocument(config.namespace, config)
  for (const pod of pods) keeper.setPod(pod)
  return {
    close() {
      keeper.close()
      asker.close()
    },
  }
}

interface AnnotationPatch {
  metadata: { annotations: Record<string, string> }
}

function podOf({ adminUrl }: TestSidecar, at: number): SidecarPod {
  const admin = new URL(adminUrl).host
  return {
    ...{ namespace: 'shop', name: `pod-${at}`, uid: `pod-${at}`, labels: {}, state: 'Running', admin },
    ...{ image: undefined, restarts: 0, started: true },
    sharing: { workload: 'Deployment/shop', admin, annotation: undefined, resourceVersion: '1' },
  }
}
