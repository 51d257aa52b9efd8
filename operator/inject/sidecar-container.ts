// The sidecar as it lies in a pod: a native sidecar container and the volume that it reads. Goes in: the settings. Comes out:
// two objects of the Kubernetes API, as they are sent. They pass Pod Security `restricted` and ask for no privilege.

import { SHARES_ANNOTATION, SHARES_FILE } from '../../contract/limit-shares.ts'
import {
  ADMIN_PORT,
  CREDENTIALS_SECRET,
  LABELS_FILE,
  MOUNT_PATH,
  SHARDS_MAX,
  SIDECAR_CONTAINER,
  shardConfigMap,
  VOLUME,
} from '../../contract/names.ts'
import { workloadOf } from '../rollout/workload.ts'
import { type RawObject, recordAt, recordsAt, textAt } from './raw-object.ts'
import type { InjectionSettings } from './settings.ts'

/** Of the image: no user of the node, and the one that most images without a root user have. */
const SIDECAR_USER = 65532

/**
 * Every address of the pod, because the kubelet probes its first address and Prometheus may take any. The IPv6 wildcard takes
 * IPv4 as well, also where sysctls have taken IPv6 off all interfaces; 0.0.0.0 would not answer in a pod that has IPv6 only.
 * The pod's own address by downward API would, but `kubectl port-forward` connects to the loopback one.
 */
const ADMIN_ADDRESS = `[::]:${ADMIN_PORT}`

const SECURITY_CONTEXT: RawObject = {
  runAsNonRoot: true,
  runAsUser: SIDECAR_USER,
  runAsGroup: SIDECAR_USER,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

export function sidecarContainer(settings: InjectionSettings, pod: RawObject): RawObject {
  return {
    name: SIDECAR_CONTAINER,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: ['sidecar'],
    restartPolicy: 'Always',
    env: [...ownVariables(pod), ...settings.env],
    // Declared because a PodMonitor's portNumber matches only what is; without a name because several consumers of named
    // ports look at spec.containers only, so that nobody comes to depend on one.
    ports: [{ containerPort: ADMIN_PORT, protocol: 'TCP' }],
    // The application's containers wait for the first success: so every second, and for two minutes on a node that is busy.
    startupProbe: {
      httpGet: { path: '/startupz', port: ADMIN_PORT },
      periodSeconds: 1,
      timeoutSeconds: 5,
      failureThreshold: 120,
    },
    // A restart ends all open requests of the pod: only after half a minute of silence.
    livenessProbe: {
      httpGet: { path: '/livez', port: ADMIN_PORT },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 3,
    },
    readinessProbe: {
      httpGet: { path: '/readyz', port: ADMIN_PORT },
      periodSeconds: 5,
      timeoutSeconds: 5,
      failureThreshold: 3,
    },
    // A pod that declares them as a whole would be invalid with ours on top.
    ...(recordAt(pod, 'spec').resources === undefined && { resources: settings.resources }),
    securityContext: SECURITY_CONTEXT,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [{ name: VOLUME, mountPath: MOUNT_PATH, readOnly: true }],
  }
}

/** Where it listens, and who it is, for what it counts by pod and by workload and shares with others. */
function ownVariables(pod: RawObject): RawObject[] {
  const metadata = recordAt(pod, 'metadata')
  const owners = recordsAt(metadata, 'ownerReferences').map((owner) => ({
    ...{ kind: textAt(owner, 'kind') ?? '', name: textAt(owner, 'name') ?? '', controller: owner.controller === true },
  }))
  // The name of a pod is not known yet where the API server makes it.
  const workload = workloadOf({ labels: recordAt(metadata, 'labels'), owners }) ?? 'Pod/$(OUTRIGGER_POD)'
  return [
    { name: 'OUTRIGGER_ADMIN', value: ADMIN_ADDRESS },
    { name: 'OUTRIGGER_LIMIT_SHARES', value: 'assigned' },
    { name: 'OUTRIGGER_POD', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
    { name: 'OUTRIGGER_WORKLOAD', value: workload },
  ]
}

/**
 * One projected volume, because all of it is swapped at once: the document is never paired with the credentials of another
 * time. Everything but what the pod itself tells is optional: a pod starts, and its sidecar says that it has no configuration, before
 * anything is published for its namespace.
 *
 * Mode 0444: the kubelet writes the files as root and gives to the container's user only tokens of service accounts; to a
 * group only when the pod has an fsGroup, which is the application's to choose. So the sidecar reads as "others". Nobody
 * else can: no other container mounts the volume, and on the node only root enters the pods' folder.
 */
export function sidecarVolume(): RawObject {
  const configMaps = Array.from({ length: SHARDS_MAX }, (_, shard) => shardConfigMap(shard))
  return {
    name: VOLUME,
    projected: {
      defaultMode: 0o444,
      sources: [
        ...configMaps.map((name) => ({ configMap: { name, optional: true } })),
        { secret: { name: CREDENTIALS_SECRET, optional: true } },
        { downwardAPI: { items: DOWNWARD_ITEMS } },
      ],
    },
  }
}

/** Labels choose the routes. The annotation holds the shares of limits; while there is none its file is empty. */
const DOWNWARD_ITEMS: readonly RawObject[] = [
  [LABELS_FILE, 'metadata.labels'],
  [SHARES_FILE, `metadata.annotations['${SHARES_ANNOTATION}']`],
].map(([path, fieldPath]) => ({ path, fieldRef: { apiVersion: 'v1', fieldPath } }))
